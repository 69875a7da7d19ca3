"""Training straight from source files: what the registered readers of all formats share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional, Union

from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.augment import dont_augment

from .problems import Problems

# (path, nlp, *, spans_key, problems, and options of its own with defaults): the documents, one at a time.
Reader = Callable[..., Iterator[Doc]]


class SourceCorpus:
    """Examples from files of any format: `spacy.Corpus` without the DocBin."""

    def __init__(
        self,
        read: Reader,
        path: Path,
        *,
        spans_key: str = "sc",
        strict: bool = False,
        max_length: int = 0,
        augmenter: Optional[Callable] = None,
        **options: Any,
    ) -> None:
        """Read nothing yet.

        read (Reader): The format's reader.
        path (Path): A file or folder.
        spans_key (str): Key of doc.spans to write the spans to.
        strict (bool): Make the first annotation that can't be taken over as it is an error.
        max_length (int): Documents of more tokens are split into sentences; 0 for no limit.
        augmenter (Callable): Makes examples from an example, like that of `spacy.Corpus.v1`.
        **options: The reader's own options.
        """
        self.read = read
        self.path = path
        self.spans_key = spans_key
        self.strict = strict
        self.augmenter = augmenter or dont_augment
        self.options = options
        self._examples = Corpus(path, max_length=max_length)
        self._reported = False

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the files anew.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples, one document at a time. After the last one of the first pass a warning tells
            what could not be taken over.
        """
        problems = Problems(strict=self.strict)
        docs = self.read(self.path, nlp, spans_key=self.spans_key, problems=problems, **self.options)
        for example in self._examples.make_examples(nlp, docs):
            yield from self.augmenter(nlp, example)
        if not self._reported:
            self._reported = True
            problems.warn(self.path)


def reader_options(read: Reader) -> dict[str, inspect.Parameter]:
    """RETURNS (dict): The options that a reader has beside `spans_key` and `problems`, by name."""
    parameters = inspect.signature(read, eval_str=True).parameters.values()
    shared = ("spans_key", "problems")
    return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name not in shared}


def corpus_factory(name: str, read: Reader) -> Callable[..., SourceCorpus]:
    """Make the function that a config names with `@readers`.

    name (str): Its name in the module that it is registered from.
    read (Reader): The format's reader. Its options become those of the function.
    RETURNS (Callable): Takes a path and options, returns what `spacy train` reads examples from.
    """

    # Annotations are objects here, though the module postpones them: confection reads the signature set below.
    def make_corpus(path, spans_key="sc", strict=False, max_length=0, augmenter=None, **options):
        if path is None:
            raise ValueError(SpacyErrors.E913)
        return SourceCorpus(
            read,
            Path(path),
            spans_key=spans_key,
            strict=strict,
            max_length=max_length,
            augmenter=augmenter,
            **options,
        )

    def parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)

    shared = [
        inspect.Parameter("path", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Optional[Union[str, Path]]),
        parameter("spans_key", str, "sc"),
        parameter("strict", bool, False),
        parameter("max_length", int, 0),
        parameter("augmenter", Optional[Callable], None),
    ]
    make_corpus.__signature__ = inspect.Signature([*shared, *reader_options(read).values()])  # type: ignore
    make_corpus.__name__ = make_corpus.__qualname__ = name
    make_corpus.__module__ = f"{__package__}.formats"
    make_corpus.__doc__ = read.__doc__
    return make_corpus
