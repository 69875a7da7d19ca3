"""Mistakes of a pipeline: pairs of spans that make one mistake, kinds of mistakes, and the most frequent ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

from .docs import Entity, EvaluatedDoc

Mistake = tuple[str, Entity | None, Entity | None]

KINDS = ("boundary", "type", "boundary and type", "missed", "spurious")
MOST_FREQUENT = 10


def pair_mistakes(doc: EvaluatedDoc) -> list[Mistake]:
    """Find the mistakes in a doc, and the kind of each.

    A gold span that was missed and a predicted span that is wrong make one mistake if they have the same characters
    (type), or if they overlap and have the same label (boundary), or if they only overlap (boundary and type). Kinds
    are tried in this order. Of several pairs, the one that shares the most characters comes first. Each span belongs
    to one mistake.

    doc (EvaluatedDoc): The doc.
    RETURNS (list[Mistake]): Kind, gold and predicted span of each mistake, in document order.
    """
    missed = doc.gold - doc.predicted.keys()
    wrong = doc.predicted.keys() - doc.gold
    overlaps = sorted(_overlaps(missed, wrong), key=lambda pair: (-_share(*pair), pair))
    mistakes: list[Mistake] = []
    left = {("gold", span) for span in missed} | {("predicted", span) for span in wrong}
    for kind, belongs in (
        ("type", lambda a, b: a[:2] == b[:2]),
        ("boundary", lambda a, b: a.label == b.label),
        ("boundary and type", lambda a, b: True),
    ):
        for gold, predicted in overlaps:
            both = {("gold", gold), ("predicted", predicted)}
            if both <= left and belongs(gold, predicted):
                mistakes.append((kind, gold, predicted))
                left -= both
    mistakes += [("missed", span, None) for side, span in left if side == "gold"]
    mistakes += [("spurious", None, span) for side, span in left if side == "predicted"]
    return sorted(mistakes, key=lambda mistake: (mistake[1] or mistake[2] or (), mistake[0]))


def kinds_of_mistakes(docs: Iterable[EvaluatedDoc]) -> dict[str, int]:
    """RETURNS (dict[str, int]): How many mistakes there are of each kind."""
    counts = Counter(kind for doc in docs for kind, _, _ in pair_mistakes(doc))
    return {kind: counts[kind] for kind in KINDS}


def confusion(docs: Iterable[EvaluatedDoc], labels: Sequence[str]) -> dict[str, Any]:
    """Count how often spans of one label are predicted with another.

    docs (Iterable[EvaluatedDoc]): The docs.
    labels (Sequence[str]): All labels.
    RETURNS (dict): `labels`, and `counts` with one row per gold label and one column per predicted label. The last
        row counts predicted spans that are not gold (spurious), the last column gold spans that were not predicted
        (missed). Rows sum up to gold spans, columns to predicted ones.
    """
    place = {label: i for i, label in enumerate(labels)}
    none = len(labels)
    counts = [[0] * (none + 1) for _ in range(none + 1)]
    for doc in docs:
        for span in doc.gold & doc.predicted.keys():
            counts[place[span.label]][place[span.label]] += 1
        for kind, gold, predicted in pair_mistakes(doc):
            if kind == "type" and gold is not None and predicted is not None:
                counts[place[gold.label]][place[predicted.label]] += 1
                continue
            if gold is not None:
                counts[place[gold.label]][none] += 1
            if predicted is not None:
                counts[none][place[predicted.label]] += 1
    return {"labels": list(labels), "counts": counts}


def frequent(docs: Iterable[EvaluatedDoc], labels: Sequence[str]) -> dict[str, dict[str, list[tuple[str, int]]]]:
    """Count the texts of each label's mistakes.

    docs (Iterable[EvaluatedDoc]): The docs.
    labels (Sequence[str]): All labels.
    RETURNS (dict): For each label `false_positives` and `false_negatives`: the most frequent texts, and how often each
        occurs.
    """
    counts = {label: {"false_positives": Counter(), "false_negatives": Counter()} for label in labels}
    for doc in docs:
        for name, spans in (
            ("false_positives", doc.predicted.keys() - doc.gold),
            ("false_negatives", doc.gold - doc.predicted.keys()),
        ):
            for span in spans:
                counts[span.label][name][doc.text_of(span)] += 1
    return {
        label: {
            name: sorted(texts.items(), key=lambda item: (-item[1], item[0]))[:MOST_FREQUENT]
            for name, texts in of_label.items()
        }
        for label, of_label in counts.items()
    }


def _overlaps(missed: Set[Entity], wrong: Set[Entity]) -> Iterator[tuple[Entity, Entity]]:
    """YIELDS (tuple): Each pair of a missed and a wrong span that overlap. Spans that are far apart cost nothing."""
    open_spans: dict[bool, list[Entity]] = {True: [], False: []}
    for span, is_missed in sorted([*((span, True) for span in missed), *((span, False) for span in wrong)]):
        others = open_spans[not is_missed] = [other for other in open_spans[not is_missed] if other.end > span.start]
        for other in others:
            if other.start < span.end:
                yield (span, other) if is_missed else (other, span)
        open_spans[is_missed].append(span)


def _share(a: Entity, b: Entity) -> float:
    return (min(a.end, b.end) - max(a.start, b.start)) / (max(a.end, b.end) - min(a.start, b.start))
