"""Linear layers in 8 bits, for inference alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# Weights and inputs take the numbers from -127 to 127.
MOST = 127


class Int8Linear(nn.Module):
    """A linear layer whose weights are 8-bit numbers, with one scale an output.

    Its input is brought to 8 bits on the way, each row by its own middle and range, so that neither a row of
    large values nor values of mostly one sign (as after GELU) cost the precision of others.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        """
        in_features, out_features (int): Width of the input and of the output.
        """
        super().__init__()
        self.register_buffer("weight", torch.zeros(in_features, out_features, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(out_features))
        self.register_buffer("bias", torch.zeros(out_features))
        self._total: Tensor | None = None

    @classmethod
    def from_linear(cls, linear: nn.Linear) -> Int8Linear:
        """RETURNS (Int8Linear): The layer that comes closest to a linear layer."""
        weight = linear.weight.detach().float()
        layer = cls(linear.in_features, linear.out_features).to(weight.device)
        layer.scale = (weight.abs().amax(1) / MOST).clamp(min=1e-12)
        layer.weight = (weight / layer.scale[:, None]).round().to(torch.int8).T.contiguous()
        if linear.bias is not None:
            layer.bias = linear.bias.detach().float().clone()
        return layer

    def forward(self, input: Tensor) -> Tensor:
        """
        input (Tensor): *Shape:* (..., in_features).
        RETURNS (Tensor): *Shape:* (..., out_features), float32.
        """
        rows = input.reshape(-1, input.shape[-1]).float()
        if rows.device.type != "cpu":
            return functional.linear(input.float(), self.weight.T * self.scale[:, None], self.bias)
        if self._total is None:
            # What a row of ones gives: the middle of a row is multiplied by it.
            self._total = self.weight.sum(0, dtype=torch.int64) * self.scale
        high, low = rows.amax(1, keepdim=True), rows.amin(1, keepdim=True)
        middle = (high + low) / 2
        step = ((high - low) / (2 * MOST)).clamp(min=1e-12)
        quantized = (rows - middle).div_(step).round_().to(torch.int8)
        output = torch._int_mm(quantized, self.weight).float()  # pyright: ignore[reportPrivateImportUsage]
        output.mul_(step).mul_(self.scale).add_(self.bias).addcmul_(middle, self._total)
        return output.view(*input.shape[:-1], -1)


def quantize(module: nn.Module) -> nn.Module:
    """Put 8-bit layers in the place of a module's linear layers.

    module (nn.Module): The module, which is changed.
    RETURNS (nn.Module): The module itself.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, Int8Linear.from_linear(child))
    return module
