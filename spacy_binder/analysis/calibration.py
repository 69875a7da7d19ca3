"""Scores that mean what they say: how far they are from it, a calibration, and thresholds of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch

from ..errors import Errors
from ..pipeline import BinderNER
from ..spans.decoding import Candidates, over_limits
from ..spans.margins import margin_at, margin_limits, published_scores
from ..text.arrays import Floats1d, Ints1d, Ints2d
from .component import changed
from .docs import FLOOR, without_annotations

Bools1d = NDArray[numpy.bool_]

N_BINS = 10
N_FOLDS = 5


class Bin(NamedTuple):
    """Spans whose scores are alike.

    low, high (float): The scores of the bin, from above `low` to `high`.
    n (int): How many spans there are.
    confidence (float): Their mean score.
    accuracy (float): The share of them that are gold spans.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass
class Judged:
    """Candidates of some docs, and which of them are gold.

    doc, label (Ints1d): Doc and type of each candidate, shape (n,).
    margin (Floats1d): Its logit less that of its threshold, shape (n,).
    scores (Floats1d): What the component publishes for it, shape (n,).
    right (Bools1d): Whether a gold span has its characters and its label, shape (n,).
    n_gold (Ints2d): Gold spans of each doc and type, shape (n_docs, n_types).
    """

    doc: Ints1d
    label: Ints1d
    margin: Floats1d
    scores: Floats1d
    right: Bools1d
    n_gold: Ints2d


def reliability(scores: Floats1d, right: Bools1d, n_bins: int = N_BINS) -> list[Bin]:
    """Compare scores with the share of spans that are right, in bins of equal width.

    scores (Floats1d): Scores from 0 to 1, shape (n,).
    right (Bools1d): Whether each span is gold, shape (n,).
    n_bins (int): How many bins there are from 0 to 1.
    RETURNS (list[Bin]): The bins that hold a span.
    """
    place = numpy.clip(numpy.ceil(scores.astype("float64") * n_bins).astype("int64") - 1, 0, n_bins - 1)
    bins = []
    for i in numpy.unique(place).tolist():
        inside = place == i
        confidence, accuracy = float(scores[inside].mean(dtype="float64")), float(right[inside].mean())
        bins.append(Bin(i / n_bins, (i + 1) / n_bins, int(inside.sum()), confidence, accuracy))
    return bins


def calibration_error(scores: Floats1d, right: Bools1d, n_bins: int = N_BINS) -> float | None:
    """The expected calibration error: how far a score is from the share of spans that are right, on average.

    scores (Floats1d): Scores from 0 to 1, shape (n,).
    right (Bools1d): Whether each span is gold, shape (n,).
    n_bins (int): How many bins of equal width there are from 0 to 1.
    RETURNS (float, optional): The mean over spans of |accuracy - confidence| of their bin, from 0 to 1; None if there
        are no spans.
    """
    if not len(scores):
        return None
    return sum(b.n * abs(b.accuracy - b.confidence) for b in reliability(scores, right, n_bins)) / len(scores)


def judge(nlp: Language, name: str, examples: Sequence[Example], floor: float = FLOOR) -> Judged:
    """Find the candidates of some docs, as the component would publish them with a threshold of `floor`.

    nlp (Language): The pipeline.
    name (str): The component.
    examples (Sequence[Example]): Docs with gold spans. Those whose reference lacks the span group are left out.
    floor (float): What a candidate's published score has to exceed, whatever the component's thresholds are.
    RETURNS (Judged): The candidates.
    """
    pipe = nlp.get_pipe(name)
    assert isinstance(pipe, BinderNER)
    place = {label: i for i, label in enumerate(pipe.labels)}
    examples = [example for example in examples if pipe.key in example.reference.spans]
    n_gold = numpy.zeros((len(examples), len(place)), dtype="int64")
    parts: list[Candidates] = []
    right: list[bool] = []
    docs = _before(nlp, name, [without_annotations(example.predicted) for example in examples])
    with changed(pipe, threshold=floor, thresholds={}):
        limits = margin_limits(pipe.cfg, pipe.labels)
        for batch in minibatch(zip(docs, examples, strict=True), nlp.batch_size):
            for (doc, example), found in zip(batch, pipe.predict([doc for doc, _ in batch]), strict=True):
                found = over_limits(found, limits, allow_overlap=pipe.cfg["allow_overlap"])
                spans = {(span.start_char, span.end_char, span.label_) for span in example.reference.spans[pipe.key]}
                found.doc = numpy.full(len(found), len(parts))
                for _, _, label in spans:
                    if label in place:
                        n_gold[len(parts), place[label]] += 1
                right.extend(offsets in spans for offsets in _offsets(doc, found, pipe.labels))
                parts.append(found)
    found = Candidates.concatenate(parts)
    scores = published_scores(found.margin, pipe.cfg["calibration"])
    return Judged(found.doc, found.label, found.margin, scores, numpy.array(right, dtype=bool), n_gold)


def fit_calibration(margin: Floats1d, right: Bools1d) -> dict[str, float]:
    """Fit the chance that a span is right to its margin: sigmoid(scale · margin + bias), by Newton's method.

    Platt's targets, a little short of 0 and 1, keep the slope finite where margins separate right from wrong.

    margin (Floats1d): Margins of candidates, shape (n,).
    right (Bools1d): Whether each is gold, shape (n,); some have to be, and some not.
    RETURNS (dict): `scale` and `bias`. The scale of a model whose scores say nothing may be 0 or less.
    """
    n_right = int(right.sum())
    n_wrong = len(right) - n_right
    target = numpy.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    inputs = numpy.stack([margin.astype("float64"), numpy.ones(len(margin))], axis=1)
    weights = numpy.array([0.0, numpy.log((n_right + 1) / (n_wrong + 1))])
    loss = _log_loss(inputs @ weights, target)
    for _ in range(100):
        chance = 1 / (1 + numpy.exp(-inputs @ weights))
        gradient = inputs.T @ (chance - target)
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + 1e-9 * numpy.eye(2)
        step = numpy.linalg.solve(curvature, gradient)
        while (tried := _log_loss(inputs @ (weights - step), target)) > loss and numpy.abs(step).max() > 1e-10:
            step /= 2
        if numpy.abs(step).max() <= 1e-10:
            break
        weights, loss = weights - step, tried
    return {"scale": float(weights[0]), "bias": float(weights[1])}


def _log_loss(logits: NDArray[numpy.float64], target: NDArray[numpy.float64]) -> float:
    return float((numpy.logaddexp(0, logits) - target * logits).sum())


def calibrate(nlp: Language, name: str, examples: Sequence[Example], floor: float = FLOOR) -> None:
    """Calibrate a component: its scores then say how likely a span is right, and it finds the same spans as before.

    What is found depends on scores exceeding thresholds, so the thresholds move with the scores: the paper's rule, 0.5
    before, is sigmoid(bias) then, and 0.5 means "rather right than wrong".

    nlp (Language): The pipeline, whose component is changed.
    name (str): The component.
    examples (Sequence[Example]): Docs with gold spans that it wasn't trained on.
    floor (float): The least sigmoid of a margin that counts as a candidate.
    RAISES (ValueError): If there are no right or no wrong candidates, or the scores say nothing.
    """
    pipe = nlp.get_pipe(name)
    assert isinstance(pipe, BinderNER)
    with changed(pipe, calibration=None):
        judged = judge(nlp, name, examples, floor)
    n, n_right = len(judged.right), int(judged.right.sum())
    if not 0 < n_right < n:
        raise ValueError(Errors.B026.format(name=name, n=n, n_right=n_right, floor=floor, key=pipe.key))
    calibration = fit_calibration(judged.margin, judged.right)
    if calibration["scale"] <= 0:
        raise ValueError(Errors.B027.format(name=name, scale=calibration["scale"]))
    old = pipe.cfg["calibration"]
    pipe.cfg["threshold"] = _moved(pipe.cfg["threshold"], old, calibration)
    own = pipe.cfg["thresholds"]
    pipe.cfg["thresholds"] = {label: _moved(value, old, calibration) for label, value in own.items()}
    pipe.cfg["calibration"] = calibration


def _moved(threshold: float, old: dict[str, float] | None, new: dict[str, float]) -> float:
    """RETURNS (float): The score by one calibration that finds what the given one finds by another."""
    return float(1 / (1 + numpy.exp(-(new["scale"] * margin_at(threshold, old) + new["bias"]))))


def label_thresholds(
    judged: Judged, labels: Sequence[str], general: float, *, min_gold: int = 30, min_gain: float = 0.005
) -> dict[str, float]:
    """Choose thresholds by F1 for the labels that gain from one of their own.

    To gain means: thresholds that are chosen on four fifths of the docs find more on the remaining ones than the
    general threshold does. Without that, a threshold would follow the accidents of a few spans.

    judged (Judged): Candidates of docs that the component wasn't trained on.
    labels (Sequence[str]): The component's labels.
    general (float): The threshold of the labels that keep the general one.
    min_gold (int): Labels with fewer gold spans keep the general threshold.
    min_gain (float): F1 that a label has to gain on held-out docs, from 0 to 1.
    RETURNS (dict): The threshold of each label that gets its own.
    """
    n_docs = len(judged.n_gold)
    chosen = {}
    for i, label in enumerate(labels):
        n_gold = judged.n_gold[:, i]
        if n_gold.sum() < min_gold or n_docs < 2:
            continue
        of_label = judged.label == i
        doc, scores, right = judged.doc[of_label], judged.scores[of_label], judged.right[of_label]
        folds = numpy.arange(n_docs) % min(N_FOLDS, n_docs)
        found = numpy.zeros(len(scores), dtype=bool)
        for fold in numpy.unique(folds):
            held_out = folds[doc] == fold
            threshold = best_threshold(
                scores[~held_out], right[~held_out], int(n_gold[folds != fold].sum()), fallback=general
            )
            found |= held_out & (scores > threshold)
        total = int(n_gold.sum())
        gain = _f_score(right[found], total) - _f_score(right[scores > general], total)
        threshold = best_threshold(scores, right, total, fallback=general)
        if gain > min_gain and threshold != general:
            chosen[label] = threshold
    return chosen


def best_threshold(scores: Floats1d, right: Bools1d, n_gold: int, *, fallback: float) -> float:
    """Find the threshold of the highest F1, in the middle between two scores.

    scores (Floats1d): Scores of one label's candidates, shape (n,).
    right (Bools1d): Whether each is gold, shape (n,).
    n_gold (int): Gold spans of the label, those that are no candidates included.
    fallback (float): What to return where no threshold finds anything right.
    RETURNS (float): The threshold.
    """
    order = numpy.argsort(-scores, kind="stable")
    ordered = scores[order].astype("float64")
    hits = numpy.cumsum(right[order])
    f_scores = 2 * hits / (numpy.arange(1, len(ordered) + 1) + n_gold)
    # Equal scores are found together or not at all.
    below = numpy.append(ordered[1:], 0.0)
    f_scores = numpy.where(ordered > below, f_scores, 0.0)
    if not f_scores.any():
        return fallback
    best = int(f_scores.argmax())
    last = best == len(ordered) - 1
    return float(max(ordered[best] - 1e-6, 0.0) if last else (ordered[best] + below[best]) / 2)


def _f_score(right: Bools1d, n_gold: int) -> float:
    return 2 * int(right.sum()) / (len(right) + n_gold) if n_gold or len(right) else 0.0


def _before(nlp: Language, name: str, docs: list[Doc]) -> Iterator[Doc]:
    """RETURNS (Iterator[Doc]): The docs as the components before the given one leave them."""
    names = nlp.pipe_names
    with nlp.select_pipes(disable=names[names.index(name) :]):
        return iter(list(nlp.pipe(docs)))


def _offsets(doc: Doc, found: Candidates, labels: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    for start, end, label in zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), strict=True):
        last = doc[end - 1]
        yield doc[start].idx, last.idx + len(last), labels[label]


class Measured(NamedTuple):
    """What a component finds, and how far its scores are from what they say; all from 0 to 1.

    precision, recall, f_score (float, optional): Those of the pipeline's own scorer.
    error (float, optional): Expected calibration error of all candidates.
    error_of_predictions (float, optional): Of the spans alone that beat their thresholds.
    """

    precision: float | None
    recall: float | None
    f_score: float | None
    error: float | None
    error_of_predictions: float | None


def measure(nlp: Language, name: str, examples: Sequence[Example], path: Path, floor: float = FLOOR) -> Measured:
    """Score a component and its scores.

    nlp (Language): The pipeline.
    name (str): The component.
    examples (Sequence[Example]): Docs with gold spans.
    path (Path): Where they come from, for the message.
    floor (float): What a candidate's published score has to exceed.
    RETURNS (Measured): The figures.
    RAISES (ValueError): If no doc has the span group that gold spans are read from.
    """
    pipe = nlp.get_pipe(name)
    assert isinstance(pipe, BinderNER)
    if not any(pipe.key in example.reference.spans for example in examples):
        raise ValueError(Errors.B028.format(path=path, key=pipe.key, name=name))
    scores = nlp.evaluate([Example(without_annotations(example.predicted), example.reference) for example in examples])
    judged = judge(nlp, name, examples, floor)
    is_found = judged.margin > margin_limits(pipe.cfg, pipe.labels)[judged.label]
    return Measured(
        scores.get(f"spans_{pipe.key}_p"),
        scores.get(f"spans_{pipe.key}_r"),
        scores.get(f"spans_{pipe.key}_f"),
        calibration_error(judged.scores, judged.right),
        calibration_error(judged.scores[is_found], judged.right[is_found]),
    )
