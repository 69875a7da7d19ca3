"""Give the types of a corpus the labels that they have in a mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from ..errors import Errors
from ..gold import annotated_labels


@dataclass
class Renaming:
    """How the labels of a corpus become labels of a mix.

    corpus (str): Name of the corpus.
    labels (Mapping): New label of a label. None or "" if its spans are left out.
    prefix (str): What comes before each label that `labels` doesn't name. Defaults to "".
    """

    corpus: str
    labels: Mapping[str, str | None]
    prefix: str = ""

    def rename(self, label: str) -> str:
        """Find the new label of a label.

        label (str): The label.
        RETURNS (str): The new label, or "" if its spans are left out.
        RAISES (ValueError): If the label is empty.
        """
        if not label:
            raise ValueError(Errors.B001.format(name=self.corpus, label=label))
        return (self.labels[label] or "") if label in self.labels else f"{self.prefix}{label}"

    def rename_all(self, labels: Iterable[str]) -> list[str]:
        """RETURNS (list[str]): The new labels of some labels, each once, without those that are left out."""
        return [label for label in dict.fromkeys(map(self.rename, labels)) if label]


@dataclass
class CorpusCounts:
    """What a corpus has.

    examples (int): Number of examples.
    n_silent (int): Number of documents that don't say which types were annotated in them.
    labels (dict): The labels of spans, and those that documents say were annotated in them, in order of occurrence.
    spans (int): Number of spans after renaming.
    left_out (int): Number of spans whose label is left out.
    doubles (int): Number of spans that have the place and, after renaming, the label of another one.
    """

    examples: int = 0
    n_silent: int = 0
    labels: dict[str, None] = field(default_factory=dict)
    spans: int = 0
    left_out: int = 0
    doubles: int = 0

    def add(self, doc: Doc, spans_key: str, renaming: Renaming) -> None:
        """Add a doc.

        doc (Doc): A doc with gold spans.
        spans_key (str): Key of doc.spans with the gold spans.
        renaming (Renaming): The new labels.
        RAISES (ValueError): If a span has no label, or one that was not annotated.
        """
        self.examples += 1
        said = annotated_labels(doc, spans_key)
        self.n_silent += said is None
        spans = [(span.start, span.end, span.label_) for span in doc.spans.get(spans_key, ())]
        self.labels.update(dict.fromkeys([*(said or ()), *(label for *_, label in spans)]))
        renamed = [(start, end, renaming.rename(label)) for start, end, label in spans]
        kept = [span for span in renamed if span[-1]]
        self.left_out += len(spans) - len(kept)
        self.spans += len({*kept})
        self.doubles += len(kept) - len({*kept})


def rename_example(example: Example, spans_key: str, renaming: Renaming, labels: Iterable[str]) -> Example:
    """Make an example with the labels of a mix. The given one stays as it is.

    example (Example): The example.
    spans_key (str): Key of doc.spans with the gold spans.
    renaming (Renaming): The new labels.
    labels (Iterable[str]): The labels in the corpus of the types that were annotated in a document that doesn't say it.
    RETURNS (Example): The example. Its reference is a copy that says what was annotated in it and names its corpus. A
        type was annotated if one of the labels that become its label was.
    """
    reference = example.reference.copy()
    group = reference.spans.get(spans_key)
    said = annotated_labels(reference, spans_key)
    kept: dict[tuple[int, int, str], tuple[int, Span]] = {}
    for place, span in enumerate(group or ()):
        label = renaming.rename(span.label_)
        if label:
            new = Span(reference, span.start, span.end, label=label, kb_id=span.kb_id, span_id=span.id)
            kept.setdefault((span.start, span.end, label), (place, new))
    attrs = {} if group is None else dict(group.attrs)
    if "scores" in attrs:
        # One score per span.
        attrs["scores"] = numpy.asarray(attrs["scores"])[[place for place, _ in kept.values()]]
    attrs["labels"] = renaming.rename_all(labels if said is None else said)
    described = None if group is None else group.attrs.get("labels")
    if isinstance(described, Mapping):
        # The document describes its types itself. Of two that become one, the first one's description is kept.
        renamed = {renaming.rename(label): words for label, words in reversed([*described.items()])}
        attrs["labels"] = {label: renamed[label] for label in attrs["labels"]}
    attrs["corpus"] = renaming.corpus
    spans = [span for _, span in kept.values()]
    reference.spans[spans_key] = SpanGroup(reference, name=spans_key, spans=spans, attrs=attrs)
    return Example(example.predicted, reference)
