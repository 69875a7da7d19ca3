"""Count gold annotations, and stop where a component could learn nothing from them or be measured on nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from spacy.tokens import Doc

from .errors import Errors


class GoldCounts:
    """Numbers of the annotations of some docs.

    spans_key (str): Key of doc.spans that a component reads gold spans from.
    docs (int): Number of docs.
    with_group (int): Number of docs that have the group `spans_key`. It may be empty.
    labels (Counter): Number of spans in this group by label.
    groups (Counter): Number of spans by group, for all groups.
    ents (int): Number of spans in doc.ents.
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
        self.groups: Counter[str] = Counter()
        for doc in docs:
            self.add(doc)

    def add(self, doc: Doc) -> None:
        """Add the annotations of a doc."""
        self.docs += 1
        self.with_group += self.spans_key in doc.spans
        self.ents += len(doc.ents)
        for key, group in doc.spans.items():
            self.groups[key] += len(group)
        self.labels.update(span.label_ for span in doc.spans.get(self.spans_key, ()))

    def require(self, labels: Iterable[str], *, name: str, path: Path | None = None) -> None:
        """Stop if no gold span has a known label.

        labels (Iterable[str]): The labels that the component knows.
        name (str): Name of the component.
        path (Path, optional): File or folder to measure on. If None, the docs are training examples.
        RAISES (ValueError): If no doc has a span in the group `spans_key` with one of the labels.
        """
        labels = list(labels)
        if any(self.labels[label] for label in labels):
            return
        known = ", ".join(labels) or "none yet"
        found = {"key": self.spans_key, "name": name, "labels": known, "found": self.found(), "advice": self._advice()}
        raise ValueError(Errors.B003.format(**found) if path is None else Errors.B026.format(**found, path=path))

    def found(self) -> str:
        """RETURNS (str): A sentence about the annotations that there are."""
        parts = [f"doc.spans['{key}'] ({n})" for key, n in self.groups.most_common()]
        parts.append(f"doc.ents ({self.ents})")
        under = ", ".join(f"{label} ({n})" for label, n in self.labels.most_common(10))
        return f"The {self.docs} documents have {', '.join(parts)}" + (f", with the labels {under}." if under else ".")

    def _advice(self) -> str:
        others = [key for key, n in self.groups.most_common() if n and key != self.spans_key]
        if self.labels:
            return "Use data with labels that the component knows, or give it these labels."
        if others:
            return f"Set `spans_key` of the component to one of these groups, such as '{others[0]}', or convert the data."
        if self.ents:
            convert = f"python -m spacy binder convert INPUT OUTPUT --format ents --spans-key {self.spans_key}"
            return f"Copy doc.ents to spans: {convert}"
        return "Convert the data again, and look at the number of spans that `spacy binder convert` prints."
