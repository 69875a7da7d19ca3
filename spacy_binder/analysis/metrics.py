"""What a pipeline finds and misses, in numbers: by label, boundary, nesting, length, and whether it was seen before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy

from ..scorer import nested_offsets
from .calibration import calibration_error, reliability
from .docs import FLOOR, Entity, EvaluatedDoc, length, plain
from .mistakes import confusion, frequent, kinds_of_mistakes

# The most tokens of a span, class by class; longer ones make the last class.
LENGTHS = (1, 2, 3, 5, 10)
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))


def metrics(
    docs: Sequence[EvaluatedDoc], labels: Sequence[str], seen: AbstractSet[str] | None = None
) -> dict[str, Any]:
    """Count what is right in every respect that tells where mistakes lie. Scores are from 0 to 1.

    docs (Sequence[EvaluatedDoc]): The docs.
    labels (Sequence[str]): The labels of the component.
    seen (set[str], optional): Texts of the spans that the pipeline was trained on.
    RETURNS (dict): JSON. Where precision and recall are given, `right` of the `n_gold` gold spans were found.
    """
    labels = sorted({*labels, *(span.label for doc in docs for span in (*doc.gold, *doc.predicted))})
    found: dict[str, Any] = {
        "docs": len(docs),
        "all": figures(docs),
        "labels": {label: figures(docs, lambda _, span, label=label: span.label == label) for label in labels},
        "boundaries": {
            "start": _projected(docs, lambda span: (span.start, span.label)),
            "end": _projected(docs, lambda span: (span.end, span.label)),
            "both, any label": _projected(docs, lambda span: (span.start, span.end)),
        },
        "nesting": _by_nesting(docs),
        "lengths": {
            name: figures(docs, lambda doc, span, low=low, high=high: low < length(doc, span) <= high)
            for name, low, high in _length_classes()
        },
    }
    if seen is not None:
        found["seen in training"] = figures(docs, lambda doc, span: plain(doc, span) in seen)
        found["not seen in training"] = figures(docs, lambda doc, span: plain(doc, span) not in seen)
    found["mistakes"] = kinds_of_mistakes(docs)
    found["confusion"] = confusion(docs, labels)
    found["frequent"] = {label: frequent(docs, label, plain) for label in labels}
    found["calibration"] = _calibration(docs)
    found["thresholds"] = [_at_threshold(docs, threshold) for threshold in THRESHOLDS]
    return found


def figures(
    docs: Iterable[EvaluatedDoc], belongs: Callable[[EvaluatedDoc, Entity], bool] = lambda *_: True
) -> dict[str, Any]:
    """Precision, recall and F1 of some spans.

    docs (Iterable[EvaluatedDoc]): The docs.
    belongs (Callable): Whether a span of a doc counts.
    RETURNS (dict): p, r, f (None without spans), n_gold, n_predicted, right.
    """
    n_gold = n_predicted = right = 0
    for doc in docs:
        gold = {span for span in doc.gold if belongs(doc, span)}
        predicted = {span for span in doc.predicted if belongs(doc, span)}
        n_gold += len(gold)
        n_predicted += len(predicted)
        right += len(gold & predicted)
    return prf(n_gold, n_predicted, right, right)


def prf(n_gold: int, n_predicted: int, n_found: int, n_right: int) -> dict[str, Any]:
    """Precision, recall and F1 from counts.

    n_gold, n_predicted (int): Gold and predicted spans.
    n_found (int): Gold spans that were predicted.
    n_right (int): Predicted spans that are gold; another number where the two are not counted alike.
    RETURNS (dict): p, r, f (None without spans), n_gold, n_predicted, right.
    """
    counts = {"n_gold": n_gold, "n_predicted": n_predicted, "right": n_found}
    if not n_gold and not n_predicted:
        return {"p": None, "r": None, "f": None, **counts}
    p, r = n_right / max(n_predicted, 1), n_found / max(n_gold, 1)
    return {"p": p, "r": r, "f": 2 * p * r / (p + r) if p + r else 0.0, **counts}


def _projected(docs: Iterable[EvaluatedDoc], project: Callable[[Entity], Hashable]) -> dict[str, Any]:
    counts = Counter()
    for doc in docs:
        gold, predicted = ({project(span) for span in spans} for spans in (doc.gold, doc.predicted))
        counts.update(gold=len(gold), predicted=len(predicted), right=len(gold & predicted))
    return prf(counts["gold"], counts["predicted"], counts["right"], counts["right"])


def _by_nesting(docs: Iterable[EvaluatedDoc]) -> dict[str, Any]:
    """RETURNS (dict): Recall of gold spans in or around a gold one, precision of predictions in or around another."""
    counts = {"nested": [0, 0, 0, 0], "flat": [0, 0, 0, 0]}
    for doc in docs:
        gold, predicted = doc.gold, set(doc.predicted)
        nested_gold, nested = nested_offsets(gold), nested_offsets(predicted)
        for name, of_gold, of_predicted in (
            ("nested", nested_gold, nested),
            ("flat", gold - nested_gold, predicted - nested),
        ):
            more = (len(of_gold), len(of_predicted), len(of_gold & predicted), len(of_predicted & gold))
            counts[name] = [a + b for a, b in zip(counts[name], more, strict=True)]
    return {name: prf(*numbers) for name, numbers in counts.items()}


def _length_classes() -> list[tuple[str, float, float]]:
    lows = (0, *LENGTHS)
    classes = [
        (str(high) if high == low + 1 else f"{low + 1}-{high}", float(low), float(high))
        for low, high in zip(lows, LENGTHS, strict=False)
    ]
    return [*classes, (f"over {LENGTHS[-1]}", float(LENGTHS[-1]), numpy.inf)]


def _calibration(docs: Sequence[EvaluatedDoc]) -> dict[str, Any]:
    found: dict[str, Any] = {"floor": FLOOR}
    for name, spans in (
        ("candidates", [(doc, span, score) for doc in docs for span, score in doc.candidates.items()]),
        ("predictions", [(doc, span, score) for doc in docs for span, score in doc.predicted.items()]),
    ):
        scores = numpy.array([score for _, _, score in spans], dtype="float32")
        right = numpy.array([span in doc.gold for doc, span, _ in spans], dtype=bool)
        bins = [b._asdict() for b in reliability(scores, right)] if len(scores) else []
        found[name] = {"n": len(spans), "error": calibration_error(scores, right), "bins": bins}
    return found


def _at_threshold(docs: Iterable[EvaluatedDoc], threshold: float) -> dict[str, Any]:
    n_gold = n_predicted = right = 0
    for doc in docs:
        predicted = {span for span, score in doc.candidates.items() if score > threshold}
        n_gold, n_predicted = n_gold + len(doc.gold), n_predicted + len(predicted)
        right += len(doc.gold & predicted)
    return {"threshold": threshold, **prf(n_gold, n_predicted, right, right)}
