"""Saved vectors of descriptions, in place of the type encoder. Other descriptions have no vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy
import torch
from thinc.api import Model, xp2torch
from torch import Tensor

from ..errors import Errors

NAME = "binder_baked_types"


def baked_types(texts: Sequence[str] = (), vectors: numpy.ndarray | None = None) -> Model[list[str], Tensor]:
    """Make a layer in the place of a type encoder. Texts and vectors are saved with it.

    texts (Sequence[str]): N descriptions. None, before a saved layer is loaded.
    vectors (Floats2d, optional): Their vectors, shape (N, H).
    RETURNS (Model): Descriptions → their vectors.
    """
    params: dict[str, Any] = {"vectors": vectors}
    width = None if vectors is None else vectors.shape[1]
    return Model(NAME, forward, init=init, dims={"nO": width}, params=params, attrs={"texts": list(texts)})


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Refuse: the vectors are of other weights than those that are drawn now."""
    raise ValueError(Errors.B066)


def forward(model: Model, descriptions: list[str], is_train: bool) -> tuple[Tensor, Callable]:
    """Look up descriptions.

    descriptions (list[str]): N descriptions.
    is_train (bool): Whether gradients are wanted. There are none.
    RETURNS (tuple[Tensor, Callable]): Their vectors, shape (N, H), and a backward pass that does nothing.
    RAISES (ValueError): If one is not there, or gradients are wanted.
    """
    if is_train:
        raise ValueError(Errors.B066)
    places = {text: i for i, text in enumerate(model.attrs["texts"])}
    if unknown := [text for text in descriptions if text not in places]:
        raise ValueError(Errors.B065.format(text=unknown[0][:80]))
    vectors = xp2torch(model.get_param("vectors"))
    rows = torch.tensor([places[text] for text in descriptions], dtype=torch.long, device=vectors.device)
    return vectors[rows], lambda _: []
