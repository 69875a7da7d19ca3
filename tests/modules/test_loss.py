"""The loss against its definition: loops over mentions and types, in float64."""

import math
from dataclasses import dataclass, field

import numpy
import pytest
import torch
from torch import Tensor

from spacy_binder.layers.types import ScoredWindows
from spacy_binder.modules.loss import binder_loss, contrastive_loss
from spacy_binder.modules.span_scorer import SpanScores
from spacy_binder.spans.targets import Targets
from spacy_binder.text.windows import WindowBatch

WEIGHTS = {"start": 0.2, "end": 0.3, "span": 0.6, "gold": 0.4, "threshold": 0.7}
GARBAGE = 1e4

Cell = tuple[int, int, int]


def negative_log_share(item: Tensor, others: list[Tensor]) -> Tensor:
    """RETURNS (Tensor): -log(exp(item) / (exp(item) + sum of exp(others)))."""
    largest = max(value.item() for value in [item, *others])
    total = (item - largest).exp()
    for other in others:
        total = total + (other - largest).exp()
    return total.log() - (item - largest)


def reference_loss(
    logits: Tensor,
    threshold: Tensor,
    gold: list[Cell],
    excluded: set[Cell],
    gold_weight: float,
    threshold_weight: float,
) -> Tensor:
    """The paper's loss of one kind of candidates, with all windows of an update in one tensor."""
    n_windows, n_candidates, n_types = logits.shape

    def negatives(window: int, label: int) -> list[Tensor]:
        no_negative = {*gold, *excluded}
        cells = [(window, candidate, label) for candidate in range(n_candidates)]
        return [logits[cell] for cell in cells if cell not in no_negative]

    gold_terms = [
        negative_log_share(logits[window, candidate, label], [*negatives(window, label), threshold[window, label]])
        for window, candidate, label in gold
    ]
    threshold_terms = [
        negative_log_share(threshold[window, label], negatives(window, label))
        for window in range(n_windows)
        for label in range(n_types)
    ]
    loss = threshold_weight * torch.stack(threshold_terms).mean()
    return loss + gold_weight * torch.stack(gold_terms).mean() if gold_terms else loss


def as_mask(shape: torch.Size, cells: set[Cell]) -> Tensor:
    """RETURNS (Tensor): True at the cells."""
    mask = torch.zeros(shape, dtype=torch.bool)
    for cell in cells:
        mask[cell] = True
    return mask


def as_table(items: list, width: int) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The items as rows."""
    return numpy.array(items, dtype="int64").reshape(-1, width)


@pytest.mark.parametrize(
    "gold, excluded, expected",
    [
        # All logits are 0: each term is the log of how many compete.
        ([], set(), 0.5 * math.log(4)),
        ([(0, 1, 0)], set(), 0.5 * math.log(3) + 0.5 * math.log(4)),
        ([(0, 1, 0), (0, 2, 0)], set(), 0.5 * math.log(2) + 0.5 * math.log(3)),
        ([(0, 1, 0)], {(0, 0, 0)}, 0.5 * math.log(2) + 0.5 * math.log(3)),
        ([(0, 1, 0)], {(0, 0, 0), (0, 2, 0)}, 0.5 * math.log(2)),
        ([(0, 0, 0), (0, 1, 0), (0, 2, 0)], set(), 0.5 * math.log(2)),
    ],
    ids=["absent", "one gold", "two gold", "excluded", "no negative", "all gold"],
)
def test_equal_logits(gold: list[Cell], excluded: set[Cell], expected: float) -> None:
    """One window, one type, three candidates: gold items don't compete with each other."""
    logits = torch.zeros(1, 3, 1)
    loss = contrastive_loss(
        logits,
        torch.zeros(1, 1),
        torch.from_numpy(as_table(gold, 3)),
        as_mask(logits.shape, excluded),
        n_gold=len(gold),
        n_pairs=1,
    )
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_contrastive_loss_is_its_definition(seed: int) -> None:
    """Value and gradients, with gold items that occur twice, absent types and excluded cells."""
    generator = numpy.random.default_rng(seed)
    shape = tuple(generator.integers(1, 5, 3))
    logits = torch.from_numpy(generator.normal(scale=5, size=shape)).requires_grad_()
    threshold = torch.from_numpy(generator.normal(scale=5, size=(shape[0], shape[2]))).requires_grad_()
    cells = [tuple(int(i) for i in cell) for cell in generator.integers(0, shape, (6, 3))]
    gold = cells[:4]
    excluded = {*cells[4:]} - {*gold}
    weights = {"gold_weight": 0.3, "threshold_weight": 0.9}
    expected = reference_loss(logits, threshold, gold, excluded, **weights)
    loss = contrastive_loss(
        logits,
        threshold,
        torch.from_numpy(as_table(gold, 3)),
        as_mask(logits.shape, excluded),
        n_gold=len(gold),
        n_pairs=shape[0] * shape[2],
        **weights,
    )
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    gradients = torch.autograd.grad(loss, [logits, threshold])
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, [logits, threshold]), rtol=1e-9, atol=1e-12)


def test_gradcheck() -> None:
    """Torch's own check by finite differences."""
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    threshold = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    gold = torch.tensor([[0, 1, 2], [0, 1, 2], [0, 3, 2], [1, 0, 0]])
    excluded = as_mask(torch.Size((2, 4, 1)), {(1, 2, 0), (1, 3, 0)})
    assert torch.autograd.gradcheck(
        lambda *scores: contrastive_loss(*scores, gold, excluded, n_gold=4, n_pairs=6), (logits, threshold)
    )


def test_far_logits_stay_finite() -> None:
    """Logits beyond what exp() can hold give a finite loss and gradient."""
    logits = torch.tensor([[[500.0], [-500.0]]], requires_grad=True)
    loss = contrastive_loss(
        logits,
        torch.zeros(1, 1),
        torch.tensor([[0, 1, 0]]),
        torch.zeros(1, 2, 1, dtype=torch.bool),
        n_gold=1,
        n_pairs=1,
    )
    assert loss.item() == 0.5 * 1000 + 0.5 * 500
    assert torch.isfinite(torch.autograd.grad(loss, logits)[0]).all()


@dataclass
class Update:
    """All windows of one update, and what is gold in them.

    spans (list): Window, first word, last word and type of each gold span; too long ones too.
    hidden_start, hidden_end (set): Window, word and type that a border cut from its span.
    """

    scores: SpanScores
    n_words: list[int]
    spans: list[tuple[int, int, int, int]]
    hidden_start: set[Cell] = field(default_factory=set)
    hidden_end: set[Cell] = field(default_factory=set)

    @property
    def max_width(self) -> int:
        return self.scores.span.shape[2]

    def targets(self) -> Targets:
        short = [(b, first, last - first, k) for b, first, last, k in self.spans if last - first < self.max_width]
        return Targets(
            start=as_table([(b, first, k) for b, first, _, k in self.spans], 3),
            end=as_table([(b, last, k) for b, _, last, k in self.spans], 3),
            span=as_table(short, 4),
            hidden_start=as_table(sorted(self.hidden_start), 3),
            hidden_end=as_table(sorted(self.hidden_end), 3),
        )

    def reference(self) -> tuple[float, list[Tensor]]:
        """RETURNS (tuple): The loss by the definition, and the gradient of each tensor of the scores."""
        tensors = [tensor.clone().requires_grad_() for tensor in self.scores]
        scores = SpanScores(*tensors)
        n_windows, n_positions, _, n_types = scores.span.shape
        beyond = {
            (b, t, k) for b in range(n_windows) for t in range(self.n_words[b], n_positions) for k in range(n_types)
        }
        # Spans as a list of candidates, each with its place in it.
        place = {(t, w): t * self.max_width + w for t in range(n_positions) for w in range(self.max_width)}
        span_beyond = {
            (b, place[t, w], k)
            for b in range(n_windows)
            for t, w in place
            for k in range(n_types)
            if t + w >= self.n_words[b]
        }
        gold = [(b, place[first, width], k) for b, first, width, k in self.targets().span.tolist()]
        parts = {
            "start": (
                scores.start,
                scores.start_threshold,
                [(b, first, k) for b, first, _, k in self.spans],
                beyond | self.hidden_start,
            ),
            "end": (
                scores.end,
                scores.end_threshold,
                [(b, last, k) for b, _, last, k in self.spans],
                beyond | self.hidden_end,
            ),
            "span": (scores.span.flatten(1, 2), scores.span_threshold, gold, span_beyond),
        }
        loss = sum(
            WEIGHTS[kind] * reference_loss(*part, WEIGHTS["gold"], WEIGHTS["threshold"]) for kind, part in parts.items()
        )
        assert isinstance(loss, Tensor)
        loss.backward()
        return loss.item(), [tensor.grad for tensor in tensors if tensor.grad is not None]

    def pass_of(self, rows: list[int]) -> ScoredWindows:
        """RETURNS (ScoredWindows): Some of the windows, padded to their longest."""
        n_words = numpy.array([self.n_words[row] for row in rows])
        longest = int(n_words.max())
        scores = SpanScores(
            span=self.scores.span[rows, :longest, :longest],
            span_threshold=self.scores.span_threshold[rows],
            start=self.scores.start[rows, :longest],
            end=self.scores.end[rows, :longest],
            start_threshold=self.scores.start_threshold[rows],
            end_threshold=self.scores.end_threshold[rows],
        )
        nothing = numpy.zeros((len(rows), 0), dtype="int64")
        batch = WindowBatch(numpy.array(rows), nothing, nothing, n_words + 2, nothing, nothing, n_words)
        return ScoredWindows(batch, scores, lambda _: None)


def random_update(seed: int, n_spans: int = 8) -> Update:
    """Four windows of unequal length with three types; what lies beyond a window's words is garbage."""
    generator = torch.Generator().manual_seed(seed)
    n_words = [6, 1, 4, 3]

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64) * 3

    def integer(least: int, most: int) -> int:
        return int(torch.randint(least, most, (), generator=generator))

    scores = SpanScores(random(4, 6, 3, 3), random(4, 3), random(4, 6, 3), random(4, 6, 3), random(4, 3), random(4, 3))
    for window, length in enumerate(n_words):
        scores.start[window, length:] = scores.end[window, length:] = GARBAGE
        for width in range(3):
            scores.span[window, max(0, length - width) :, width] = GARBAGE
    spans = set()
    while len(spans) < n_spans:
        window = integer(0, 4)
        first = integer(0, n_words[window])
        # Never of type 2: it is absent.
        spans.add((window, first, integer(first, n_words[window]), integer(0, 2)))
    return Update(
        scores,
        n_words,
        sorted(spans),
        hidden_start={(0, 5, 0), (2, 3, 1), (3, 0, 2)},
        hidden_end={(0, 0, 0), (0, 0, 2), (2, 1, 1)},
    )


UPDATES = {
    "random 0": random_update(0),
    "random 1": random_update(1),
    "random 2": random_update(2, n_spans=14),
    "no gold": random_update(3, n_spans=0),
    "same start": Update(
        random_update(4).scores, [6, 1, 4, 3], [(0, 1, 1, 0), (0, 1, 2, 0), (0, 3, 3, 0), (0, 1, 1, 1)]
    ),
    "too long": Update(random_update(5).scores, [6, 1, 4, 3], [(0, 1, 4, 0), (2, 0, 1, 1)]),
    "gold and hidden": Update(random_update(6).scores, [6, 1, 4, 3], [(0, 4, 5, 1)], {(0, 4, 1), (0, 5, 1)}),
}


@pytest.mark.parametrize("rows", [[[0, 1, 2, 3]], [[2, 0], [3, 1]], [[1], [3], [0], [2]]], ids=str)
@pytest.mark.parametrize("name", UPDATES)
def test_passes_sum_to_the_definition(name: str, rows: list[list[int]]) -> None:
    """The loss and the gradients of an update are the same in one pass and in several."""
    update = UPDATES[name]
    expected, expected_gradients = update.reference()
    total = 0.0
    found = SpanScores(*(torch.zeros_like(tensor) for tensor in update.scores))
    for rows_of_pass in rows:
        scored = update.pass_of(rows_of_pass)
        loss, gradient = binder_loss(scored.scores, scored.batch, update.targets(), 4, WEIGHTS)
        total += loss
        for target, part in zip(found, gradient, strict=True):
            # Padding differs from pass to pass, so each part fills a corner.
            corner = (torch.tensor(rows_of_pass), *(slice(size) for size in part.shape[1:]))
            target[corner] = part
    assert total == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(list(found), expected_gradients, rtol=1e-9, atol=1e-12)


def test_hidden_cells_and_cells_beyond_have_no_gradient() -> None:
    """What is no candidate is neither pushed up nor down; everything else is."""
    update = random_update(0, n_spans=0)
    scored = update.pass_of([0, 1, 2, 3])
    _, gradient = binder_loss(scored.scores, scored.batch, update.targets(), 4, WEIGHTS)
    assert gradient.start is not None
    beyond = {(b, t, k) for b, length in enumerate(update.n_words) for t in range(length, 6) for k in range(3)}
    expected = ~as_mask(gradient.start.shape, beyond | update.hidden_start)
    assert torch.equal(gradient.start > 0, expected)
    assert torch.equal(gradient.start == 0, ~expected)


def test_scores_are_left_as_they_are() -> None:
    """The logits given get no gradient: it is returned."""
    update = random_update(0)
    scored = update.pass_of([0, 1, 2, 3])
    before = [tensor.clone() for tensor in scored.scores]
    binder_loss(scored.scores, scored.batch, update.targets(), 4, WEIGHTS)
    assert all(tensor.grad is None and not tensor.requires_grad for tensor in scored.scores)
    assert all(torch.equal(a, b) for a, b in zip(before, scored.scores, strict=True))
