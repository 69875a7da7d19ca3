"""Train directly from source files: the corpus that the registered readers of all formats return."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from .problems import Problems

# Called with (path, nlp, *, spans_key, problems) and the format's own options. Yields one Doc at a time.
Reader = Callable[..., Iterator[Doc]]


class SourceCorpus(Corpus):
    """A `spacy.Corpus` that reads source files instead of DocBins."""

    def __init__(
        self,
        read: Reader,
        path: str | Path | None,
        spans_key: str = "sc",
        strict: bool = False,
        max_length: int = 0,
        augmenter: Callable | None = None,
        **options: Any,
    ) -> None:
        """Store the settings. No file is read yet.

        read (Reader): Reader of the format.
        path (Union[str, Path]): File or folder.
        spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
        strict (bool): Whether the first annotation that does not fit is an error. Defaults to False.
        max_length (int): Maximum number of tokens per document. Longer documents are split into sentences. Defaults
            to 0, which means no limit.
        augmenter (Optional[Callable]): Makes examples from an example, as for `spacy.Corpus.v1`. Defaults to None.
        **options: Own options of the reader.
        RAISES (ValueError): If the path is None.
        """
        if path is None:
            raise ValueError(SpacyErrors.E913)
        super().__init__(path, max_length=max_length, augmenter=augmenter)
        self.read = read
        self.spans_key = spans_key
        self.strict = strict
        self.options = options
        self._has_warned = False

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the files again from the start. The first complete pass ends with a warning about the problems.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples.
        """
        problems = Problems(strict=self.strict)
        docs = self.read(self.path, nlp, spans_key=self.spans_key, problems=problems, **self.options)
        for example in self.make_examples(nlp, docs):
            yield from self.augmenter(nlp, example)
        if not self._has_warned:
            self._has_warned = True
            problems.warn(self.path)


def reader_options(read: Reader) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Name and default of each option that only this reader has."""
    parameters = inspect.signature(read).parameters.values()
    shared = ("spans_key", "problems")
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in shared}
