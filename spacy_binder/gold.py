"""Count gold annotations, and stop where a component could learn nothing from them or be measured on nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example

from .descriptions import TypeWords, read_words
from .errors import Errors, Warnings

# Training docs after which a warning says that none had a gold span.
DOCS_WITHOUT_GOLD = 100


class GoldCounts:
    """Numbers of the annotations of some docs.

    spans_key (str): Key of doc.spans that a component reads gold spans from.
    docs (int): Number of docs.
    with_group (int): Number of docs that have the group `spans_key`. It may be empty.
    labels (Counter): Number of spans in this group by label, without those of types that their doc describes itself.
    described (Counter): Number of spans by label, for types that their doc describes itself.
    groups (Counter): Number of spans by group, for all groups.
    ents (int): Number of spans in doc.ents.
    annotated (set, optional): Labels that at least one doc was annotated with. None if a doc was with all.
    """

    def __init__(self, spans_key: str, docs: Iterable[Doc] = ()) -> None:
        """Count the annotations of docs.

        spans_key (str): Key of doc.spans that a component reads gold spans from.
        docs (Iterable[Doc]): The docs. None is kept. Defaults to none.
        """
        self.spans_key = spans_key
        self.docs = 0
        self.with_group = 0
        self.ents = 0
        self.labels: Counter[str] = Counter()
        self.described: Counter[str] = Counter()
        self.groups: Counter[str] = Counter()
        self.annotated: set[str] | None = set()
        for doc in docs:
            self.add(doc)

    def add(self, doc: Doc) -> None:
        """Add the annotations of a doc."""
        self.docs += 1
        self.with_group += self.spans_key in doc.spans
        self.ents += len(doc.ents)
        for key, group in doc.spans.items():
            self.groups[key] += len(group)
        described = described_types(doc, self.spans_key)
        found = [span.label_ for span in doc.spans.get(self.spans_key, ())]
        self.labels.update(label for label in found if label not in described)
        self.described.update(label for label in found if label in described)
        labels = annotated_labels(doc, self.spans_key)
        self.annotated = None if labels is None or self.annotated is None else self.annotated | {*labels}

    @property
    def is_blank(self) -> bool:
        """RETURNS (bool): Whether there is a single doc, without any annotation."""
        return self.docs == 1 and not self.groups and not self.ents

    def require(self, labels: Iterable[str], *, name: str, path: Path | None = None) -> None:
        """Stop if no gold span has a known label. A doc can train a type that it describes itself, but not measure it.

        labels (Iterable[str]): The labels that the component knows.
        name (str): Name of the component.
        path (Path, optional): File or folder to measure on. If None, the docs are training examples.
        RAISES (ValueError): If no doc has a span in the group `spans_key` with one of the labels.
        """
        labels = list(labels)
        if any(self.labels[label] or self.described[label] for label in labels) or (self.described and path is None):
            return
        known = ", ".join(labels) or "none yet"
        found = {"key": self.spans_key, "name": name, "labels": known, "found": self.found(), "advice": self.advice()}
        raise ValueError(Errors.B003.format(**found) if path is None else Errors.B026.format(**found, path=path))

    def never_annotated(self, labels: Iterable[str]) -> list[str]:
        """RETURNS (list[str]): Those of some labels that no doc was annotated with."""
        return [] if self.annotated is None else [label for label in labels if label not in self.annotated]

    def found(self) -> str:
        """RETURNS (str): A sentence about the annotations that there are."""
        parts = [f"doc.spans['{key}'] ({n})" for key, n in self.groups.most_common()]
        parts.append(f"doc.ents ({self.ents})")
        under = ", ".join(f"{label} ({n})" for label, n in (self.labels + self.described).most_common(10))
        return f"In {self.docs} document(s) there are: {', '.join(parts)}" + (
            f", with the labels {under}." if under else "."
        )

    def advice(self) -> str:
        """RETURNS (str): A sentence about what to do where no gold span has a known label."""
        others = [key for key, n in self.groups.most_common() if n and key != self.spans_key]
        if self.labels or self.described:
            return "Use data with labels that the component knows, or give it these labels."
        if others:
            return (
                f"Set `spans_key` of the component to one of these groups, such as '{others[0]}', or convert the data."
            )
        if self.ents:
            convert = f"python -m spacy binder convert INPUT OUTPUT --format ents --spans-key {self.spans_key}"
            return f"Copy doc.ents to spans: {convert}"
        return "Convert the data again, and look at the number of spans that `spacy binder convert` prints."


def annotated_labels(doc: Doc, spans_key: str) -> list[str] | None:
    """Read which types were annotated in a doc: `attrs["labels"]` of its span group.

    doc (Doc): A doc with gold spans.
    spans_key (str): Key of doc.spans with the gold spans.
    RETURNS (list[str], optional): The labels. None if the group doesn't say it: all types were annotated.
    RAISES (ValueError): If it is no list of labels or dict of labels and descriptions, or a span has another label.
    """
    group = doc.spans.get(spans_key)
    labels = None if group is None else group.attrs.get("labels")
    if group is None or labels is None:
        return None
    is_right = isinstance(labels, (list, tuple, Mapping)) and all(isinstance(label, str) for label in labels)
    if not is_right or (isinstance(labels, Mapping) and not all(map(_is_description, labels.values()))):
        raise ValueError(Errors.B069.format(key=spans_key, given=f"{labels!r:.60}"))
    for span in group:
        if span.label_ not in labels:
            span_of_text = {"text": span.text, "start": span.start, "end": span.end, "label": span.label_}
            raise ValueError(Errors.B068.format(**span_of_text, key=spans_key, labels=", ".join(labels)))
    return list(labels)


def _is_description(value: Any) -> bool:
    texts = [value] if isinstance(value, str) else value
    return isinstance(texts, (list, tuple)) and bool(texts) and all(isinstance(t, str) and t.strip() for t in texts)


def described_types(doc: Doc, spans_key: str) -> dict[str, TypeWords]:
    """Read the types that a doc describes itself: `attrs["labels"]` of its span group, where that is a dict.

    doc (Doc): A doc with gold spans.
    spans_key (str): Key of doc.spans with the gold spans.
    RETURNS (dict[str, TypeWords]): What describes each label. Empty if the group has a list of labels, or none.
    """
    group = doc.spans.get(spans_key)
    labels = None if group is None else group.attrs.get("labels")
    return {label: read_words(value) for label, value in labels.items()} if isinstance(labels, Mapping) else {}


def judged_labels(doc: Doc, spans_key: str, known: Collection[str]) -> list[str] | None:
    """Find the types whose spans count in a doc when predictions are scored.

    doc (Doc): A doc with gold spans.
    spans_key (str): Key of doc.spans with the gold spans.
    known (Collection[str]): The labels that the component knows.
    RETURNS (list[str], optional): Those that were annotated, without those that only the doc knows, which can't be
        predicted. None if all were annotated.
    RAISES (ValueError): As `annotated_labels`.
    """
    labels = annotated_labels(doc, spans_key)
    described = described_types(doc, spans_key)
    return None if labels is None else [label for label in labels if label in known or label not in described]


def check_labels(example: Example, spans_key: str, labels: Collection[str], name: str) -> None:
    """Stop at a gold span whose label neither the component knows nor its doc describes.

    example (Example): A training example.
    spans_key (str): Key of doc.spans with the gold spans.
    labels (Collection[str]): The labels that the component knows.
    name (str): Name of the component.
    RAISES (ValueError): If there is such a span.
    """
    group = example.reference.spans.get(spans_key, ())
    described = described_types(example.reference, spans_key)
    for span in group:
        if span.label_ not in labels and span.label_ not in described:
            span_of_text = {"text": span.text, "start": span.start, "end": span.end, "label": span.label_}
            raise ValueError(Errors.B010.format(**span_of_text, name=name, labels=", ".join(labels)))


def align_gold(example: Example, spans_key: str, places: Mapping[str, int]) -> tuple[list[tuple[int, int, int]], int]:
    """Find the gold spans of an example in the tokens of its predicted doc.

    example (Example): The example. Its labels are known.
    spans_key (str): Key of doc.spans with the gold spans.
    places (Mapping[str, int]): The place of each label's type.
    RETURNS (tuple): First token, end and type's place of each span that aligns with tokens, and the number of spans
        that don't.
    """
    spans = example.reference.spans.get(spans_key, [])
    aligned = example.get_aligned_spans_y2x(spans, allow_overlap=True)
    return sorted({(span.start, span.end, places[span.label_]) for span in aligned}), len(spans) - len(aligned)


def gold_warnings(
    counts: Mapping[str, int], n_docs: int, examples: Iterable[Example], spans_key: str, name: str
) -> Iterator[tuple[str, str]]:
    """Say what can't be learned from the gold spans of a training so far.

    counts (Mapping[str, int]): The `gold_counts` of the component: spans by reason why they can't be learned, and
        "total" for those that align with tokens.
    n_docs (int): Number of training examples.
    examples (Iterable[Example]): The last ones.
    spans_key (str): Key of doc.spans with the gold spans.
    name (str): Name of the component.
    YIELDS (tuple[str, str]): Code and text of a warning.
    """
    if n_docs >= DOCS_WITHOUT_GOLD and not counts["total"]:
        found = GoldCounts(spans_key, (example.reference for example in examples)).found()
        yield "BW13", Warnings.BW13.format(n=n_docs, key=spans_key, name=name, found=found)
    lost = {reason: n for reason, n in counts.items() if reason != "total" and n}
    if lost:
        total = counts["total"] + counts["not aligned with tokens"]
        parts = ", ".join(f"{n} {reason}" for reason, n in lost.items())
        yield "BW01", Warnings.BW01.format(n=sum(lost.values()), total=total, name=name, reasons=parts)
