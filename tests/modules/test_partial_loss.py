"""The loss where some types were not annotated, against a loop over cells, in float64."""

import math

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spacy_binder.modules.loss import binder_loss, contrastive_loss
from spacy_binder.modules.span_scorer import SpanScores
from spacy_binder.spans.targets import Targets
from spacy_binder.text.windows import WindowBatch

GOLD_ALONE = {"start": 0.2, "end": 0.3, "span": 0.6, "gold": 0.4, "threshold": 0.0}
THRESHOLD_ALONE = {**GOLD_ALONE, "gold": 0.0, "threshold": 0.7}
WEIGHTS = {**GOLD_ALONE, "threshold": 0.7}
N_WORDS, N_TYPES = [5, 2, 4], 3
BAND = 3

Span = tuple[int, int, int, int]


def log_sum(values: list[float]) -> float:
    """RETURNS (float): log of the sum of exp of the values."""
    return math.log(sum(math.exp(value) for value in values))


def loop(scores: SpanScores, spans: list[Span], annotated: numpy.ndarray, weights: dict[str, float]) -> float:
    """The loss cell by cell. Cells of a type that was not annotated in a window are skipped."""
    kinds = {
        "start": (scores.start, scores.start_threshold, [(b, (first,), k) for b, first, _, k in spans]),
        "end": (scores.end, scores.end_threshold, [(b, (last,), k) for b, _, last, k in spans]),
        "span": (scores.span, scores.span_threshold, [(b, (first, last - first), k) for b, first, last, k in spans]),
    }
    total = 0.0
    for kind, (logits, threshold, gold) in kinds.items():
        gold_terms, threshold_terms = [], []
        for b, n_words in enumerate(N_WORDS):
            words = [(t,) for t in range(n_words)]
            cells = words if kind != "span" else [(t, w) for (t,) in words for w in range(BAND) if t + w < n_words]
            for k in range(N_TYPES):
                if not annotated[b, k]:
                    continue
                here = [cell for row, cell, label in gold if (row, label) == (b, k)]
                others = [float(logits[(b, *cell, k)]) for cell in cells if cell not in here]
                cls = float(threshold[b, k])
                threshold_terms.append(log_sum([*others, cls]) - cls)
                for cell in here:
                    score = float(logits[(b, *cell, k)])
                    gold_terms.append(log_sum([*others, cls, score]) - score)
        if threshold_terms:
            total += weights[kind] * weights["threshold"] * sum(threshold_terms) / len(threshold_terms)
        if gold_terms:
            total += weights[kind] * weights["gold"] * sum(gold_terms) / len(gold_terms)
    return total


def random_scores(seed: int, n_types: int = N_TYPES) -> SpanScores:
    generator = torch.Generator().manual_seed(seed)
    windows, words = len(N_WORDS), max(N_WORDS)
    shapes = [(words, BAND, n_types), (n_types,), (words, n_types), (words, n_types), (n_types,), (n_types,)]
    return SpanScores(
        *(torch.randn((windows, *shape), generator=generator, dtype=torch.float64) * 2 for shape in shapes)
    )


def targets_of(spans: list[Span], annotated: numpy.ndarray | None) -> Targets:
    def table(rows: list, width: int) -> numpy.ndarray:
        return numpy.array(rows, dtype="int64").reshape(-1, width)

    return Targets(
        start=table([(b, first, k) for b, first, _, k in spans], 3),
        end=table([(b, last, k) for b, _, last, k in spans], 3),
        span=table([(b, first, last - first, k) for b, first, last, k in spans], 4),
        hidden_start=table([], 3),
        hidden_end=table([], 3),
        annotated=annotated,
    )


def loss_of(
    scores: SpanScores, targets: Targets, weights: dict[str, float], rows: list[int], n_windows: int
) -> tuple[float, SpanScores]:
    """RETURNS (tuple): The loss of some windows in one pass, and its gradient."""
    nothing = numpy.zeros((len(rows), 0), dtype="int64")
    n_words = numpy.array([N_WORDS[row] for row in rows])
    batch = WindowBatch(numpy.array(rows), nothing, nothing, n_words + 2, nothing, nothing, n_words)
    return binder_loss(SpanScores(*(part[rows] for part in scores)), batch, targets, n_windows, weights)


@st.composite
def annotations(draw: st.DrawFn) -> tuple[numpy.ndarray, list[Span]]:
    """Which types were annotated in each window, and gold spans of these."""
    row = st.lists(st.booleans(), min_size=N_TYPES, max_size=N_TYPES)
    annotated = numpy.array(draw(st.lists(row, min_size=len(N_WORDS), max_size=len(N_WORDS))))
    possible = [
        (b, first, last, k)
        for b, n_words in enumerate(N_WORDS)
        for first in range(n_words)
        for last in range(first, min(first + BAND, n_words))
        for k in range(N_TYPES)
        if annotated[b, k]
    ]
    spans = draw(st.sets(st.sampled_from(possible), max_size=7)) if possible else set()
    return annotated, sorted(spans)


ALL = [0, 1, 2]


@settings(max_examples=60, deadline=None, database=None)
@given(annotations(), st.integers(0, 5))
def test_value_is_that_of_a_loop_over_annotated_cells(given_: tuple[numpy.ndarray, list[Span]], seed: int) -> None:
    annotated, spans = given_
    scores = random_scores(seed)
    found, _ = loss_of(scores, targets_of(spans, annotated), WEIGHTS, ALL, 3)
    assert found == pytest.approx(loop(scores, spans, annotated, WEIGHTS), rel=1e-10, abs=1e-12)


@settings(max_examples=15, deadline=None, database=None)
@given(annotations(), st.integers(0, 5))
def test_gradient_is_that_of_finite_differences(given_: tuple[numpy.ndarray, list[Span]], seed: int) -> None:
    """Of the loop. What was not annotated has a gradient of exactly 0, in every kind of logits."""
    annotated, spans = given_
    scores = random_scores(seed)
    _, gradient = loss_of(scores, targets_of(spans, annotated), WEIGHTS, ALL, 3)
    generator = numpy.random.default_rng(seed)
    for logits, found in zip(scores, gradient, strict=True):
        assert not found.movedim(-1, 1)[torch.from_numpy(~annotated)].any()
        for _ in range(4):
            cell = tuple(int(generator.integers(size)) for size in logits.shape)
            value, values = float(logits[cell]), []
            for step in (1e-5, -1e-5):
                logits[cell] = value + step
                values.append(loop(scores, spans, annotated, WEIGHTS))
            logits[cell] = value
            assert float(found[cell]) == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-8)


@settings(max_examples=40, deadline=None, database=None)
@given(annotations(), st.integers(0, 5), st.sampled_from(["gold", "threshold"]))
def test_a_mixed_batch_is_the_weighted_sum_of_its_parts(
    given_: tuple[numpy.ndarray, list[Span]], seed: int, term: str
) -> None:
    """Each window as a batch of its own, which has only the types that were annotated in it.

    Gold terms are averaged over gold items, threshold terms over annotated pairs: these are the weights of the sum.
    """
    annotated, spans = given_
    scores = random_scores(seed)
    weights = GOLD_ALONE if term == "gold" else THRESHOLD_ALONE
    whole, whole_gradient = loss_of(scores, targets_of(spans, annotated), weights, ALL, 3)
    n_all = len(spans) if term == "gold" else int(annotated.sum())
    total = 0.0
    expected = [torch.zeros_like(part) for part in scores]
    for b in ALL:
        types = numpy.flatnonzero(annotated[b]).tolist()
        own = [(row, first, last, types.index(k)) for row, first, last, k in spans if row == b]
        share = (len(own) if term == "gold" else len(types)) / max(n_all, 1)
        if not types:
            continue
        alone = SpanScores(*(part[..., types] for part in scores))
        loss, gradient = loss_of(alone, targets_of(own, None), weights, [b], 1)
        total += share * loss
        for place, part in zip(expected, gradient, strict=True):
            place[b][..., types] = share * part[0]
    assert whole == pytest.approx(total, rel=1e-10, abs=1e-12)
    torch.testing.assert_close(list(whole_gradient), expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None, database=None)
@given(annotations(), st.integers(0, 5))
def test_passes_add_up(given_: tuple[numpy.ndarray, list[Span]], seed: int) -> None:
    """Averages are over all windows of the update, whatever pass they are in."""
    annotated, spans = given_
    scores, targets = random_scores(seed), targets_of(spans, annotated)
    whole, _ = loss_of(scores, targets, WEIGHTS, ALL, 3)
    parts = [loss_of(scores, targets, WEIGHTS, rows, 3)[0] for rows in ([2, 0], [1])]
    assert sum(parts) == pytest.approx(whole, rel=1e-12)


def test_all_annotated_is_the_loss_without_a_mask() -> None:
    scores, spans = random_scores(7), [(0, 1, 2, 0), (1, 0, 0, 2)]
    masked = loss_of(scores, targets_of(spans, numpy.ones((3, N_TYPES), dtype=bool)), WEIGHTS, ALL, 3)
    plain = loss_of(scores, targets_of(spans, None), WEIGHTS, ALL, 3)
    assert masked[0] == pytest.approx(plain[0], rel=1e-14)
    torch.testing.assert_close(list(masked[1]), list(plain[1]), rtol=1e-13, atol=0)


def test_gradcheck_with_a_mask() -> None:
    """Torch's own check by finite differences."""
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    threshold = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    gold = torch.tensor([[0, 1, 2], [0, 3, 2], [1, 0, 0]])
    annotated = torch.tensor([[False, False, True], [True, True, False]])
    excluded = torch.zeros(2, 4, 1, dtype=torch.bool)

    def loss(logits: Tensor, threshold: Tensor) -> Tensor:
        return contrastive_loss(logits, threshold, gold, excluded, n_gold=3, n_pairs=3, annotated=annotated)

    assert torch.autograd.gradcheck(loss, (logits, threshold))
