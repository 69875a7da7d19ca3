"""Calibrate scores, measure how well they are calibrated, and choose thresholds for labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.training import Example

from ..errors import Errors
from ..spans.margins import margin_at
from ..text.arrays import Bools1d, Floats1d, Ints1d
from .component import changed, get_component
from .docs import FLOOR, EvaluatedDoc, evaluate

N_BINS = 10
N_FOLDS = 5


class Bin(NamedTuple):
    """Spans with similar scores.

    low, high (float): Each score is above `low` and at most `high`.
    n (int): Number of spans.
    confidence (float): Their mean score.
    accuracy (float): The share of them that are gold spans.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


class ScoredSpans(NamedTuple):
    """Scores of spans, and which spans are gold.

    doc (Ints1d): Index of each span's doc, shape (n,).
    scores (Floats1d): Published scores, from 0 to 1, shape (n,).
    right (Bools1d): Whether each span is gold, shape (n,).
    """

    doc: Ints1d
    scores: Floats1d
    right: Bools1d


def scored_spans(docs: Sequence[EvaluatedDoc], *, predicted: bool = False) -> ScoredSpans:
    """Collect the scores of some docs' spans.

    docs (Sequence[EvaluatedDoc]): The docs.
    predicted (bool): Whether to take predicted spans in place of candidates.
    RETURNS (ScoredSpans): The spans, in document order.
    """
    return _to_arrays(_scored(docs, predicted))


def scored_by_label(docs: Sequence[EvaluatedDoc]) -> dict[str, ScoredSpans]:
    """RETURNS (dict[str, ScoredSpans]): The candidates of each label that has any, in document order."""
    by_label: defaultdict[str, list[tuple[int, float, bool]]] = defaultdict(list)
    for span, row in zip((span for doc in docs for span in doc.candidates), _scored(docs, False), strict=True):
        by_label[span.label].append(row)
    return {label: _to_arrays(rows) for label, rows in by_label.items()}


def _scored(docs: Sequence[EvaluatedDoc], predicted: bool) -> Iterator[tuple[int, float, bool]]:
    for i, doc in enumerate(docs):
        for span, score in (doc.predicted if predicted else doc.candidates).items():
            yield i, score, span in doc.gold


def _to_arrays(rows: Iterable[tuple[int, float, bool]]) -> ScoredSpans:
    doc, scores, right = list(zip(*rows, strict=True)) or ((), (), ())
    return ScoredSpans(
        numpy.array(doc, dtype="int64"), numpy.array(scores, dtype="float32"), numpy.array(right, dtype=bool)
    )


def reliability(scores: Floats1d, right: Bools1d, n_bins: int = N_BINS) -> list[Bin]:
    """Compare scores with the share of spans that are right, in bins of equal width.

    scores (Floats1d): Scores from 0 to 1, shape (n,).
    right (Bools1d): Whether each span is gold, shape (n,).
    n_bins (int): Number of bins from 0 to 1.
    RETURNS (list[Bin]): The bins that contain a span.
    """
    place = numpy.clip(numpy.ceil(scores.astype("float64") * n_bins).astype("int64") - 1, 0, n_bins - 1)
    bins = []
    for i in numpy.unique(place).tolist():
        inside = place == i
        confidence, accuracy = float(scores[inside].mean(dtype="float64")), float(right[inside].mean())
        bins.append(Bin(i / n_bins, (i + 1) / n_bins, int(inside.sum()), confidence, accuracy))
    return bins


def calibration_error(scores: Floats1d, right: Bools1d, n_bins: int = N_BINS) -> float | None:
    """Compute the expected calibration error: the mean distance between scores and the share of spans that are right.

    scores (Floats1d): Scores from 0 to 1, shape (n,).
    right (Bools1d): Whether each span is gold, shape (n,).
    n_bins (int): Number of bins of equal width from 0 to 1.
    RETURNS (float, optional): The mean over spans of |accuracy - confidence| of their bin, from 0 to 1. None if there
        are no spans.
    """
    if not len(scores):
        return None
    return sum(b.n * abs(b.accuracy - b.confidence) for b in reliability(scores, right, n_bins)) / len(scores)


def fit_calibration(margin: Floats1d, right: Bools1d) -> dict[str, float]:
    """Fit the probability that a span is right to its margin: sigmoid(scale · margin + bias), by Newton's method.

    The targets are Platt's, a little above 0 and below 1. They keep the slope finite if margins separate right from
    wrong spans.

    margin (Floats1d): Margins of candidates, shape (n,).
    right (Bools1d): Whether each is gold, shape (n,). There must be right and wrong ones.
    RETURNS (dict): `scale` and `bias`. The scale may be 0 or less if scores tell nothing about spans.
    """
    n_right = int(right.sum())
    n_wrong = len(right) - n_right
    target = numpy.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    inputs = numpy.stack([margin.astype("float64"), numpy.ones(len(margin))], axis=1)
    weights = numpy.array([0.0, numpy.log((n_right + 1) / (n_wrong + 1))])
    loss = _log_loss(inputs @ weights, target)
    for _ in range(100):
        probability = 1 / (1 + numpy.exp(-inputs @ weights))
        gradient = inputs.T @ (probability - target)
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs + 1e-9 * numpy.eye(2)
        step = numpy.linalg.solve(curvature, gradient)
        while (tried := _log_loss(inputs @ (weights - step), target)) > loss and numpy.abs(step).max() > 1e-10:
            step /= 2
        if numpy.abs(step).max() <= 1e-10:
            break
        weights, loss = weights - step, tried
    return {"scale": float(weights[0]), "bias": float(weights[1])}


def _log_loss(logits: NDArray[numpy.float64], target: NDArray[numpy.float64]) -> float:
    return float((numpy.logaddexp(0, logits) - target * logits).sum())


def calibrate(nlp: Language, name: str, examples: Iterable[Example], floor: float = FLOOR) -> None:
    """Calibrate a component, so that a score is the probability that the span is right.

    Thresholds move with the scores, so the component finds the same spans as before. The paper's rule, a threshold of
    0.5 without calibration, becomes sigmoid(bias).

    nlp (Language): The pipeline. Its component is changed.
    name (str): The component.
    examples (Iterable[Example]): Docs with gold spans that the component was not trained on.
    floor (float): Candidates are spans with a higher sigmoid of their margin, from 0 to 1.
    RAISES (ValueError): If there are no right or no wrong candidates, or if scores tell nothing about spans.
    """
    pipe = get_component(nlp, name)
    margins: list[float] = []
    right: list[bool] = []
    with changed(pipe, calibration=None):
        for doc in evaluate(nlp, name, examples, floor):
            margins += doc.margins
            right += [span in doc.gold for span in doc.candidates]
    n, n_right = len(right), sum(right)
    if not 0 < n_right < n:
        raise ValueError(Errors.B024.format(name=name, n=n, n_right=n_right, floor=floor, key=pipe.key))
    calibration = fit_calibration(numpy.array(margins, dtype="float32"), numpy.array(right))
    if calibration["scale"] <= 0:
        raise ValueError(Errors.B025.format(name=name, scale=calibration["scale"]))
    old, own = pipe.cfg["calibration"], pipe.cfg["thresholds"]
    pipe.cfg["threshold"] = _convert(pipe.cfg["threshold"], old, calibration)
    pipe.cfg["thresholds"] = {label: _convert(value, old, calibration) for label, value in own.items()}
    pipe.cfg["calibration"] = calibration


def _convert(threshold: float, old: dict[str, float] | None, new: dict[str, float]) -> float:
    """RETURNS (float): The threshold that finds the same spans with the new calibration as with the old one."""
    return float(1 / (1 + numpy.exp(-(new["scale"] * margin_at(threshold, old) + new["bias"]))))


def label_thresholds(
    docs: Sequence[EvaluatedDoc],
    labels: Sequence[str],
    general: float,
    *,
    min_gold: int = 30,
    min_gain: float = 0.005,
) -> dict[str, float]:
    """Choose thresholds by F1 for the labels that gain from one of their own.

    A label gains if thresholds that are chosen on four fifths of the docs give a higher F1 on the other docs than the
    general threshold does. Otherwise, a threshold would only fit a few spans by chance.

    docs (Sequence[EvaluatedDoc]): Docs that the component was not trained on.
    labels (Sequence[str]): The component's labels.
    general (float): The threshold of all other labels, from 0 to 1.
    min_gold (int): Labels with fewer gold spans keep the general threshold.
    min_gain (float): The F1 that a label must gain on held-out docs, from 0 to 1.
    RETURNS (dict): The threshold of each label that gets its own.
    """
    chosen = {}
    candidates = scored_by_label(docs)
    n_gold_of = {label: numpy.zeros(len(docs), dtype="int64") for label in labels}
    for i, doc in enumerate(docs):
        for span in doc.gold:
            if span.label in n_gold_of:
                n_gold_of[span.label][i] += 1
    folds = numpy.arange(len(docs)) % N_FOLDS
    for label, n_gold in n_gold_of.items():
        total = int(n_gold.sum())
        if total < min_gold or len(docs) < 2 or label not in candidates:
            continue
        doc, scores, right = candidates[label]
        found = numpy.zeros(len(scores), dtype=bool)
        for fold in numpy.unique(folds):
            held_out = folds[doc] == fold
            n_others = int(n_gold[folds != fold].sum())
            threshold = best_threshold(scores[~held_out], right[~held_out], n_others, fallback=general)
            found |= held_out & (scores > threshold)
        gain = _f_score(right[found], total) - _f_score(right[scores > general], total)
        threshold = best_threshold(scores, right, total, fallback=general)
        if gain > min_gain and threshold != general:
            chosen[label] = threshold
    return chosen


def best_threshold(scores: Floats1d, right: Bools1d, n_gold: int, *, fallback: float) -> float:
    """Find the threshold with the highest F1, in the middle between two scores.

    scores (Floats1d): Scores of one label's candidates, shape (n,).
    right (Bools1d): Whether each is gold, shape (n,).
    n_gold (int): Number of the label's gold spans. They need not be candidates.
    fallback (float): The result if no threshold finds a gold span.
    RETURNS (float): The threshold.
    """
    values, n_found, n_right = count_found(scores, right)
    f_scores = numpy.where(values > 0, 2 * n_right / (n_found + n_gold), 0.0)
    if not f_scores.any():
        return fallback
    best = int(f_scores.argmax())
    last = best == len(values) - 1
    return float(max(values[best] - 1e-6, 0.0) if last else (values[best] + values[best + 1]) / 2)


def count_found(scores: Floats1d, right: Bools1d) -> tuple[NDArray[numpy.float64], Ints1d, Ints1d]:
    """Count what a threshold just below each score would find.

    scores (Floats1d): Scores of candidates, shape (n,).
    right (Bools1d): Whether each is gold, shape (n,).
    RETURNS (tuple): The m different scores from highest to lowest, the number of candidates with at least that score,
        and the number of gold spans among these, each of shape (m,).
    """
    values, place, counts = numpy.unique(scores.astype("float64"), return_inverse=True, return_counts=True)
    hits = numpy.bincount(place[right], minlength=len(values))
    return values[::-1], counts[::-1].cumsum(), hits[::-1].cumsum()


def _f_score(right: Bools1d, n_gold: int) -> float:
    n_right = int(right.sum())
    return PRFScore(tp=n_right, fp=len(right) - n_right, fn=n_gold - n_right).fscore
