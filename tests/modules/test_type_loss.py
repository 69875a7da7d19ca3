"""The loss of gold spans among types, against a loop over gold spans, in float64."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spacy_binder.modules.loss import type_loss

N_WINDOWS, N_SPANS, N_TYPES = 2, 3, 4

GOLD = st.sets(
    st.tuples(st.integers(0, N_WINDOWS - 1), st.integers(0, N_SPANS - 1), st.integers(0, N_TYPES - 1)), min_size=1
)


def loop(logits: Tensor, threshold: Tensor, gold: set[tuple[int, int, int]], annotated: Tensor) -> float:
    """The loss, one gold span at a time."""
    total = 0.0
    for window, span, label in gold:
        margins = [float(logits[window, span, k] - threshold[window, k]) for k in range(N_TYPES)]
        rivals = [margins[k] for k in range(N_TYPES) if annotated[window, k] and (window, span, k) not in gold]
        total -= math.log(math.exp(margins[label]) / sum(map(math.exp, [*rivals, 0.0, margins[label]])))
    return total / len(gold)


def make_logits() -> tuple[Tensor, Tensor]:
    """RETURNS (tuple): Logits and thresholds."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(N_WINDOWS, N_SPANS, N_TYPES, generator=generator, dtype=torch.float64)
    return 3 * logits, torch.randn(N_WINDOWS, N_TYPES, generator=generator, dtype=torch.float64)


@settings(max_examples=60, deadline=None, database=None)
@given(gold=GOLD, seed=st.integers(0, 5))
def test_against_a_loop(gold: set[tuple[int, int, int]], seed: int) -> None:
    logits, threshold = make_logits()
    table = torch.tensor(sorted(gold))
    everywhere = torch.ones(N_WINDOWS, N_TYPES, dtype=torch.bool)
    found = type_loss(logits, threshold, table, n_gold=len(gold))
    assert float(found) == pytest.approx(loop(logits, threshold, gold, everywhere), rel=1e-9)
    annotated = torch.rand(N_WINDOWS, N_TYPES, generator=torch.Generator().manual_seed(seed)) < 0.5
    # What is gold was annotated.
    annotated[table[:, 0], table[:, 2]] = True
    found = type_loss(logits, threshold, table, n_gold=len(gold), annotated=annotated)
    assert float(found) == pytest.approx(loop(logits, threshold, gold, annotated), rel=1e-9)


def test_gradients() -> None:
    logits, threshold = (tensor.requires_grad_() for tensor in make_logits())
    gold = torch.tensor([[0, 1, 2], [0, 1, 3], [1, 0, 0]])
    annotated = torch.tensor([[True, True, True, True], [True, False, False, True]])
    assert torch.autograd.gradcheck(
        lambda a, b: type_loss(a, b, gold, n_gold=3, annotated=annotated), (logits, threshold)
    )
    type_loss(logits, threshold, gold, n_gold=3, annotated=annotated).backward()
    assert logits.grad is not None
    # Only gold spans take part. A type that was not annotated has no gradient.
    assert not logits.grad[0, [0, 2]].any() and not logits.grad[1, 1:].any() and not logits.grad[1, 0, 1:3].any()
    # The own types are raised, the rivals lowered.
    assert (logits.grad[0, 1, 2:] < 0).all() and (logits.grad[0, 1, :2] > 0).all()
