"""Search a pass for spans, type by type: few starts are examined, and the best spans of each type are kept."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# The most pairs of a start and a type that are examined at once. They bound the memory.
PAIRS_AT_ONCE = 65536
# The most spans to keep of all types together, as a multiple of those of one type. It bounds the memory where many
# types have a threshold near 0.
MOST_TYPES_AT_THEIR_LIMIT = 64


class Parts(NamedTuple):
    """The parts of a span's logit, (first[t] + last[t + w] + width[w]) · inverse_norm[t, w].

    *Shapes:* first, last (B, T, K), width (M, K), inverse_norm (B, T, M), which includes the temperature, and
    threshold (B, K).
    """

    first: Tensor
    last: Tensor
    width: Tensor
    inverse_norm: Tensor
    threshold: Tensor


class Found:
    """The best cells of each type that were found so far."""

    def __init__(self, most: int, device: torch.device) -> None:
        """
        most (int): The most cells to keep per type.
        device (torch.device): Where they are.
        """
        self.most = most
        self.n_seen = 0
        self.is_finite = True
        self.cells = torch.zeros((0, 4), dtype=torch.long, device=device)
        self.margins = torch.zeros(0, device=device)

    def add(self, cells: Tensor, margins: Tensor) -> None:
        """Add cells, and drop all but the best ones of each type.

        cells (Tensor): Window, first word, width - 1 and type of each span. *Shape:* (n, 4).
        margins (Tensor): Their margins. *Shape:* (n,).
        """
        self.n_seen += len(cells)
        self.cells, self.margins = torch.cat([self.cells, cells]), torch.cat([self.margins, margins])
        if len(self.cells) > self.most:
            label = self.cells[:, 3]
            counts = torch.bincount(label)
            if counts.max() > self.most:
                order = self.margins.argsort(descending=True, stable=True)
                order = order[label[order].argsort(stable=True)]
                rank = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[label[order]]
                kept = order[rank < self.most].sort().values
                self.cells, self.margins = self.cells[kept], self.margins[kept]
            if len(self.cells) > MOST_TYPES_AT_THEIR_LIMIT * self.most:
                self.margins, kept = self.margins.topk(MOST_TYPES_AT_THEIR_LIMIT * self.most)
                self.cells = self.cells[kept]


def search_types(
    parts: Parts,
    n_words: Tensor,
    limit: Tensor,
    starts: Tensor | None,
    ends: Tensor | None,
    first_type: int,
    found: Found,
) -> None:
    """Search a pass for the spans of K types.

    parts (Parts): The parts of the logits.
    n_words (Tensor): Words per window. *Shape:* (B,).
    limit (Tensor): The margin that a span of each type has to exceed. *Shape:* (K,).
    starts, ends (Tensor, optional): Whether a word may be a start, an end. None if each may. *Shape:* (B, T, K).
    first_type (int): The number of the first of these types.
    found (Found): Takes the spans.
    """
    n_starts, n_widths = parts.inverse_norm.shape[1:]
    words = torch.arange(n_starts, device=n_words.device)
    widths = torch.arange(n_widths, device=n_words.device)
    is_word = words < n_words[:, None]
    exists = (words[:, None] + widths) < n_words[:, None, None]
    last = parts.last.masked_fill(~is_word[..., None], -torch.inf)
    best = parts.first + _running_max(last, n_widths) + parts.width.amax(0)
    norm = parts.inverse_norm
    high = norm.masked_fill(~exists, 0.0).amax(2)[..., None]
    low = norm.masked_fill(~exists, torch.inf).amin(2)[..., None]
    # The bound and the logit are rounded differently: allow for it.
    alive = best * torch.where(best > 0, high, low) > parts.threshold[:, None] + limit - 1e-3
    alive &= is_word[..., None]
    if starts is not None:
        alive &= starts
    for pairs in alive.nonzero().split(PAIRS_AT_ONCE):
        window, word, label = pairs.unbind(1)
        end = (word[:, None] + widths).clamp(max=n_starts - 1)
        similarity = parts.first[window, word, label][:, None] + last[window[:, None], end, label[:, None]]
        similarity = similarity + parts.width.T[label]
        margins = similarity * norm[window, word] - parts.threshold[window, label][:, None]
        beats = (margins > limit[label][:, None]) & exists[window, word]
        if ends is not None:
            beats &= ends[window[:, None], end, label[:, None]]
        pair, width = beats.nonzero().unbind(1)
        cells = torch.stack([window[pair], word[pair], width, label[pair] + first_type], dim=1)
        found.add(cells, margins[beats])


def ends_of(by_width: Tensor) -> Tensor:
    """RETURNS (Tensor): Last word of the span that starts at t with width w + 1, for (B, T, M): shape (T, M)."""
    n_words, n_widths = by_width.shape[1:]
    words = torch.arange(n_words, device=by_width.device)
    widths = torch.arange(n_widths, device=by_width.device)
    return (words[:, None] + widths).clamp(max=max(n_words - 1, 0))


def _running_max(values: Tensor, size: int) -> Tensor:
    """RETURNS (Tensor): The maximum over the places t, …, t + size - 1 of the second axis."""
    done = 1
    while done < size:
        step = min(done, size - done)
        values = torch.cat([torch.maximum(values[:, :-step], values[:, step:]), values[:, -step:]], dim=1)
        done += step
    return values
