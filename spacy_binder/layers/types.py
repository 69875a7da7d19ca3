"""The data that the layers of the model exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from thinc.model import deserialize_attr, serialize_attr

from ..descriptions import TypeWords
from ..spans.decoding import FoundSpans
from ..text.arrays import Floats1d
from ..text.windows import WindowBatch, Windows

if TYPE_CHECKING:
    # `spacy.blank()` imports this module, and torch takes seconds.
    import torch
    from spacy.tokens import Doc

    from ..modules.span_scorer import SpanScores


class Settings:
    """Base of the settings of a layer, which are in its `model.attrs["settings"]`.

    They come from the config. thinc saves attrs with a model and restores them when it is loaded. These are not
    restored, so that `spacy.load(..., config=...)` can change them.
    """


@serialize_attr.register
def _serialize_settings(_: Settings, value: Settings, name: str, model: object) -> bytes:
    return b""


@deserialize_attr.register
def _keep_settings(own: Settings, value: bytes, name: str, model: object) -> Settings:
    return own


@dataclass
class EncodedWindows:
    """The vectors of one forward pass.

    batch (WindowBatch): The windows of the pass. B windows, L wordpieces.
    vectors (torch.Tensor): Last hidden states, shape (B, L, H).
    backprop (Callable): Takes the gradient of `vectors`.
    """

    batch: WindowBatch
    vectors: torch.Tensor
    backprop: Callable[[torch.Tensor], None]


@dataclass
class EncodedText:
    """All windows of a batch of docs, and their vectors pass by pass. A pass is computed when it is asked for."""

    windows: Windows
    passes: Iterator[EncodedWindows]


@dataclass
class ScoredWindows:
    """The logits of one forward pass in training.

    batch (WindowBatch): The windows of the pass.
    scores (SpanScores): Their logits.
    backprop (Callable): Takes the gradients of the logits, as a SpanScores of the same shapes.
    """

    batch: WindowBatch
    scores: SpanScores
    backprop: Callable[[SpanScores], None]


@dataclass
class Search:
    """What to search for at inference. Margins are given for all types, or one per type, shape (K,).

    min_margin (float / Floats1d): The margin over its threshold that a span's logit has to exceed. Defaults to 0.
    min_position_margin (float / Floats1d, optional): The margin over their thresholds that the logits of a span's
        start and end have to exceed. None, the default, if they are not examined.
    max_spans_per_word (int): The most spans to keep per word and type. Defaults to 4.
    """

    min_margin: float | Floats1d = 0.0
    min_position_margin: float | Floats1d | None = None
    max_spans_per_word: int = 4


@dataclass
class BinderInput:
    """The input of the model.

    docs (list[Doc]): The docs.
    types (list[TypeWords]): What describes each type.
    search (Search): What to search for at inference.
    """

    docs: list[Doc]
    types: list[TypeWords]
    search: Search = field(default_factory=Search)


PassT = TypeVar("PassT", ScoredWindows, FoundSpans)


@dataclass
class BinderOutput(Generic[PassT]):
    """The output of the model: windows, and a stream of forward passes over them.

    A pass is computed when the iterator is asked for it, so that memory depends on one pass and not on the docs.

    - `model.predict(X)` gives a `BinderOutput[FoundSpans]`: the spans that each pass found.
    - `model.begin_update(X)` gives a `BinderOutput[ScoredWindows]` and a callback. Gradients flow pass by pass: call
      `backprop` of each pass before you ask for the next one. Call the callback with None after the last pass: it
      backpropagates through the type encoder, which has encoded the types once for all passes.

    windows (Windows): The windows of all docs.
    passes (Iterator[PassT]): The passes. Each one has some of the windows, and each window is in one pass.
    """

    windows: Windows
    passes: Iterator[PassT]
