"""What stands before and after a wordpiece, read by new layers above a pretrained encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RecurrentContext(nn.Module):
    """Adds to the vector of each wordpiece what an LSTM in each direction makes of its window.

    The last layer starts as zeros: before training, the vectors stay as the encoder made them.
    """

    def __init__(self, width: int, size: int) -> None:
        """
        width (int): Width of the vectors.
        size (int): Units of the LSTM of each direction.
        """
        super().__init__()
        self.dropout = nn.Dropout(0.0)
        # Two of one direction, since torch runs a packed one on a processor step by step: eight times as slow.
        self.onward = nn.LSTM(width, size, batch_first=True)
        self.back = nn.LSTM(width, size, batch_first=True)
        self.output = nn.Linear(2 * size, width)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """
        vectors (Tensor): Padded wordpiece vectors. *Shape:* (B, L, width).
        lengths (Tensor): Wordpieces of each row. What is beyond has no influence. *Shape:* (B,).
        RETURNS (Tensor): The new vectors; those beyond have no meaning. *Shape:* (B, L, width).
        """
        reverse = _reversed(lengths, vectors.shape[1])
        onward = self.onward(vectors)[0]
        backward = _at(self.back(_at(vectors, reverse))[0], reverse)
        return vectors + self.output(self.dropout(torch.cat([onward, backward], dim=-1)))


def _reversed(lengths: Tensor, most: int) -> Tensor:
    """RETURNS (Tensor): The positions of each row from its last to its first, then those beyond. *Shape:* (B, most)."""
    positions = torch.arange(most, device=lengths.device)
    return torch.where(positions < lengths[:, None], lengths[:, None] - 1 - positions, positions)


def _at(vectors: Tensor, positions: Tensor) -> Tensor:
    """RETURNS (Tensor): The vectors of each row at some positions. *Shape:* (B, n, width)."""
    return vectors.gather(1, positions[..., None].expand(-1, -1, vectors.shape[-1]))
