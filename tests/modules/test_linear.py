"""Linear layers by oneDNN: the same numbers and gradients as torch's own, in whatever shape they come."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_binder.modules import linear as linear_module
from spacy_binder.modules.linear import OneDnnLinear, use_one_dnn


@pytest.mark.parametrize("shape", [(20, 12), (4, 9, 12), (2, 3, 5, 12), (1, 12), (0, 12)])
@pytest.mark.parametrize("bias", [True, False])
def test_output_and_gradients_equal_those_in_float64(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layer = OneDnnLinear(12, 7, bias=bias)
    exact = nn.Linear(12, 7, bias=bias, dtype=torch.float64)
    exact.load_state_dict(layer.state_dict())
    values = torch.randn(*shape, requires_grad=True)
    exact_values = values.detach().double().requires_grad_()
    d_output = torch.randn(*shape[:-1], 7)
    output, exact_output = layer(values), exact(exact_values)
    output.backward(d_output)
    exact_output.backward(d_output.double())
    torch.testing.assert_close(output.double(), exact_output, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(values.grad.double(), exact_values.grad, atol=1e-5, rtol=1e-5)
    for param, exact_param in zip(layer.parameters(), exact.parameters(), strict=True):
        torch.testing.assert_close(param.grad.double(), exact_param.grad, atol=1e-5, rtol=1e-5)


def test_gradients_of_transposed_and_expanded_outputs() -> None:
    torch.manual_seed(0)
    layer, plain = OneDnnLinear(6, 4), nn.Linear(6, 4)
    plain.load_state_dict(layer.state_dict())
    values = torch.randn(32, 6)
    for module in (layer, plain):
        module(values).T.reshape(8, 16).sum().backward()
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)
    torch.testing.assert_close(layer.bias.grad, plain.bias.grad)


def test_only_what_needs_a_gradient_gets_one() -> None:
    layer = OneDnnLinear(6, 4)
    layer.weight.requires_grad_(False)
    values = torch.randn(32, 6)
    layer(values).sum().backward()
    assert layer.weight.grad is None
    torch.testing.assert_close(layer.bias.grad, torch.full((4,), 32.0))


@pytest.mark.skipif(linear_module.ONE_DNN is None, reason="torch has no oneDNN product here")
def test_one_dnn_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    product = linear_module.ONE_DNN
    monkeypatch.setattr(linear_module, "ONE_DNN", lambda *args: calls.append(1) or product(*args))
    layer = OneDnnLinear(6, 4)
    with torch.inference_mode():
        layer(torch.randn(32, 6))
        assert len(calls) == 1
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(torch.randn(32, 6)).dtype == torch.bfloat16
        layer.double()(torch.randn(32, 6, dtype=torch.float64))
    assert len(calls) == 1


def test_without_one_dnn_it_is_a_plain_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_module, "ONE_DNN", None)
    layer = OneDnnLinear(6, 4)
    values = torch.randn(32, 6)
    torch.testing.assert_close(layer(values), values @ layer.weight.T + layer.bias)


def test_layers_keep_their_weights_and_names() -> None:
    class Special(nn.Linear):
        pass

    module = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 2)), Special(2, 2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    use_one_dnn(module)
    assert [type(layer) for layer in module.modules() if isinstance(layer, nn.Linear)] == [
        OneDnnLinear,
        OneDnnLinear,
        Special,
    ]
    assert list(module.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@given(st.integers(16, 5000))
def test_rows_are_filled_up_to_few_numbers_of_them(n_rows: int) -> None:
    filled = linear_module._filled_up(torch.ones(n_rows, 1))
    assert n_rows <= len(filled) <= n_rows * 1.13
    assert filled.sum() == n_rows


def test_there_are_few_numbers_of_rows() -> None:
    numbers = {len(linear_module._filled_up(torch.ones(n, 1))) for n in range(16, 2049)}
    assert len(numbers) < 64
