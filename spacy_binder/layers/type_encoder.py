"""Descriptions of types → one vector per type, cached between changes of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from thinc.api import Model
from torch import Tensor

from ..text.arrays import cheapest_groups, pad
from ..text.wordpieces import tokenize_texts
from .cached_vectors import CachedVectors
from .encoder_shim import EncoderShim
from .types import Settings

# The name of a type encoder without weights of its own.
SHARED = "binder_shared_type_encoder"
# Descriptions per forward pass at inference, always. Fewer take less time for one, more for a thousand.
TEXTS_PER_BATCH = 8
# In training: the most wordpieces per forward pass, padding included, and what a pass takes beside them, in wordpieces.
# Some 80 names and definitions of the workflow `open` take half as long in passes of their own as padded to one length:
# MiniLM forward and backward 0.67 s and not 1.40 s on one core of a Xeon, and in bfloat16 0.44 s and not 0.72 s.
TRAINED_WORDPIECES = 2048
PASS_COST = 256
# What the vector of a description is: that of its [CLS], or the mean over its wordpieces.
POOLINGS = ("cls", "mean")
# Descriptions are padded to the next multiple of this number of wordpieces.
PADDING = 16


@dataclass
class TypeEncoderSettings(Settings):
    """Settings of a type encoder. They are arguments of `spacy_binder.TypeEncoder.v1`.

    name (str): A folder, or the name of a model on the Hugging Face hub. Where it is empty, `spacy_binder.Binder.v1`
        sets that of the text encoder.
    freeze (bool): Whether the weights stay as they are. Defaults to False.
    max_length (int): The most wordpieces per description. Fewer, if the encoder has fewer positions. Defaults to 128.
    mixed_precision (bool): Whether to multiply in bfloat16. Defaults to False.
    pooling (str): What the vector of a description is, one of `POOLINGS`. Defaults to "cls".
    tokenizer_config, transformer_config (dict): Arguments of `from_pretrained`. Default to none.
    """

    name: str
    freeze: bool = False
    max_length: int = 128
    mixed_precision: bool = False
    pooling: str = "cls"
    tokenizer_config: dict[str, Any] = field(default_factory=dict)
    transformer_config: dict[str, Any] = field(default_factory=dict)


def type_encoder(settings: TypeEncoderSettings, learn_rate_scale: float = 1.0) -> Model[list[str], Tensor]:
    """Make a type encoder with weights of its own.

    settings (TypeEncoderSettings): The settings.
    learn_rate_scale (float): Factor of the learning rate. Defaults to 1.
    RETURNS (Model): Descriptions → their vectors, shape (N, H).
    """
    return Model(
        "binder_type_encoder",
        forward,
        init=init,
        dims={"nO": None},
        attrs={"settings": settings},
        shims=[EncoderShim(learn_rate_scale=learn_rate_scale)],
    )


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

    descriptions (list[str]): N descriptions.
    is_train (bool): Whether gradients are wanted. A frozen encoder takes none.
    RETURNS (tuple[Tensor, Callable]): Their vectors, shape (N, H), and the backward pass.
    """
    shim: Any = model.shims[0]
    settings: TypeEncoderSettings = model.attrs["settings"]
    return encode_types(shim, descriptions, settings, learn=is_train and not settings.freeze)


def shared_type_encoder(settings: TypeEncoderSettings) -> Model[list[str], Tensor]:
    """Make a type encoder that has the weights of the text encoder. That becomes its layer, so copies share it too.

    settings (TypeEncoderSettings): The settings. Its name, `freeze` and options of transformers are the text encoder's.
    RETURNS (Model): Descriptions → their vectors, shape (N, H). Its layers still lack the text encoder.
    """
    return Model(SHARED, forward_shared, init=init_shared, dims={"nO": None}, attrs={"settings": settings})


def init_shared(model: Model, X: Any = None, Y: Any = None) -> None:
    """Take over the width of the text encoder."""
    model.set_dim("nO", model.layers[0].get_dim("nO"), force=True)


def forward_shared(model: Model, descriptions: list[str], is_train: bool) -> tuple[Tensor, Callable]:
    """Encode N descriptions with the text encoder. See `forward`."""
    shim: Any = model.layers[0].shims[0]
    return encode_types(shim, descriptions, model.attrs["settings"], learn=is_train)


def encode_types(
    shim: EncoderShim, texts: list[str], settings: TypeEncoderSettings, *, learn: bool
) -> tuple[Tensor, Callable]:
    """Encode descriptions. At inference only those are encoded that the shim's cache does not hold.

    shim (EncoderShim): The encoder.
    texts (list[str]): N descriptions.
    settings (TypeEncoderSettings): The settings.
    learn (bool): Whether gradients are wanted.
    RETURNS (tuple[Tensor, Callable]): Their vectors, shape (N, H), and the backward pass.
    """
    if learn:
        shim.cache.clear()
        return _encode_to_learn(shim, texts, settings)
    # A change of the weights takes it out of the cache, so vectors of old weights are never put into a new one.
    cached: CachedVectors = shim.cache.setdefault(CachedVectors, CachedVectors())
    found = cached.find(texts)
    missing = [text for text in dict.fromkeys(texts) if text not in found]
    for batch in _batches(shim, missing, settings):
        # All batches have one number of rows and a padding that is the text's own. So the last bits of a vector do not
        # depend on what is encoded beside it.
        rows = [row for _, row in batch]
        filled = rows + rows[-1:] * (TEXTS_PER_BATCH - len(rows))
        vectors = _encode_batch(shim, filled, settings, is_train=False).float()
        # Copies, because a row would keep the memory of the whole batch.
        found.update((text, vector.clone()) for (text, _), vector in zip(batch, vectors, strict=False))
    cached.keep(found)
    return torch.stack([found[text] for text in texts]), lambda _: []


def _encode_to_learn(shim: EncoderShim, texts: list[str], settings: TypeEncoderSettings) -> tuple[Tensor, Callable]:
    """Encode descriptions of similar length together, each batch with a graph of its own. See `encode_types`."""
    rows = _tokenize(shim, texts, settings)
    lengths = numpy.array([len(row) for row in rows], dtype="int64")
    order = numpy.argsort(-lengths, kind="stable")
    groups = [numpy.sort(order[a:b]) for a, b in cheapest_groups(lengths[order], TRAINED_WORDPIECES, PASS_COST)]
    passes = [_encode_batch(shim, [rows[i] for i in group], settings, is_train=True) for group in groups]
    places = [torch.from_numpy(group).to(vectors.device) for group, vectors in zip(groups, passes, strict=True)]
    all_vectors = torch.cat([vectors.detach() for vectors in passes])[torch.cat(places).argsort()]

    def backprop(d_vectors: Tensor) -> list:
        for of_pass, vectors in zip(places, passes, strict=True):
            shim.backprop(vectors, d_vectors[of_pass].to(vectors.dtype))
        return []

    return all_vectors, backprop


def _batches(
    shim: EncoderShim, texts: list[str], settings: TypeEncoderSettings
) -> Iterator[list[tuple[str, list[int]]]]:
    """RETURNS (Iterator[list[tuple]]): Texts and their wordpieces, padded to one length, `TEXTS_PER_BATCH` at most."""
    if not texts:
        return
    groups: dict[tuple[int, bool], list[tuple[str, list[int]]]] = {}
    for text, row in zip(texts, _tokenize(shim, texts, settings), strict=True):
        width = _padded(shim, len(row))
        # Rows without padding stay apart: they have no mask.
        groups.setdefault((width, len(row) == width), []).append((text, row))
    for group in groups.values():
        for start in range(0, len(group), TEXTS_PER_BATCH):
            yield group[start : start + TEXTS_PER_BATCH]


def _padded(shim: EncoderShim, length: int) -> int:
    """RETURNS (int): The next multiple of `PADDING`, but not beyond what the encoder has positions for."""
    width = (length // PADDING + 1) * PADDING
    return min(width, shim.module.max_positions or width)


def _tokenize(shim: EncoderShim, texts: list[str], settings: TypeEncoderSettings) -> list[list[int]]:
    max_length = min(settings.max_length, shim.module.max_positions or settings.max_length)
    return tokenize_texts(texts, shim.tokenizer, max_length=max_length)


def _encode_batch(shim: EncoderShim, rows: list[list[int]], settings: TypeEncoderSettings, *, is_train: bool) -> Tensor:
    lengths = numpy.array([len(row) for row in rows], dtype="int64")
    flat = numpy.array([wordpiece for row in rows for wordpiece in row], dtype="int64")
    fill = shim.tokenizer.pad_token_id or 0
    input_ids = pad(flat, lengths, fill=fill)
    if not is_train:
        n_more = _padded(shim, input_ids.shape[1]) - input_ids.shape[1]
        input_ids = numpy.pad(input_ids, ((0, 0), (0, n_more)), constant_values=fill)
    vectors = shim.encode(input_ids, lengths, is_train=is_train, mixed_precision=settings.mixed_precision)
    if settings.pooling == "cls":
        return vectors[:, 0]
    n_wordpieces = torch.from_numpy(lengths).to(vectors.device)[:, None]
    is_wordpiece = torch.arange(vectors.shape[1], device=vectors.device) < n_wordpieces
    return (vectors * is_wordpiece[..., None]).sum(1) / n_wordpieces
