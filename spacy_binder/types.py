"""The data that flows from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from spacy.tokens import Doc

    from .windows import Windows

# thinc's array types don't know numpy's functions; these do.
Ints1d = NDArray[numpy.int64]
Ints2d = NDArray[numpy.int64]
Floats1d = NDArray[numpy.float32]
TokenizerT = Any


@dataclass
class WindowBatch:
    """Some windows, padded to a common number of wordpieces and of words.

    input_ids (Ints2d): Wordpiece ids, shape (B, L); empty where the vectors come from elsewhere.
    lengths (Ints1d): Wordpieces of each window, special ones included, shape (B,).
    first (Ints2d): Position of each word's first wordpiece, shape (B, T).
    last (Ints2d): Position of each word's last wordpiece, shape (B, T).
    n_words (Ints1d): Words of each window, shape (B,).
    """

    input_ids: Ints2d
    lengths: Ints1d
    first: Ints2d
    last: Ints2d
    n_words: Ints1d


@dataclass
class EncodedWindows:
    """The wordpiece vectors of one forward pass.

    rows (Ints1d): Which windows these are, shape (B,).
    batch (WindowBatch): Their words and wordpieces.
    vectors (torch.Tensor): Last hidden states, shape (B, L, H).
    backprop (Callable): Takes the gradient of `vectors`.
    """

    rows: Ints1d
    batch: WindowBatch
    vectors: torch.Tensor
    backprop: Callable[[torch.Tensor], None]


@dataclass
class EncodedText:
    """All windows of a batch of docs, and their vectors pass by pass (made as they are asked for)."""

    windows: Windows
    passes: Iterator[EncodedWindows]


@dataclass
class SpanScores:
    """The logits of one pass. B windows, T words, M span widths, K types.

    span (torch.Tensor): Logit of the span of width w + 1 that starts at word t, shape (B, T, M, K).
        Cells that reach beyond a window's last word have no meaning.
    span_threshold (torch.Tensor): Logit of the span ([CLS], [CLS]), shape (B, K).
    start, end (torch.Tensor, optional): Logits of words as starts and ends, shape (B, T, K). Always
        there in training; at inference only where they are asked for.
    start_threshold, end_threshold (torch.Tensor, optional): Logits of [CLS], shape (B, K).
    """

    span: torch.Tensor
    span_threshold: torch.Tensor
    start: torch.Tensor | None = None
    end: torch.Tensor | None = None
    start_threshold: torch.Tensor | None = None
    end_threshold: torch.Tensor | None = None

    def tensors(self) -> list[torch.Tensor]:
        """RETURNS (list): The tensors that are there, in a fixed order."""
        fields = (self.span, self.span_threshold, self.start, self.end, self.start_threshold, self.end_threshold)
        return [tensor for tensor in fields if tensor is not None]


@dataclass
class ScoredWindows:
    """The scores of one pass.

    rows (Ints1d): Which windows these are, shape (B,).
    batch (WindowBatch): Their words and wordpieces.
    scores (SpanScores): Their logits.
    backprop (Callable): Takes the gradients, in a SpanScores of the same shapes.
    """

    rows: Ints1d
    batch: WindowBatch
    scores: SpanScores
    backprop: Callable[[SpanScores], None]


@dataclass
class BinderInput:
    """What the Binder model reads.

    docs (list[Doc]): The documents.
    descriptions (list[str]): One description a type.
    positions (bool): Whether start and end logits are wanted at inference.
    """

    docs: list[Doc]
    descriptions: list[str]
    positions: bool = False


@dataclass
class BinderOutput:
    """What the Binder model gives: the windows of the docs, and their scores pass by pass."""

    windows: Windows
    passes: Iterator[ScoredWindows]
