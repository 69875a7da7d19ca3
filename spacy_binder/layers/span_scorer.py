"""Vectors of windows and of types → logits of starts, ends and spans."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from thinc.api import Model
from torch import Tensor

from ..modules.span_scorer import SpanScorerModule, SpanScores
from ..spans.decoding import FoundSpans
from .module_shim import ModuleShim
from .types import EncodedWindows, Search

ScorerInT = tuple[EncodedWindows, Tensor, Search]


def span_scorer(
    *,
    linear_size: int,
    max_span_length: int,
    width_embedding_size: int,
    temperature: float,
    learn_rate_scale: float,
) -> Model[ScorerInT, Any]:
    """Make the scorer; its arguments are those of `spacy_binder.SpanScorer.v1`.

    RETURNS (Model): Reads encoded windows, vectors of types and what to look for; gives logits (SpanScores)
        in training, the spans over their thresholds (FoundSpans) at inference.
    """
    settings = {
        "linear_size": linear_size,
        "max_span_length": max_span_length,
        "width_embedding_size": width_embedding_size,
        "temperature": temperature,
    }
    return Model(
        "binder_span_scorer",
        forward,
        init=partial(init, settings=settings),
        dims={"nI": None, "nT": None},
        attrs={"dropout_rate": 0.1, "max_span_length": max_span_length},
        shims=[ModuleShim(SpanScorerModule, learn_rate_scale=learn_rate_scale)],
    )


def init(model: Model, X: Any = None, Y: Any = None, *, settings: dict[str, Any]) -> None:
    """Build the layers, unless they are there already."""
    shim: Any = model.shims[0]
    if not shim.is_built:
        shim.build(text_width=model.get_dim("nI"), type_width=model.get_dim("nT"), **settings)


def forward(model: Model, X: ScorerInT, is_train: bool) -> tuple[SpanScores | FoundSpans, Callable]:
    encoded, types, search = X
    shim: Any = model.shims[0]
    module: Any = shim.module
    if module.training != is_train:
        module.train(is_train)
    module.dropout.p = model.attrs["dropout_rate"]
    device = encoded.vectors.device
    first = torch.from_numpy(encoded.batch.first).to(device)
    last = torch.from_numpy(encoded.batch.last).to(device)
    if not is_train:
        n_words = torch.from_numpy(encoded.batch.n_words).to(device)
        most = search.max_spans_per_word * int(encoded.batch.n_words.sum())
        least, position_least = (
            None if limit is None else torch.as_tensor(limit, dtype=torch.float32, device=device)
            for limit in (search.least, search.position_least)
        )
        with torch.inference_mode():
            cells, margin, n_seen = module.search(
                encoded.vectors.float(),
                first,
                last,
                n_words,
                types,
                least=least,
                position_least=position_least,
                most=most,
            )
        found = FoundSpans(encoded.rows, cells.cpu().numpy(), margin.cpu().numpy(), n_seen - len(cells))
        return found, lambda _: []
    vectors = encoded.vectors.detach().float().requires_grad_()
    types = types.detach().float().requires_grad_()
    outputs = module(vectors, first, last, types)

    def backprop(d_scores: SpanScores) -> tuple[Tensor | None, Tensor | None]:
        torch.autograd.backward(outputs, d_scores.tensors())
        return vectors.grad, types.grad

    return SpanScores(*(output.detach() for output in outputs)), backprop
