"""What the encoders give for types, and the unit vectors that text is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Rows of types per product at inference. All products have this size, because the last bits of a product depend on
# its size. So the logits of a type are the same, whichever types there are beside it. The last bits depend on how rows
# lie in memory, too: rows whose width is no multiple of this number are multiplied one by one.
ROWS_PER_PRODUCT = 16


class TypeVectors(NamedTuple):
    """What the encoders give for K types, from N descriptions and E example spans.

    texts (Tensor): Vectors of the descriptions. *Shape:* (N, type_width).
    of_text (Tensor): The type of each description. Each type has one or more. *Shape:* (N,).
    firsts, lasts (Tensor): Vectors of the examples' first and last wordpieces. *Shape:* (E, text_width).
    thresholds (Tensor): Vectors of [CLS] in the examples' windows. *Shape:* (E, text_width).
    widths (Tensor): Words per example, minus 1. *Shape:* (E,).
    of_example (Tensor): The type of each example. *Shape:* (E,).
    """

    texts: Tensor
    of_text: Tensor
    firsts: Tensor
    lasts: Tensor
    thresholds: Tensor
    widths: Tensor
    of_example: Tensor

    @property
    def n_types(self) -> int:
        """RETURNS (int): The number of types, K."""
        return int(self.of_text[-1]) + 1 if len(self.of_text) else 0

    @classmethod
    def of_texts(cls, texts: Tensor) -> TypeVectors:
        """RETURNS (TypeVectors): Types with one description each and no examples."""
        none = torch.zeros(0, dtype=torch.long, device=texts.device)
        return cls(texts, torch.arange(len(texts), device=texts.device), texts[:0], texts[:0], texts[:0], none, none)


class TypeTargets(NamedTuple):
    """What K types are compared by.

    start, end, span (Tensor): What starts, ends and spans are compared with: unit vectors. *Shape:* (K, linear_size).
    weight (Tensor): How many examples the descriptions of each type count as. *Shape:* (K,).
    """

    start: Tensor
    end: Tensor
    span: Tensor
    weight: Tensor


def by_blocks(function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Apply a function of rows to blocks of one size. So the result of a row does not depend on the other rows.

    function (Callable): Takes some rows and gives one row for each.
    rows (Tensor): The rows. *Shape:* (K, W).
    RETURNS (Tensor): A row for each of them. *Shape:* (K, ...).
    """
    return torch.cat([function(block) for block in _blocks(rows)])[: len(rows)]


def compare_by_blocks(vectors: Tensor, targets: Tensor) -> Tensor:
    """Multiply vectors with the targets of types. So the products of a type do not depend on the other types.

    vectors (Tensor): The vectors. *Shape:* (..., D).
    targets (Tensor): The targets. *Shape:* (K, D).
    RETURNS (Tensor): The products. *Shape:* (..., K).
    """
    return torch.cat([vectors @ block.T for block in _blocks(targets)], dim=-1)[..., : len(targets)]


def compare(vectors: Tensor, targets: Tensor) -> Tensor:
    """RETURNS (Tensor): The products of vectors, (..., D), with targets, (K, D), in one piece: (..., K)."""
    return vectors @ targets.T


def _blocks(rows: Tensor) -> tuple[Tensor, ...]:
    size = ROWS_PER_PRODUCT if rows.shape[1] % ROWS_PER_PRODUCT == 0 else 1
    filler = max(1, -(-len(rows) // size)) * size - len(rows)
    return functional.pad(rows, (0, 0, 0, filler)).split(size)


def mean_directions(rows: Tensor, of_type: Tensor, n_types: int) -> Tensor:
    """Average the unit vectors of each type, and give the mean the norm 1. A vector that is alone stays as it is.

    rows (Tensor): Unit vectors, at least one per type. *Shape:* (N, D).
    of_type (Tensor): The type of each one. *Shape:* (N,).
    n_types (int): The number of types, K.
    RETURNS (Tensor): One unit vector per type. *Shape:* (K, D).
    """
    if len(rows) == n_types:
        return rows
    sums = rows.new_zeros(n_types, rows.shape[-1]).index_add(0, of_type, rows)
    counts = torch.bincount(of_type, minlength=n_types)
    return torch.where((counts > 1)[:, None], by_blocks(unit, sums), sums)


def unit(vectors: Tensor) -> Tensor:
    """RETURNS (Tensor): The vectors with norm 1."""
    return functional.normalize(vectors, dim=-1)
