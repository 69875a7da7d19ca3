"""How similar descriptions of types are to those that a pipeline was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from thinc.api import Model
from torch.nn.functional import normalize


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
