"""Linear layers that a processor multiplies faster than torch's default."""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# With fewer rows than this the call costs more than the multiplication gains.
LEAST_ROWS = 16
# Numbers of rows from one power of two to the next.
STEPS_AN_OCTAVE = 8


def _find_one_dnn() -> Any:
    """RETURNS (Callable, optional): oneDNN's product for float32, which torch has but uses for bfloat16 alone."""
    if not torch.backends.mkldnn.is_available() or platform.machine() not in ("x86_64", "AMD64"):
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


ONE_DNN = _find_one_dnn()


class OneDnnLinear(nn.Linear):
    """A linear layer in float32 by oneDNN: up to twice as fast as MKL, which torch uses, on processors by AMD.

    Only the order of additions differs. Where it isn't to be had (GPU, other types) it is a plain one.
    """

    def forward(self, input: Tensor) -> Tensor:
        """
        input (Tensor): *Shape:* (..., in_features).
        RETURNS (Tensor): *Shape:* (..., out_features).
        """
        n_rows = input.numel() // max(self.in_features, 1)
        # What is traced is run by others, who know plain products alone and take any number of rows.
        traced = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        if ONE_DNN is None or traced or n_rows < LEAST_ROWS or input.device.type != "cpu":
            return functional.linear(input, self.weight, self.bias)
        if torch.is_autocast_enabled("cpu"):
            # torch goes to oneDNN by itself.
            if torch.is_grad_enabled():
                return functional.linear(input, self.weight, self.bias)
            output = functional.linear(_filled_up(input), self.weight, self.bias)
        elif input.dtype == self.weight.dtype == torch.float32:
            if torch.is_grad_enabled():
                return _Product.apply(input, self.weight, self.bias)  # type: ignore[no-any-return]
            output = _product(_filled_up(input), self.weight, self.bias)
        else:
            return functional.linear(input, self.weight, self.bias)
        return output[:n_rows].view(*input.shape[:-1], self.out_features)


class _Product(torch.autograd.Function):
    """x · Wᵀ + b and its gradients, all by oneDNN."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = _filled_up(values)
        ctx.save_for_backward(rows, weight)
        ctx.shape = values.shape
        n_rows = values.numel() // values.shape[-1]
        return _product(rows, weight, bias)[:n_rows].view(*values.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        needs_values, needs_weight, needs_bias = ctx.needs_input_grad
        grad = _filled_up(grads[0])
        d_values = d_weight = d_bias = None
        if needs_values:
            n_rows = grads[0].numel() // len(weight)
            d_values = _product(grad, weight.T, None)[:n_rows].view(ctx.shape)
        if needs_weight:
            d_weight = _product(grad.T, rows.T, None)
        if needs_bias:
            d_bias = grad.sum(0)
        return d_values, d_weight, d_bias


def _product(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return ONE_DNN(values, weight, bias, "none", [], "")


def _filled_up(values: Tensor) -> Tensor:
    """RETURNS (Tensor): The rows of the last axis, and as many of zeros as make their number a common one.

    oneDNN compiles and keeps code for each number of rows: for thousands of them that takes gigabytes.
    """
    rows = values.reshape(-1, values.shape[-1])
    n_rows = len(rows)
    step = 1 << max(n_rows.bit_length() - STEPS_AN_OCTAVE.bit_length(), 0)
    missing = -n_rows % step
    return functional.pad(rows, (0, 0, 0, missing)) if missing else rows


def use_one_dnn(module: nn.Module) -> None:
    """Let the plain linear layers of a module multiply by oneDNN; weights and their names stay as they are.

    module (nn.Module): The module, which is changed.
    """
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = OneDnnLinear
