"""Descriptions of types → one vector a type, kept between changes of the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy
import torch
from thinc.api import Model
from torch import Tensor

from ..text.arrays import padded
from .encoder_shim import EncoderShim
from .text_encoder import encode

# Padded wordpieces of one forward pass over descriptions.
MAX_BATCH_WORDPIECES = 2048


@dataclass
class TypeEncoderSettings:
    """How a type encoder works; the arguments of `spacy_binder.TypeEncoder.v1`."""

    name: str
    freeze: bool
    mixed_precision: bool
    max_length: int
    tokenizer_config: dict[str, Any] = field(default_factory=dict)
    transformer_config: dict[str, Any] = field(default_factory=dict)


def type_encoder(settings: TypeEncoderSettings) -> Model[list[str], Tensor]:
    """Make a type encoder with weights of its own.

    settings (TypeEncoderSettings): How it works.
    RETURNS (Model): Reads descriptions, gives their vectors, shape (K, H).
    """
    return Model(
        "binder_type_encoder",
        partial(forward, settings=settings),
        init=partial(init, settings=settings),
        dims={"nO": None},
        shims=[EncoderShim()],
    )


def init(model: Model, X: Any = None, Y: Any = None, *, settings: TypeEncoderSettings) -> None:
    """Load the encoder, unless there is one already."""
    shim: Any = model.shims[0]
    if not shim.is_built:
        shim.load(
            settings.name,
            tokenizer_config=settings.tokenizer_config,
            transformer_config=settings.transformer_config,
        )
    model.set_dim("nO", shim.width)


def forward(
    model: Model, descriptions: list[str], is_train: bool, *, settings: TypeEncoderSettings
) -> tuple[Tensor, Callable]:
    shim: Any = model.shims[0]
    learn = is_train and not settings.freeze
    return encode_types(
        shim, descriptions, learn, max_length=settings.max_length, mixed_precision=settings.mixed_precision
    )


def shared_type_encoder(text_encoder: Model, *, max_length: int, mixed_precision: bool) -> Model[list[str], Tensor]:
    """Make a type encoder that shares the weights of the text encoder.

    text_encoder (Model): A text encoder with an encoder of its own.
    max_length (int): The most wordpieces of a description.
    mixed_precision (bool): Whether to multiply in bfloat16.
    RETURNS (Model): Reads descriptions, gives their vectors, shape (K, H).
    """

    def forward_shared(model: Model, descriptions: list[str], is_train: bool) -> tuple[Tensor, Callable]:
        shim: Any = text_encoder.shims[0]
        return encode_types(shim, descriptions, is_train, max_length=max_length, mixed_precision=mixed_precision)

    def init_shared(model: Model, X: Any = None, Y: Any = None) -> None:
        model.set_dim("nO", text_encoder.get_dim("nO"))

    return Model("binder_shared_type_encoder", forward_shared, init=init_shared, dims={"nO": None})


def encode_types(
    shim: EncoderShim, descriptions: list[str], learn: bool, *, max_length: int, mixed_precision: bool
) -> tuple[Tensor, Callable]:
    """Encode descriptions; at inference only those that the shim's cache doesn't hold.

    shim (EncoderShim): The encoder.
    descriptions (list[str]): The descriptions.
    learn (bool): Whether gradients are wanted.
    max_length (int): The most wordpieces of a description, special ones included.
    mixed_precision (bool): Whether to multiply in bfloat16.
    RETURNS (tuple[Tensor, Callable]): Their [CLS] vectors, shape (K, H), and the backward pass.
    """
    if learn:
        shim.require_trainable()
        shim.cache.clear()
        vectors = _encode_batch(shim, descriptions, max_length, mixed_precision, is_train=True)

        def backprop(d_vectors: Tensor) -> list:
            torch.autograd.backward(vectors, d_vectors.to(vectors.dtype))
            shim.cache.clear()
            return []

        return vectors, backprop
    missing = sorted({text for text in descriptions if text not in shim.cache}, key=len)
    size = max(1, MAX_BATCH_WORDPIECES // max_length)
    for start in range(0, len(missing), size):
        texts = missing[start : start + size]
        found = _encode_batch(shim, texts, max_length, mixed_precision, is_train=False)
        shim.cache.update(zip(texts, found.float(), strict=True))
    return torch.stack([shim.cache[text] for text in descriptions]), lambda _: []


def _encode_batch(
    shim: EncoderShim, texts: list[str], max_length: int, mixed_precision: bool, *, is_train: bool
) -> Tensor:
    rows = shim.tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    lengths = numpy.array([len(row) for row in rows], dtype="int64")
    flat = numpy.array([wordpiece for row in rows for wordpiece in row], dtype="int64")
    input_ids = padded(flat, lengths, fill=shim.tokenizer.pad_token_id or 0)
    vectors = encode(shim.module, input_ids, lengths, is_train=is_train, mixed_precision=mixed_precision)
    return vectors[:, 0]
