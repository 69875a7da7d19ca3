"""The bi-encoder: text encoder, type encoder and span scorer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from thinc.api import Model
from torch import Tensor

from ..modules.processes import add_up, place
from ..modules.span_scorer import SpanScores
from ..modules.type_vectors import TypeVectors
from .examples import encode_examples, example_shifts
from .process import use_one_thread_in_fork
from .span_scorer import project_types
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

    X (BinderInput, optional): Some docs and what describes the types.
    """
    text_encoder, type_encoder, scorer = model.layers
    text_encoder.initialize(X.docs if X is not None else None)
    type_encoder.initialize()
    scorer.set_dim("nI", text_encoder.get_dim("nO"), force=True)
    scorer.set_dim("nT", type_encoder.get_dim("nO"), force=True)
    scorer.initialize()


def forward(model: Model, X: BinderInput, is_train: bool) -> tuple[BinderOutput, Callable]:
    """Encode the types, and stream the passes over the text.

    X (BinderInput): Docs, what describes the types, and what to search for.
    is_train (bool): Whether to give logits and take gradients.
    RETURNS (tuple[BinderOutput, Callable]): The output, and the callback that ends an update.
    """
    use_one_thread_in_fork()
    text_encoder, type_encoder, scorer = model.layers
    encoded: EncodedText
    encoded, finish_text = text_encoder(X.docs, is_train)
    texts, backprop_types = _encode_types(type_encoder, [text for words in X.types for text in words.texts], is_train)
    types = _join(text_encoder, texts, X, is_train)
    d_types = torch.zeros_like(texts)
    targets = None if is_train else project_types(scorer, types)
    shifts, search = None, X.search
    if targets is not None and len(types.of_example):
        shifts = example_shifts(text_encoder, scorer, targets, X.types, X.docs[0].vocab)
        search = replace(search, min_margin=search.min_margin + shifts)

    def passes() -> Iterator[Any]:
        for windows in encoded.passes:
            scores, backprop_scores = scorer((windows, targets or types, search), is_train)
            if is_train:
                yield ScoredWindows(windows.batch, scores, partial(backprop_pass, windows, backprop_scores))
            elif shifts is not None:
                yield replace(scores, margin=scores.margin - shifts[scores.cells[:, 3]])
            else:
                yield scores

    def backprop_pass(windows: EncodedWindows, backprop_scores: Callable, d_scores: SpanScores) -> None:
        d_vectors, d_texts = backprop_scores(d_scores)
        d_types.add_(d_texts)
        windows.backprop(d_vectors)

    def backprop(_: None) -> list:
        backprop_types(d_types)
        finish_text(None)
        return []

    return BinderOutput(encoded.windows, passes()), backprop


def _encode_types(type_encoder: Model, texts: list[str], is_train: bool) -> tuple[Tensor, Callable]:
    """Encode descriptions. Of several processes that train, each encodes a share of them."""
    rank, size = place()
    if size == 1 or not is_train:
        return type_encoder(texts, is_train)
    share = slice(rank, None, size)
    n_own = len(texts[share])
    # One that has no share encodes a text all the same, which counts for nothing.
    vectors, backprop = type_encoder(texts[share] or texts[:1], is_train)
    all_vectors = vectors.new_zeros(len(texts), vectors.shape[1])
    all_vectors[share] = vectors.detach()[:n_own]

    def backprop_share(d_all_vectors: Tensor) -> list:
        d_vectors = torch.zeros_like(vectors)
        d_vectors[:n_own] = add_up(d_all_vectors)[share]
        return backprop(d_vectors)

    return add_up(all_vectors), backprop_share


def _join(text_encoder: Model, texts: Tensor, X: BinderInput, is_train: bool) -> TypeVectors:
    """Put the vectors of types together. In training they have no examples: gold spans take the place of these."""
    types = TypeVectors.of_texts(texts)
    counts = [len(words.texts) for words in X.types]
    if max(counts, default=1) > 1:
        types = types._replace(of_text=_repeat(counts, texts.device))
    examples = [example for words in X.types for example in words.examples]
    if is_train or not examples or not X.docs:
        return types
    vectors, widths = encode_examples(text_encoder, examples, X.docs[0].vocab)
    of_example = _repeat([len(words.examples) for words in X.types], texts.device)
    thresholds, firsts, lasts = vectors.unbind(1)
    return types._replace(firsts=firsts, lasts=lasts, thresholds=thresholds, widths=widths, of_example=of_example)


def _repeat(counts: list[int], device: torch.device) -> Tensor:
    """RETURNS (Tensor): The number of each type, as often as its count says."""
    return torch.arange(len(counts), device=device).repeat_interleave(torch.tensor(counts, device=device))
