"""The bi-encoder: text encoder, type encoder and span scorer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from thinc.api import Model

from ..modules.span_scorer import SpanScores
from .process import use_one_thread_in_fork
from .types import BinderInput, BinderOutput, EncodedText, EncodedWindows, ScoredWindows, Settings


@dataclass
class BinderSettings(Settings):
    """Settings of the bi-encoder. They are arguments of `spacy_binder.Binder.v1`.

    clip_together (bool): Whether gradients are clipped by their norm over all modules. Defaults to False.
    """

    clip_together: bool = False


def binder(
    settings: BinderSettings, text_encoder: Model, type_encoder: Model, scorer: Model
) -> Model[BinderInput, BinderOutput]:
    """Make the model. See `BinderOutput` for how it streams.

    settings (BinderSettings): The settings.
    text_encoder (Model): Docs → windows of wordpiece vectors.
    type_encoder (Model): Descriptions → vectors.
    scorer (Model): Both → logits in training, spans at inference.
    RETURNS (Model): Docs and descriptions → passes of logits or spans.
    """
    return Model(
        "binder",
        forward,
        init=init,
        layers=[text_encoder, type_encoder, scorer],
        attrs={"settings": settings},
        refs={"text_encoder": text_encoder, "type_encoder": type_encoder, "scorer": scorer},
    )


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Initialize the encoders, then the scorer with their widths.

    X (BinderInput, optional): Some docs and the descriptions.
    """
    text_encoder, type_encoder, scorer = model.layers
    text_encoder.initialize(X.docs if X is not None else None)
    type_encoder.initialize()
    scorer.set_dim("nI", text_encoder.get_dim("nO"), force=True)
    scorer.set_dim("nT", type_encoder.get_dim("nO"), force=True)
    scorer.initialize()


def forward(model: Model, X: BinderInput, is_train: bool) -> tuple[BinderOutput, Callable]:
    """Encode the types, and stream the passes over the text.

    X (BinderInput): Docs, descriptions and what to search for.
    is_train (bool): Whether to give logits and take gradients.
    RETURNS (tuple[BinderOutput, Callable]): The output, and the callback that ends an update.
    """
    use_one_thread_in_fork()
    text_encoder, type_encoder, scorer = model.layers
    encoded: EncodedText
    encoded, finish_text = text_encoder(X.docs, is_train)
    types, backprop_types = type_encoder(X.descriptions, is_train)
    d_types = torch.zeros_like(types)

    def passes() -> Iterator[Any]:
        for windows in encoded.passes:
            scores, backprop_scores = scorer((windows, types, X.search), is_train)
            if is_train:
                yield ScoredWindows(windows.batch, scores, partial(backprop_pass, windows, backprop_scores))
            else:
                yield scores

    def backprop_pass(windows: EncodedWindows, backprop_scores: Callable, d_scores: SpanScores) -> None:
        d_vectors, d_types_of_pass = backprop_scores(d_scores)
        d_types.add_(d_types_of_pass)
        windows.backprop(d_vectors)

    def backprop(_: None) -> list:
        backprop_types(d_types)
        finish_text(None)
        return []

    return BinderOutput(encoded.windows, passes()), backprop
