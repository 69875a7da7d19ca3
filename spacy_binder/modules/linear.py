"""Linear layers that a processor multiplies faster than torch's default."""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# With fewer rows than this the call costs more than the multiplication gains.
LEAST_ROWS = 16


def _find_one_dnn() -> Any:
    """RETURNS (Callable, optional): oneDNN's product for float32, which torch has but uses for bfloat16 alone."""
    if not torch.backends.mkldnn.is_available() or platform.machine() not in ("x86_64", "AMD64"):
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


ONE_DNN = _find_one_dnn()


class OneDnnLinear(nn.Linear):
    """A linear layer in float32 by oneDNN: up to twice as fast as MKL, which torch uses, on processors by AMD.

    Only the order of additions differs. Where it isn't to be had (GPU, other types, autocast) it is a plain one.
    """

    def forward(self, input: Tensor) -> Tensor:
        """
        input (Tensor): *Shape:* (..., in_features).
        RETURNS (Tensor): *Shape:* (..., out_features).
        """
        rows = input.numel() // max(self.in_features, 1)
        if ONE_DNN is None or rows < LEAST_ROWS or not self._is_plain(input):
            return functional.linear(input, self.weight, self.bias)
        if torch.is_grad_enabled():
            return _Product.apply(input, self.weight, self.bias)  # type: ignore[no-any-return]
        return _product(input, self.weight, self.bias)

    def _is_plain(self, values: Tensor) -> bool:
        return (
            values.device.type == "cpu"
            and values.dtype == self.weight.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
        )


class _Product(torch.autograd.Function):
    """x · Wᵀ + b and its gradients, all by oneDNN."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(values, weight)
        return _product(values, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        values, weight = ctx.saved_tensors
        needs_values, needs_weight, needs_bias = ctx.needs_input_grad
        grad = grads[0].reshape(-1, weight.shape[0])
        d_values = d_weight = d_bias = None
        if needs_values:
            d_values = _product(grad, weight.T, None).view_as(values)
        if needs_weight:
            d_weight = _product(grad.T, values.reshape(-1, weight.shape[1]).T, None)
        if needs_bias:
            d_bias = grad.sum(0)
        return d_values, d_weight, d_bias


def _product(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return ONE_DNN(values, weight, bias, "none", [], "")


def use_one_dnn(module: nn.Module) -> None:
    """Let the plain linear layers of a module multiply by oneDNN; weights and their names stay as they are.

    module (nn.Module): The module, which is changed.
    """
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = OneDnnLinear
