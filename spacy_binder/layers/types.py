"""The data that flows from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from spacy.tokens import Doc

    from ..modules.span_scorer import SpanScores
    from ..text.arrays import Floats1d, Ints1d
    from ..text.windows import WindowBatch, Windows


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
