"""8-bit linear layers, against the same arithmetic in numpy and against the bound of its rounding."""

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_binder.modules.quantization import Int8Linear, quantize


def by_hand(linear: nn.Linear, values: torch.Tensor) -> numpy.ndarray:
    """8 bits for the weights of an output and for a row of input, multiplied in float64."""
    weight = linear.weight.detach().double().numpy()
    scale = numpy.abs(weight).max(1, keepdims=True) / 127
    weight = numpy.round(weight / scale) * scale
    rows = values.double().numpy()
    high, low = rows.max(1, keepdims=True), rows.min(1, keepdims=True)
    middle, step = (high + low) / 2, numpy.maximum((high - low) / 254, 1e-12)
    rows = numpy.round((rows - middle) / step) * step + middle
    bias = linear.bias.detach().double().numpy() if linear.bias is not None else 0.0
    return rows @ weight.T + bias


@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_computation_by_hand(bias: bool) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(24, 16, bias=bias)
    values = torch.nn.functional.gelu(torch.randn(40, 24) * 3)
    output = Int8Linear.from_linear(linear)(values)
    # One step of one input at the most, where float32 and float64 round a half differently.
    numpy.testing.assert_allclose(output.numpy(), by_hand(linear, values), atol=2e-2)
    assert abs(output.numpy() - by_hand(linear, values)).mean() < 1e-4


@given(seed=st.integers(0, 2**31), scale=st.floats(1e-3, 1e3), shift=st.floats(-10, 10))
def test_error_is_bounded_by_the_rounding(seed: int, scale: float, shift: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    linear = nn.Linear(16, 8)
    values = (torch.randn(20, 16, generator=generator) + shift) * scale
    with torch.no_grad():
        exact, output = linear(values), Int8Linear.from_linear(linear)(values)
    step = (values.amax(1, keepdim=True) - values.amin(1, keepdim=True)) / 254
    weights = linear.weight.detach().abs()
    of_input = step / 2 * weights.sum(1)
    of_weights = values.abs().sum(1, keepdim=True) * (weights.amax(1) / 127 / 2)
    both = step / 2 * 16 * (weights.amax(1) / 127 / 2)
    bound = of_input + of_weights + both
    assert ((output - exact).abs() <= bound * 1.01 + 1e-5 * scale * (1 + abs(shift))).all()


def test_rows_of_one_value_and_of_zeros_are_exact_up_to_the_weights() -> None:
    linear = nn.Linear(8, 4)
    values = torch.cat([torch.zeros(20, 8), torch.full((1, 8), 3.5)])
    layer = Int8Linear.from_linear(linear)
    torch.testing.assert_close(layer(values)[:20], linear.bias.detach().expand(20, -1))
    expected = (layer.weight.float() * layer.scale).sum(0) * 3.5 + layer.bias
    torch.testing.assert_close(layer(values)[20], expected)


def test_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    layer = Int8Linear.from_linear(nn.Linear(16, 8))
    values = torch.randn(30, 16)
    loud = values.clone()
    loud[1:] *= 1000
    torch.testing.assert_close(layer(loud)[0], layer(values)[0])
    torch.testing.assert_close(layer(values.view(5, 6, 16)).view(30, 8), layer(values))


def test_every_linear_layer_is_replaced_and_state_round_trips() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 4)))
    values = torch.randn(32, 8)
    with torch.no_grad():
        exact = module(values)
    quantize(module)
    assert not any(isinstance(layer, nn.Linear) for layer in module.modules())
    with torch.no_grad():
        output = module(values)
    assert (output - exact).norm() / exact.norm() < 0.02
    other = quantize(nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 4))))
    other.load_state_dict(module.state_dict())
    with torch.no_grad():
        assert torch.equal(other(values), output)
