"""Distillation: what an old pipeline finds in new documents is gold there for the types that they don't have."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Optional, Union

import numpy
import spacy
from spacy.attrs import ORTH, SPACY
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, dont_augment

from ..analysis.component import find_component, get_component
from ..descriptions import read_words
from ..errors import Errors
from ..gold import annotated_labels
from ..text.arrays import Ints2d
from ..text.augmenters import copy_words
from .annotated import CorpusT

# Documents that are in memory at once.
DOCS_AT_ONCE = 16


class DistilledCorpus:
    """A corpus with spans of an old pipeline beside its gold spans.

    The old pipeline runs once over each document. It is loaded when it is needed, and dropped after the first complete
    pass. What it found is kept as numbers.
    """

    def __init__(
        self,
        corpus: CorpusT,
        pipeline: str | Path,
        labels: Iterable[str] | None = None,
        component: str = "",
        augmenter: Callable | None = None,
    ) -> None:
        """
        corpus (Callable): The new corpus.
        pipeline (str / Path): The old pipeline.
        labels (Iterable[str], optional): The old types. None, the default, are all that the pipeline knows.
        component (str): Name of the pipeline's component. Only needed if there are several.
        augmenter (Callable, optional): Makes examples from an example, afterwards. Defaults to None.
        """
        self.corpus = corpus
        self.pipeline = pipeline
        self.labels = None if labels is None else list(labels)
        self.component = component
        self.augmenter = augmenter or dont_augment
        self._spans_key = ""
        self._described: dict[str, list[str]] = {}
        self._nlp: Language | None = None
        # First token, end and label's place of the old spans, by a checksum of the tokens.
        self._found: dict[bytes, Ints2d] = {}

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the documents, and add the old spans.

        nlp (Language): The pipeline that is trained.
        YIELDS (Example): The examples.
        RAISES (ValueError): If a document has gold spans of an old type, and does not say what was annotated in it.
        """
        examples = iter(self.corpus(nlp))
        while batch := list(islice(examples, DOCS_AT_ONCE)):
            self._find([example.reference for example in batch])
            for example in batch:
                self._add_spans(example.reference)
                yield from self.augmenter(nlp, example)
        self._nlp = None

    def _find(self, docs: list[Doc]) -> None:
        """Run the old pipeline over the docs that it has not seen."""
        new = {key: doc for doc in docs if (key := _checksum(doc)) not in self._found}
        if not new:
            return
        if self._nlp is None:
            self._nlp = spacy.load(self.pipeline)
            pipe = get_component(self._nlp, find_component(self._nlp, self.component, option="component"))
            self._spans_key = pipe.key
            self.labels = list(pipe.labels) if self.labels is None else self.labels
            for label in self.labels:
                if label not in pipe.labels:
                    known = ", ".join(pipe.labels)
                    raise ValueError(Errors.B016.format(kind="label", name=label, known=known))
                self._described[label] = list(read_words(pipe.label_data[label]).texts)
        old = self._nlp
        assert self.labels is not None
        place = {label: i for i, label in enumerate(self.labels)}
        for key, doc in zip(new, old.pipe([copy_words(doc, old) for doc in new.values()]), strict=True):
            spans = [(s.start, s.end, place[s.label_]) for s in doc.spans[self._spans_key] if s.label_ in place]
            self._found[key] = numpy.array(spans, dtype="int64").reshape(-1, 3)

    def _add_spans(self, doc: Doc) -> None:
        """Add the old spans of the types that were not annotated."""
        assert self.labels is not None
        gold = doc.spans.get(self._spans_key)
        annotated = annotated_labels(doc, self._spans_key)
        spans = [] if gold is None else list(gold)
        for span in spans:
            if annotated is None and span.label_ in self.labels:
                raise ValueError(Errors.B070.format(label=span.label_, text=span.text, key=self._spans_key))
        old = [label for label in self.labels if annotated is None or label not in annotated]
        for start, end, place in self._found[_checksum(doc)].tolist():
            if self.labels[place] in old:
                spans.append(Span(doc, start, end, label=self.labels[place]))
        attrs: dict[str, Any] = {} if annotated is None else {"labels": [*annotated, *old]}
        if gold is not None and isinstance(described := gold.attrs.get("labels"), Mapping):
            # The document describes its types itself.
            attrs["labels"] = {**described, **{label: self._described[label] for label in old}}
        if gold is not None and "corpus" in gold.attrs:
            attrs["corpus"] = gold.attrs["corpus"]
        doc.spans[self._spans_key] = SpanGroup(doc, name=self._spans_key, spans=spans, attrs=attrs)


def _checksum(doc: Doc) -> bytes:
    return hashlib.blake2b(doc.to_array([ORTH, SPACY]).tobytes(), digest_size=16).digest()


def make_distilled_corpus(
    corpus: Callable,
    pipeline: Union[str, Path],
    labels: Optional[Union[list[str], dict[str, Any]]] = None,
    component: str = "",
    augmenter: Optional[Callable] = None,
) -> DistilledCorpus:
    """Train from a new corpus, with the spans that an old pipeline finds in it (`spacy_binder.Distilled.v1`).

    They are gold for the types that the new documents were not annotated with, so that these are not forgotten. The
    old pipeline runs once over each document.

    corpus (Callable): The new corpus, without an augmenter.
    pipeline (Union[str, Path]): The old pipeline, most often the one that is trained further.
    labels (list / dict): The types to take from it, or a dict with these as keys. Types that a document was annotated
        with are not taken. Defaults to None: all that it knows.
    component (str): Name of its component. Defaults to "": the only one.
    augmenter (Optional[Callable]): Makes examples from an example, as for `spacy.Corpus.v1`, when the spans are there.
        Defaults to None.
    """
    return DistilledCorpus(corpus, pipeline, labels, component, augmenter)
