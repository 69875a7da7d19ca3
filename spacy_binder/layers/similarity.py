"""How similar descriptions of types are to those that a pipeline was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from thinc.api import Model
from torch.nn.functional import normalize

# Descriptions that are less similar to all trained ones find few spans, if any. Of 16 new descriptions on the demo
# corpus, those above it had F1 from 48 to 85. Those below had F1 from 0 to 28, except one of 48 just below.
LOW_SIMILARITY = 0.9


def unlike_trained(model: Model, new: Mapping[str, str], trained: Sequence[str]) -> list[str]:
    """Find new descriptions that are unlike all trained ones.

    model (Model): The bi-encoder.
    new (Mapping): The label of each new description.
    trained (Sequence[str]): The descriptions that were trained. At least one.
    RETURNS (list[str]): Labels of descriptions that are less similar than `LOW_SIMILARITY`, with their similarity.
    """
    similarity = zip(new.values(), trained_similarity(model, list(new), trained), strict=True)
    return [f"{label} ({value:.2f})" for label, value in similarity if value < LOW_SIMILARITY]


def trained_similarity(model: Model, descriptions: Sequence[str], trained: Sequence[str]) -> list[float]:
    """Compare descriptions with trained ones, as the scorer compares them with spans.

    model (Model): The bi-encoder.
    descriptions (Sequence[str]): N descriptions.
    trained (Sequence[str]): The descriptions that were trained. At least one.
    RETURNS (list[float]): The cosine of each description with the trained one that is most similar, N numbers.
    """
    shim: Any = model.get_ref("scorer").shims[0]
    with torch.inference_mode():
        vectors = model.get_ref("type_encoder").predict([*descriptions, *trained])
        vectors = normalize(shim.module.type_span(vectors.float()), dim=-1)
        new, old = vectors[: len(descriptions)], vectors[len(descriptions) :]
        return (new @ old.T).amax(1).tolist()
