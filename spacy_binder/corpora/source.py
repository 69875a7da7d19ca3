"""Train directly from source files: the corpus that the registered readers of all formats return."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from ..errors import Errors, Warnings
from ..text.augmenters import OR_SENTENCES, copy_words, count_lost, cut_doc, passage_borders
from .annotated import check_annotated, find_labels, say_annotated
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
        annotated: Iterable[str] | None = None,
        **options: Any,
    ) -> None:
        """Store the settings. No file is read yet.

        read (Reader): Reader of the format.
        path (Union[str, Path]): File or folder.
        spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
        strict (bool): Whether the first annotation that does not fit is an error. Defaults to False.
        max_length (int): Maximum number of tokens per document. Longer documents are cut at sentence starts. A longer
            sentence is cut where no span is crossed, if there is such a place. Defaults to 0, which means no limit.
        augmenter (Optional[Callable]): Makes examples from an example, as for `spacy.Corpus.v1`. Defaults to None.
        annotated (list / dict / str): Labels of the types that were annotated in the documents, or a dict with these as
            keys. "found" stands for the labels that occur, and reads the files once more. Defaults to None: all types
            were.
        **options: Own options of the reader.
        RAISES (ValueError): If the path is None, max_length is below 0, or annotated is another text than "found".
        """
        if path is None:
            raise ValueError(SpacyErrors.E913)
        if max_length < 0:
            raise ValueError(Errors.B007.format(setting="max_length", least=0, value=max_length))
        super().__init__(path, max_length=max_length, augmenter=augmenter)
        self.read = read
        self.spans_key = spans_key
        self.strict = strict
        self.options = options
        self.annotated = None
        self._find_annotated = False
        if annotated is not None:
            self.annotated = check_annotated(annotated, option="annotated", name="a reader")
            self._find_annotated = self.annotated is None
        self._has_warned = False

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the files again from the start. The first complete pass ends with warnings about what was left out.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples. Documents without tokens give none.
        RAISES (ValueError): If there is no document, a file is not in the format, or a span has a label that is none of
            the annotated ones.
        """
        if self._find_annotated:
            self.annotated = find_labels(self._read(nlp, Problems(strict=self.strict)), self.spans_key)
            self._find_annotated = False
        problems = Problems(strict=self.strict)
        n_docs = n_lost = 0
        for doc in self._read(nlp, problems):
            n_docs += 1
            if self.annotated is not None:
                say_annotated(doc, self.annotated, self.spans_key)
            passages: Iterable[Doc] = [doc] if len(doc) else []
            if 0 < self.max_length < len(doc):
                borders = passage_borders(doc, self.max_length)
                passages = cut_doc(doc, borders)
                n_lost += count_lost(doc, borders)
            for passage in passages:
                # spaCy's own corpus does the same, except that `nlp.make_doc` refuses long texts.
                predicted = copy_words(passage, nlp) if passage.has_unknown_spaces else nlp.tokenizer(passage.text)
                yield from self.augmenter(nlp, Example(predicted, passage))
        if not n_docs:
            left_out = ", ".join(f"{kind} {n}" for kind, n in problems.counts.most_common())
            raise ValueError(
                Errors.B047.format(place=f"in {self.path}", left_out=f"Left out: {left_out or 'nothing'}.")
            )
        if not self._has_warned:
            self._has_warned = True
            problems.warn(self.path)
            if n_lost:
                lost = {"n": n_lost, "setting": "max_length", "size": self.max_length, "other": OR_SENTENCES}
                warnings.warn(Warnings.BW06.format(**lost), stacklevel=2)

    def _read(self, nlp: Language, problems: Problems) -> Iterator[Doc]:
        return self.read(self.path, nlp, spans_key=self.spans_key, problems=problems, **self.options)


def reader_options(read: Reader) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Name and default of each option that only this reader has."""
    parameters = inspect.signature(read).parameters.values()
    shared = ("spans_key", "problems")
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in shared}
