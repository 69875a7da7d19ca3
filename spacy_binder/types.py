"""The data that flows from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
    shapes (Ints2d): What the word of each wordpiece looks like, see `SHAPES`, shape (B, L).
    lengths (Ints1d): Wordpieces of each window, special ones included, shape (B,).
    first (Ints2d): Position of each word's first wordpiece, shape (B, T).
    last (Ints2d): Position of each word's last wordpiece, shape (B, T).
    n_words (Ints1d): Words of each window, shape (B,).
    """

    input_ids: Ints2d
    shapes: Ints2d
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
    """The logits of one pass in training. B windows, T words, M span widths, K types.

    span (torch.Tensor): Logit of the span of width w + 1 that starts at word t, shape (B, T, M, K).
        Cells that reach beyond a window's last word have no meaning.
    span_threshold (torch.Tensor): Logit of the span ([CLS], [CLS]), shape (B, K).
    start, end (torch.Tensor): Logits of words as starts and ends, shape (B, T, K).
    start_threshold, end_threshold (torch.Tensor): Logits of [CLS], shape (B, K).
    """

    span: torch.Tensor
    span_threshold: torch.Tensor
    start: torch.Tensor
    end: torch.Tensor
    start_threshold: torch.Tensor
    end_threshold: torch.Tensor

    def tensors(self) -> list[torch.Tensor]:
        """RETURNS (list): The tensors, in the order of the fields."""
        return [
            self.span,
            self.span_threshold,
            self.start,
            self.end,
            self.start_threshold,
            self.end_threshold,
        ]


@dataclass
class ScoredWindows:
    """The scores of one pass in training.

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
class FoundSpans:
    """The spans that one pass found at inference.

    rows (Ints1d): Which windows were looked at, shape (B,).
    cells (Ints2d): Window of the pass, first word, width - 1 and type of each span, shape (n, 4).
    margin (Floats1d): Its logit less the logit of its threshold, shape (n,).
    n_dropped (int): How many more there were than are kept.
    """

    rows: Ints1d
    cells: Ints2d
    margin: Floats1d
    n_dropped: int


@dataclass
class Search:
    """What to look for at inference.

    least (float / Floats1d): What a span's logit has to exceed its threshold by, for all types or one a type (K,).
    position_least (float / Floats1d, optional): What the logits of its start and end have to exceed theirs by, for all
        types or one a type (K,). None: they aren't asked.
    max_spans_per_word (int): The most spans to keep, a word.
    """

    least: float | Floats1d = 0.0
    position_least: float | Floats1d | None = None
    max_spans_per_word: int = 4


@dataclass
class BinderInput:
    """What the Binder model reads.

    docs (list[Doc]): The documents.
    descriptions (list[str]): One description a type.
    search (Search): What to look for at inference.
    """

    docs: list[Doc]
    descriptions: list[str]
    search: Search = field(default_factory=Search)


@dataclass
class BinderOutput:
    """What the Binder model gives: the windows of the docs, and pass by pass what was scored or found in them."""

    windows: Windows
    passes: Iterator[Any]
