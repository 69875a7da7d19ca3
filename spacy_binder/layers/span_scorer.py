"""Vectors of windows and of types → logits in training, spans at inference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from thinc.api import Model
from torch import Tensor

from ..errors import Errors
from ..modules.span_scorer import SpanScorerModule, SpanScores
from ..modules.type_vectors import TypeTargets, TypeVectors
from ..spans.decoding import FoundSpans
from .module_shim import ModuleShim
from .types import EncodedWindows, Search, Settings

# What dropout is drawn for: the three parts of a span vector (first word, last word, width), or their sum.
SPAN_DROPOUTS = ("parts", "sum")
# How the projections start: each one drawn anew, or all from one matrix.
INITIAL_PROJECTIONS = ("random", "aligned")

# In training vectors of the types, at inference the targets that `project_types` makes of them.
ScorerInT = tuple[EncodedWindows, TypeVectors | TypeTargets, Search]


@dataclass
class SpanScorerSettings(Settings):
    """Settings of a span scorer. They are arguments of `spacy_binder.SpanScorer.v1`.

    linear_size (int): Width of the space that text and types are compared in. Defaults to 128.
    max_span_length (int): The most words per span. Defaults to 30.
    width_embedding_size (int): Width of the embedding of a span's length, 0 for none. Defaults to 128.
    temperature (float): Divisor of similarities at the start of training. Defaults to 0.07.
    span_dropout (str): What dropout is drawn for in training, one of `SPAN_DROPOUTS`. Defaults to "parts".
    initial_projections (str): How the projections start, one of `INITIAL_PROJECTIONS`. Defaults to "random".
    """

    linear_size: int = 128
    max_span_length: int = 30
    width_embedding_size: int = 128
    temperature: float = 0.07
    span_dropout: str = "parts"
    initial_projections: str = "random"


def span_scorer(settings: SpanScorerSettings, learn_rate_scale: float = 1.0) -> Model[ScorerInT, Any]:
    """Make the model.

    settings (SpanScorerSettings): The settings.
    learn_rate_scale (float): Factor of the learning rate. Defaults to 1.
    RETURNS (Model): Windows, types and what to search for → SpanScores in training, FoundSpans at inference.
    """
    return Model(
        "binder_span_scorer",
        forward,
        init=init,
        dims={"nI": None, "nT": None},
        # Unlike the settings, the length is restored with the weights, which depend on it.
        attrs={"settings": settings, "dropout_rate": 0.1, "max_span_length": settings.max_span_length},
        shims=[ModuleShim(SpanScorerModule, learn_rate_scale=learn_rate_scale)],
    )


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Build the module, with weights drawn anew.

    RAISES (ValueError): If the projections are to start aligned, but the encoders differ in width.
    """
    shim: Any = model.shims[0]
    settings: SpanScorerSettings = model.attrs["settings"]
    widths = {"text_width": model.get_dim("nI"), "type_width": model.get_dim("nT")}
    is_aligned = settings.initial_projections == "aligned"
    if is_aligned and len({*widths.values()}) > 1:
        raise ValueError(Errors.B071.format(**widths))
    sizes = asdict(settings)
    del sizes["span_dropout"], sizes["initial_projections"]
    shim.build(**widths, **sizes)
    if is_aligned:
        shim.module.align()
    model.attrs["max_span_length"] = settings.max_span_length


def set_max_span_length(model: Model, max_span_length: int) -> None:
    """Change the length of the longest span. Longer spans than before begin with the embedding of the longest one.

    An optimizer that has made a step before can't go on: its moments and averages have the old size.

    model (Model): The span scorer, with its weights.
    max_span_length (int): The most words per span.
    """
    shim: Any = model.shims[0]
    weights, settings = shim.module.state_dict(), model.attrs["settings"]
    if shim.module.span_width is not None:
        table = weights["width_embedding.weight"]
        weights["width_embedding.weight"] = table[torch.arange(max_span_length).clamp(max=len(table) - 1)]
    shim.build(**{**shim.settings, "max_span_length": max_span_length})
    shim.module.load_state_dict(weights)
    model.attrs["max_span_length"] = max_span_length
    model.attrs["settings"] = replace(settings, max_span_length=max_span_length)


def forward(model: Model, X: ScorerInT, is_train: bool) -> tuple[SpanScores | FoundSpans, Callable]:
    """Score the windows of a pass.

    X (tuple): The windows with their vectors, the types, and what to search for.
    is_train (bool): Whether to score every span and take gradients, or to search for spans.
    RETURNS (tuple): The logits or the spans that were found, and the backward pass: gradients of the logits →
        gradients of the windows' vectors and of the descriptions' vectors.
    """
    encoded, types, search = X
    shim: Any = model.shims[0]
    module: SpanScorerModule = shim.module
    if isinstance(types, TypeTargets):
        return _search(module, encoded, types, search), lambda _: []
    # Encoders may multiply in bfloat16.
    precision = module.start.weight.dtype
    vectors = encoded.vectors.detach().to(precision).requires_grad_()
    texts = types.texts.detach().to(precision).requires_grad_()
    first, last = _positions(encoded)
    module.dropout.p = model.attrs["dropout_rate"]
    drop_sums = model.attrs["settings"].span_dropout == "sum"
    with shim.in_training():
        scores = module(vectors, first, last, types._replace(texts=texts), drop_sums=drop_sums)

    def backprop(d_scores: SpanScores) -> tuple[Tensor | None, Tensor | None]:
        shim.backprop(scores, d_scores)
        return vectors.grad, texts.grad

    return SpanScores(*(logits.detach() for logits in scores)), backprop


def project_types(model: Model, types: TypeVectors) -> TypeTargets:
    """Project vectors of types for a search. The target of a type does not depend on the other types.

    model (Model): The span scorer.
    types (TypeVectors): Vectors of the types.
    RETURNS (TypeTargets): What starts, ends and spans are compared with.
    """
    shim: Any = model.shims[0]
    with torch.inference_mode():
        return shim.module.targets(types, blockwise=True)


def _positions(encoded: EncodedWindows) -> tuple[Tensor, Tensor]:
    device = encoded.vectors.device
    return torch.from_numpy(encoded.batch.first).to(device), torch.from_numpy(encoded.batch.last).to(device)


def _search(module: SpanScorerModule, encoded: EncodedWindows, types: TypeTargets, search: Search) -> FoundSpans:
    batch, device = encoded.batch, encoded.vectors.device
    margin, position_margin = (
        None if limit is None else torch.as_tensor(limit, dtype=torch.float32, device=device)
        for limit in (search.min_margin, search.min_position_margin)
    )
    assert margin is not None
    with torch.inference_mode():
        cells, margins, n_found, is_finite = module.search(
            encoded.vectors.float(),
            *_positions(encoded),
            torch.from_numpy(batch.n_words).to(device),
            types,
            min_margin=margin,
            min_position_margin=position_margin,
            max_spans=search.max_spans_per_word * int(batch.n_words.sum()),
        )
    return FoundSpans(batch.rows, cells.cpu().numpy(), margins.cpu().numpy(), n_found - len(cells), is_finite)
