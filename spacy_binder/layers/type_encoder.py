"""Descriptions of types → one vector per type, cached between changes of the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from thinc.api import Model
from torch import Tensor

from ..text.arrays import pad
from .encoder_shim import EncoderShim
from .types import Settings

# Padded wordpieces per forward pass.
MAX_BATCH_WORDPIECES = 2048


@dataclass
class TypeEncoderSettings(Settings):
    """Settings of a type encoder. They are the arguments of `spacy_binder.TypeEncoder.v1`.

    name (str): A folder, or the name of a model on the Hugging Face hub.
    freeze (bool): Whether the weights stay as they are. Defaults to False.
    max_length (int): The most wordpieces per description. Defaults to 128.
    mixed_precision (bool): Whether to multiply in bfloat16. Defaults to False.
    tokenizer_config, transformer_config (dict): Arguments of `from_pretrained`. Default to none.
    """

    name: str
    freeze: bool = False
    max_length: int = 128
    mixed_precision: bool = False
    tokenizer_config: dict[str, Any] = field(default_factory=dict)
    transformer_config: dict[str, Any] = field(default_factory=dict)


def type_encoder(settings: TypeEncoderSettings) -> Model[list[str], Tensor]:
    """Make a type encoder with weights of its own.

    settings (TypeEncoderSettings): The settings.
    RETURNS (Model): Descriptions → their vectors, shape (K, H).
    """
    attrs = {"settings": settings}
    return Model("binder_type_encoder", forward, init=init, dims={"nO": None}, attrs=attrs, shims=[EncoderShim()])


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Load the pretrained encoder."""
    shim: Any = model.shims[0]
    settings: TypeEncoderSettings = model.attrs["settings"]
    shim.load(
        settings.name,
        tokenizer_config=settings.tokenizer_config,
        transformer_config=settings.transformer_config,
    )
    model.set_dim("nO", shim.module.width, force=True)


def forward(model: Model, descriptions: list[str], is_train: bool) -> tuple[Tensor, Callable]:
    """Encode descriptions.

    descriptions (list[str]): K descriptions.
    is_train (bool): Whether gradients are wanted. A frozen encoder takes none.
    RETURNS (tuple[Tensor, Callable]): Their vectors, shape (K, H), and the backward pass.
    """
    shim: Any = model.shims[0]
    settings: TypeEncoderSettings = model.attrs["settings"]
    return encode_types(shim, descriptions, settings, learn=is_train and not settings.freeze)


def shared_type_encoder(text_encoder: Model) -> Model[list[str], Tensor]:
    """Make a type encoder that shares the weights of the text encoder.

    text_encoder (Model): A text encoder with an encoder of its own.
    RETURNS (Model): Descriptions → their vectors, shape (K, H).
    """
    settings = TypeEncoderSettings(text_encoder.attrs["settings"].name)

    def forward_shared(model: Model, descriptions: list[str], is_train: bool) -> tuple[Tensor, Callable]:
        """Encode K descriptions with the text encoder. See `forward`."""
        shim: Any = text_encoder.shims[0]
        return encode_types(shim, descriptions, settings, learn=is_train)

    def init_shared(model: Model, X: Any = None, Y: Any = None) -> None:
        """Take over the width of the text encoder."""
        model.set_dim("nO", text_encoder.get_dim("nO"), force=True)

    attrs = {"settings": settings}
    return Model("binder_shared_type_encoder", forward_shared, init=init_shared, dims={"nO": None}, attrs=attrs)


def encode_types(
    shim: EncoderShim, descriptions: list[str], settings: TypeEncoderSettings, *, learn: bool
) -> tuple[Tensor, Callable]:
    """Encode descriptions. At inference only those are encoded that the shim's cache does not hold.

    shim (EncoderShim): The encoder.
    descriptions (list[str]): K descriptions.
    settings (TypeEncoderSettings): The settings.
    learn (bool): Whether gradients are wanted.
    RETURNS (tuple[Tensor, Callable]): Their [CLS] vectors, shape (K, H), and the backward pass.
    """
    if learn:
        shim.cache.clear()
        vectors = _encode_batch(shim, descriptions, settings, is_train=True)

        def backprop(d_vectors: Tensor) -> list:
            torch.autograd.backward(vectors, d_vectors.to(vectors.dtype))
            shim.cache.clear()
            return []

        return vectors, backprop
    missing = sorted({text for text in descriptions if text not in shim.cache}, key=len)
    size = max(1, MAX_BATCH_WORDPIECES // settings.max_length)
    for start in range(0, len(missing), size):
        texts = missing[start : start + size]
        found = _encode_batch(shim, texts, settings, is_train=False)
        shim.cache.update(zip(texts, found.float(), strict=True))
    return torch.stack([shim.cache[text] for text in descriptions]), lambda _: []


def _encode_batch(shim: EncoderShim, texts: list[str], settings: TypeEncoderSettings, *, is_train: bool) -> Tensor:
    rows = shim.tokenizer(texts, truncation=True, max_length=settings.max_length)["input_ids"]
    lengths = numpy.array([len(row) for row in rows], dtype="int64")
    flat = numpy.array([wordpiece for row in rows for wordpiece in row], dtype="int64")
    input_ids = pad(flat, lengths, fill=shim.tokenizer.pad_token_id or 0)
    return shim.encode(input_ids, lengths, is_train=is_train, mixed_precision=settings.mixed_precision)[:, 0]
