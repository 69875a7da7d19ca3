"""Descriptions of types → one vector per type, cached between changes of the weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from thinc.api import Model
from torch import Tensor

from ..text.arrays import pad
from ..text.wordpieces import tokenize_texts
from .encoder_shim import EncoderShim
from .types import Settings

# Padded wordpieces per forward pass.
MAX_BATCH_WORDPIECES = 2048
# Descriptions whose vectors are cached. 1,024 vectors of 768 numbers take 3 MB.
MAX_CACHED = 1024


@dataclass
class TypeEncoderSettings(Settings):
    """Settings of a type encoder. They are the arguments of `spacy_binder.TypeEncoder.v1`.

    name (str): A folder, or the name of a model on the Hugging Face hub. Where it is empty, `spacy_binder.Binder.v1`
        sets that of the text encoder.
    freeze (bool): Whether the weights stay as they are. Defaults to False.
    max_length (int): The most wordpieces per description. Fewer, if the encoder has fewer positions. Defaults to 128.
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
    """Make a type encoder that shares the weights of the text encoder. That is its layer, so copies share it too.

    text_encoder (Model): A text encoder with an encoder of its own.
    RETURNS (Model): Descriptions → their vectors, shape (K, H).
    """
    return Model(
        "binder_shared_type_encoder",
        forward_shared,
        init=init_shared,
        layers=[text_encoder],
        dims={"nO": None},
        attrs={"settings": TypeEncoderSettings(text_encoder.attrs["settings"].name)},
    )


def init_shared(model: Model, X: Any = None, Y: Any = None) -> None:
    """Take over the width of the text encoder."""
    model.set_dim("nO", model.layers[0].get_dim("nO"), force=True)


def forward_shared(model: Model, descriptions: list[str], is_train: bool) -> tuple[Tensor, Callable]:
    """Encode K descriptions with the text encoder. See `forward`."""
    shim: Any = model.layers[0].shims[0]
    return encode_types(shim, descriptions, model.attrs["settings"], learn=is_train)


class CachedVectors:
    """The vectors of the descriptions that were used last, for several threads.

    There is no lock, because a fork would inherit it locked. Each step is atomic instead.
    """

    def __init__(self) -> None:
        self._vectors: OrderedDict[str, Tensor] = OrderedDict()

    def find(self, descriptions: Iterable[str]) -> dict[str, Tensor]:
        """Look up descriptions.

        descriptions (Iterable[str]): The descriptions.
        RETURNS (dict[str, Tensor]): The vectors of those that are cached.
        """
        vectors = ((text, self._vectors.get(text)) for text in descriptions)
        return {text: vector for text, vector in vectors if vector is not None}

    def keep(self, vectors: dict[str, Tensor]) -> None:
        """Cache vectors, and drop those that were not used for longest.

        vectors (dict[str, Tensor]): The vectors of all descriptions of a call. They stay, whatever their number.
        """
        for text, vector in vectors.items():
            self._vectors[text] = vector
            # Another thread may have dropped it.
            with suppress(KeyError):
                self._vectors.move_to_end(text)
        while len(self._vectors) > max(MAX_CACHED, len(vectors)):
            self._vectors.popitem(last=False)


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
            shim.backprop(vectors, d_vectors.to(vectors.dtype))
            return []

        return vectors, backprop
    # A change of the weights takes it out of the cache, so vectors of old weights are never put into a new one.
    cached: CachedVectors = shim.cache.setdefault(CachedVectors, CachedVectors())
    found = cached.find(descriptions)
    missing = sorted(dict.fromkeys(text for text in descriptions if text not in found), key=len)
    size = max(1, MAX_BATCH_WORDPIECES // settings.max_length)
    for start in range(0, len(missing), size):
        texts = missing[start : start + size]
        rows = _encode_batch(shim, texts, settings, is_train=False).float()
        # Copies, because a row would keep the memory of the whole batch.
        found.update((text, row.clone()) for text, row in zip(texts, rows, strict=True))
    cached.keep(found)
    return torch.stack([found[text] for text in descriptions]), lambda _: []


def _encode_batch(shim: EncoderShim, texts: list[str], settings: TypeEncoderSettings, *, is_train: bool) -> Tensor:
    max_length = min(settings.max_length, shim.module.max_positions or settings.max_length)
    rows = tokenize_texts(texts, shim.tokenizer, max_length=max_length)
    lengths = numpy.array([len(row) for row in rows], dtype="int64")
    flat = numpy.array([wordpiece for row in rows for wordpiece in row], dtype="int64")
    input_ids = pad(flat, lengths, fill=shim.tokenizer.pad_token_id or 0)
    return shim.encode(input_ids, lengths, is_train=is_train, mixed_precision=settings.mixed_precision)[:, 0]
