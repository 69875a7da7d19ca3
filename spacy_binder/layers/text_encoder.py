"""Docs → windows of wordpiece vectors, with an encoder of the component's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Optional

import numpy
import torch
from spacy.tokens import Doc
from thinc.api import Model, get_torch_default_device
from torch import Tensor

from ..errors import Errors, Warnings
from ..text.windows import Windows, make_windows
from ..text.wordpieces import special_wordpieces, tokenize
from .encoder_shim import EncoderShim, embed
from .openvino import check_openvino, compiled
from .process import release_memory
from .types import EncodedText, EncodedWindows

# Often enough for the heap not to grow much, seldom enough to cost nothing.
PASSES_BETWEEN_RELEASES = 4

# Padded wordpieces, shape (B, L), their lengths, shape (B,), and shapes of words, if any → vectors, shape (B, L, H).
EncodeT = Callable[[numpy.ndarray, numpy.ndarray, Optional[numpy.ndarray]], Tensor]


@dataclass
class TextEncoderSettings:
    """How a text encoder works; the arguments of `spacy_binder.TextEncoder.v1`."""

    name: str
    window: int
    stride: int
    cut_at_sentences: bool
    max_batch_wordpieces: int
    mixed_precision: bool
    inference_precision: str
    word_shapes: bool
    gradient_checkpointing: bool
    attention_dropout: Optional[float]
    inference_engine: str
    tokenizer_config: dict[str, Any] = field(default_factory=dict)
    transformer_config: dict[str, Any] = field(default_factory=dict)


def text_encoder(settings: TextEncoderSettings) -> Model[list[Doc], EncodedText]:
    """Make the model.

    settings (TextEncoderSettings): How it works.
    RETURNS (Model): Reads docs, gives their windows and vectors.
    RAISES (ValueError): If the stride leaves no progress, or the engine can't have the precision.
    RAISES (ImportError): If the engine is missing.
    """
    if settings.inference_engine == "openvino":
        check_openvino(settings.inference_precision)
    if settings.stride < 0 or settings.stride > settings.window - 3:
        raise ValueError(_bad_stride(settings, n_special=2))
    return Model(
        "binder_text_encoder",
        partial(forward, settings=settings),
        init=partial(init, settings=settings),
        dims={"nO": None},
        shims=[EncoderShim()],
    )


def _bad_stride(settings: TextEncoderSettings, n_special: int) -> str:
    capacity = settings.window - n_special
    return Errors.B008.format(
        window=settings.window, special=n_special, capacity=capacity, stride=settings.stride, most=capacity - 1
    )


def init(model: Model, X: Any = None, Y: Any = None, *, settings: TextEncoderSettings) -> None:
    """Load the encoder, unless there is one already."""
    shim = _shim(model)
    if settings.inference_engine == "openvino":
        check_openvino(settings.inference_precision, get_torch_default_device().type)
    if not shim.is_built:
        shim.load(
            settings.name,
            tokenizer_config=settings.tokenizer_config,
            transformer_config=settings.transformer_config,
            word_shapes=settings.word_shapes,
            attention_dropout=settings.attention_dropout,
        )
    if shim.max_positions and settings.window > shim.max_positions:
        raise ValueError(Errors.B009.format(window=settings.window, most=shim.max_positions, encoder=settings.name))
    prefix, suffix = special_wordpieces(shim.tokenizer)
    if settings.stride >= settings.window - len(prefix) - len(suffix):
        raise ValueError(_bad_stride(settings, len(prefix) + len(suffix)))
    model.set_dim("nO", shim.width)


def _shim(model: Model) -> EncoderShim:
    shim = model.shims[0]
    assert isinstance(shim, EncoderShim)
    return shim


def cut_docs(model: Model, docs: list[Doc], settings: TextEncoderSettings) -> Windows:
    """Tokenize docs and cut them into windows.

    model (Model): The text encoder.
    docs (list[Doc]): The docs.
    settings (TextEncoderSettings): How it works.
    RETURNS (Windows): Their windows.
    """
    shim = _shim(model)
    prefix, suffix = special_wordpieces(shim.tokenizer)
    capacity = settings.window - len(prefix) - len(suffix)
    wordpieces = tokenize(docs, shim.tokenizer, capacity=capacity)
    if wordpieces.too_long and not shim.warned:
        shim.warned = True
        text = wordpieces.too_long[0].strip()[:40]
        warnings.warn(Warnings.BW03.format(n=len(wordpieces.too_long), capacity=capacity, text=text), stacklevel=2)
    return make_windows(
        wordpieces,
        prefix=prefix,
        suffix=suffix,
        capacity=capacity,
        stride=settings.stride,
        sentences=settings.cut_at_sentences,
    )


def forward(
    model: Model, docs: list[Doc], is_train: bool, *, settings: TextEncoderSettings
) -> tuple[EncodedText, Callable]:
    windows = cut_docs(model, docs, settings)
    passes = _passes(_shim(model), windows, is_train, settings)
    return EncodedText(windows, passes), lambda _: []


def _passes(
    shim: EncoderShim, windows: Windows, is_train: bool, settings: TextEncoderSettings
) -> Iterator[EncodedWindows]:
    run = _in_training(shim, settings) if is_train else _at_inference(shim, settings)
    # The encoder knows whether it was trained with them; a config may have got the setting by default.
    with_shapes = hasattr(shim.module, "word_shapes")
    pad_id = shim.tokenizer.pad_token_id or 0
    for i, rows in enumerate(windows.batches(settings.max_batch_wordpieces), start=1):
        if i % PASSES_BETWEEN_RELEASES == 0:
            release_memory()
        batch = windows.batch(rows, pad_id=pad_id)
        vectors = run(batch.input_ids, batch.lengths, batch.shapes if with_shapes else None)
        yield EncodedWindows(rows, batch, vectors, partial(_backprop, shim, vectors))


def _in_training(shim: EncoderShim, settings: TextEncoderSettings) -> EncodeT:
    shim.require_trainable()
    module: Any = shim.module
    if settings.gradient_checkpointing and not module.is_gradient_checkpointing:
        module.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return partial(encode, module, is_train=True, mixed_precision=settings.mixed_precision)


def _at_inference(shim: EncoderShim, settings: TextEncoderSettings) -> EncodeT:
    in_bfloat16 = settings.mixed_precision or settings.inference_precision == "bfloat16"
    if settings.inference_engine == "openvino":
        return compiled(shim, "bfloat16" if in_bfloat16 else "float32")
    module = shim.at_inference(settings.inference_precision)
    return partial(encode, module, is_train=False, mixed_precision=in_bfloat16)


def _backprop(shim: EncoderShim, vectors: Tensor, d_vectors: Tensor) -> None:
    torch.autograd.backward(vectors, d_vectors.to(vectors.dtype))
    shim.cache.clear()


def encode(
    module: Any,
    input_ids: numpy.ndarray,
    lengths: numpy.ndarray,
    shapes: numpy.ndarray | None = None,
    *,
    is_train: bool,
    mixed_precision: bool,
) -> Tensor:
    """Run a Hugging Face encoder.

    module (PreTrainedModel): The encoder.
    input_ids (numpy.ndarray): Padded wordpieces, shape (B, L).
    lengths (numpy.ndarray): Wordpieces of each row, shape (B,).
    shapes (numpy.ndarray, optional): What the word of each wordpiece looks like, see `SHAPES`, shape (B, L). Their
        embeddings are added to those of the wordpieces.
    is_train (bool): Whether to drop out and to keep what the backward pass needs.
    mixed_precision (bool): Whether to multiply in bfloat16.
    RETURNS (Tensor): The last hidden states, shape (B, L, H).
    """
    device = next(module.parameters()).device
    mask = None
    if lengths.min() < input_ids.shape[1]:
        mask = torch.from_numpy(numpy.arange(input_ids.shape[1]) < lengths[:, None]).long().to(device)
    if module.training != is_train:
        module.train(is_train)
    with torch.set_grad_enabled(is_train), torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision):
        ids = torch.from_numpy(input_ids).to(device)
        if shapes is None:
            return module(input_ids=ids, attention_mask=mask).last_hidden_state
        embedded = embed(module, ids, torch.from_numpy(shapes).to(device))
        return module(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
