"""Scores of a pipeline by label, boundary, nesting, length, and by whether a span was seen in training."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy
from spacy.scorer import PRFScore

from ..scorer import nested_offsets
from .calibration import calibration_error, reliability, scored_spans
from .docs import FLOOR, Entity, EvaluatedDoc
from .mistakes import confusion, frequent, kinds_of_mistakes

# The most tokens of a span in each class of lengths. The last class has all longer spans.
LENGTHS = (1, 2, 3, 5, 10)
LENGTH_CLASSES = ("1", "2", "3", "4-5", "6-10", "over 10")
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))


def metrics(
    docs: Sequence[EvaluatedDoc], labels: Sequence[str], seen: AbstractSet[str] | None = None, n_dropped: int = 0
) -> dict[str, Any]:
    """Compute all figures that tell where mistakes lie. Scores are from 0 to 1.

    docs (Sequence[EvaluatedDoc]): The docs.
    labels (Sequence[str]): The labels of the component.
    seen (set[str], optional): Texts of the spans that the pipeline was trained on.
    n_dropped (int): Number of candidates that the component dropped, see `LeftOut`. Defaults to 0.
    RETURNS (dict): JSON. For what precision, recall and F1 consist of, see `figures`.
    """
    labels = sorted({*labels, *(span.label for doc in docs for span in (*doc.gold, *doc.predicted))})
    found: dict[str, Any] = {
        "docs": len(docs),
        "all": score(docs),
        "labels": score_by(docs, labels, lambda _, span: span.label),
        "boundaries": {
            "start": score(docs, lambda _, spans: {(span.start, span.label) for span in spans}),
            "end": score(docs, lambda _, spans: {(span.end, span.label) for span in spans}),
            "both, any label": score(docs, lambda _, spans: {(span.start, span.end) for span in spans}),
        },
        "nesting": _by_nesting(docs),
        "lengths": score_by(docs, LENGTH_CLASSES, lambda doc, span: _length_class(doc.length(span))),
    }
    if seen is not None:
        names = ("not seen in training", "seen in training")
        found |= score_by(docs, names[::-1], lambda doc, span: names[doc.text_of(span) in seen])
    found["mistakes"] = kinds_of_mistakes(docs)
    found["confusion"] = confusion(docs, labels)
    found["frequent"] = frequent(docs, labels)
    found["calibration"] = {"floor": FLOOR, "n_dropped": n_dropped, **calibration_figures(docs)}
    found["thresholds"] = _at_thresholds(docs)
    return found


def figures(of_predicted: PRFScore, of_gold: PRFScore | None = None) -> dict[str, Any]:
    """Compute precision, recall and F1 from counts.

    of_predicted (PRFScore): Counts that precision comes from.
    of_gold (PRFScore, optional): Counts that recall comes from, if these are other spans.
    RETURNS (dict): `p`, `r` and `f` from 0 to 1 (None if there are no spans). `right` of the `n_gold` gold spans are
        among the `n_predicted` predicted ones.
    """
    of_gold = of_predicted if of_gold is None else of_gold
    n_gold, n_predicted = of_gold.tp + of_gold.fn, of_predicted.tp + of_predicted.fp
    counts = {"n_gold": n_gold, "n_predicted": n_predicted, "right": of_gold.tp}
    if not n_gold and not n_predicted:
        return {"p": None, "r": None, "f": None, **counts}
    p, r = of_predicted.precision, of_gold.recall
    return {"p": p, "r": r, "f": 2 * p * r / (p + r) if p + r else 0.0, **counts}


def score(
    docs: Iterable[EvaluatedDoc], select: Callable[[EvaluatedDoc, Iterable[Entity]], set] = lambda _, spans: set(spans)
) -> dict[str, Any]:
    """Compare gold with predicted spans.

    docs (Iterable[EvaluatedDoc]): The docs.
    select (Callable): Takes a doc and some of its spans, and gives the set of what is to be compared.
    RETURNS (dict): The figures.
    """
    counts = PRFScore()
    for doc in docs:
        counts.score_set(select(doc, doc.predicted), select(doc, doc.gold))
    return figures(counts)


def score_by(
    docs: Iterable[EvaluatedDoc], names: Iterable[str], name_of: Callable[[EvaluatedDoc, Entity], str]
) -> dict[str, dict[str, Any]]:
    """Compare gold with predicted spans, class by class.

    docs (Iterable[EvaluatedDoc]): The docs.
    names (Iterable[str]): The names of all classes.
    name_of (Callable): Takes a doc and one of its spans, and gives the name of the span's class.
    RETURNS (dict): The figures of each class.
    """
    counts = {name: PRFScore() for name in names}
    for doc in docs:
        right = doc.gold & doc.predicted.keys()
        for span in doc.gold:
            of_class = counts[name_of(doc, span)]
            of_class.tp += span in right
            of_class.fn += span not in right
        for span in doc.predicted.keys() - right:
            counts[name_of(doc, span)].fp += 1
    return {name: figures(of_class) for name, of_class in counts.items()}


def calibration_figures(docs: Sequence[EvaluatedDoc]) -> dict[str, Any]:
    """Compare scores with the share of spans that are gold.

    docs (Sequence[EvaluatedDoc]): The docs.
    RETURNS (dict): For `candidates` and `predictions`: the number of spans, the expected calibration error (None if
        there are no spans) and the bins it comes from.
    """
    found = {}
    for name, spans in (("candidates", scored_spans(docs)), ("predictions", scored_spans(docs, predicted=True))):
        bins = [b._asdict() for b in reliability(spans.scores, spans.right)]
        found[name] = {"n": len(spans.scores), "error": calibration_error(spans.scores, spans.right), "bins": bins}
    return found


def _by_nesting(docs: Iterable[EvaluatedDoc]) -> dict[str, Any]:
    """RETURNS (dict): Recall of gold spans that nest with gold ones, precision of predicted ones that nest."""
    counts = {name: (PRFScore(), PRFScore()) for name in ("nested", "flat")}
    for doc in docs:
        gold, predicted = doc.gold, set(doc.predicted)
        nested_gold, nested = nested_offsets(gold), nested_offsets(predicted)
        for name, some_predicted, some_gold in (
            ("nested", nested, nested_gold),
            ("flat", predicted - nested, gold - nested_gold),
        ):
            of_predicted, of_gold = counts[name]
            of_predicted.score_set(some_predicted, gold)
            of_gold.score_set(predicted, some_gold)
    return {name: figures(*scores) for name, scores in counts.items()}


def _length_class(n_tokens: int) -> str:
    return LENGTH_CLASSES[bisect_left(LENGTHS, n_tokens)]


def _at_thresholds(docs: Sequence[EvaluatedDoc]) -> list[dict[str, Any]]:
    scores = numpy.array([score for doc in docs for score in doc.candidates.values()])
    is_right = numpy.array([span in doc.gold for doc in docs for span in doc.candidates], dtype=bool)
    n_gold = sum(len(doc.gold) for doc in docs)
    rows = []
    for threshold in THRESHOLDS:
        right = is_right[scores > threshold]
        n_right = int(right.sum())
        counts = PRFScore(tp=n_right, fp=len(right) - n_right, fn=n_gold - n_right)
        rows.append({"threshold": threshold, **figures(counts)})
    return rows
