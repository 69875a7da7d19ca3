"""Docs → windows of wordpiece vectors, with an encoder of the component's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Optional

from spacy.tokens import Doc
from thinc.api import Model, get_torch_default_device
from torch import Tensor

from ..errors import Errors, Warnings
from ..modules.processes import ALONE, Place, place
from ..text.windows import WindowBatch, Windows, make_windows
from ..text.wordpieces import special_wordpieces, tokenize
from .encoder_shim import EncoderShim
from .openvino import check_engine, compile_encoder
from .process import release_memory
from .types import EncodedText, EncodedWindows, Settings

NAME = "binder_text_encoder"
# Often enough that the heap hardly grows, and seldom enough that it costs nothing.
PASSES_BETWEEN_RELEASES = 4
# What a forward pass takes beside its wordpieces, in wordpieces: on one core of an EPYC, MiniLM took 8 ms per pass and
# 0.25 ms per wordpiece. On a GPU a pass costs far more than padding.
PASS_COST = 32


@dataclass
class TextEncoderSettings(Settings):
    """Settings of a text encoder. They are the arguments of `spacy_binder.TextEncoder.v1`.

    name (str): A folder, or the name of a model on the Hugging Face hub.
    window (int): Wordpieces per window. Defaults to 128.
    stride (int): Overlap in wordpieces. Defaults to 16.
    cut_at_sentences (bool): Whether windows end at sentence ends. Defaults to True.
    max_batch_wordpieces (int): Padded wordpieces per forward pass. Defaults to 1024.
    mixed_precision (bool): Whether to multiply in bfloat16, in training too. Defaults to False.
    inference_precision (str): What to multiply in at inference. Defaults to float32.
    inference_engine (str): What runs the encoder at inference. Defaults to torch.
    word_shapes (bool): Whether to embed word shapes. Defaults to False.
    gradient_checkpointing (bool): Whether to compute activations twice. Defaults to False.
    attention_dropout (float, optional): Dropout rate of attention. Defaults to None, the encoder's own.
    tokenizer_config, transformer_config (dict): Arguments of `from_pretrained`. Default to none.
    """

    name: str
    window: int = 128
    stride: int = 16
    cut_at_sentences: bool = True
    max_batch_wordpieces: int = 1024
    mixed_precision: bool = False
    inference_precision: str = "float32"
    inference_engine: str = "torch"
    word_shapes: bool = False
    gradient_checkpointing: bool = False
    attention_dropout: float | None = None
    tokenizer_config: dict[str, Any] = field(default_factory=dict)
    transformer_config: dict[str, Any] = field(default_factory=dict)


def text_encoder(settings: TextEncoderSettings) -> Model[list[Doc], EncodedText]:
    """Make the model.

    settings (TextEncoderSettings): The settings.
    RETURNS (Model): Docs → their windows and vectors.
    RAISES (ValueError): If the stride is too long, or the engine does not have the precision.
    RAISES (ImportError): If the engine is not installed.
    """
    check_engine(settings.inference_engine, settings.inference_precision)
    if settings.stride < 0 or settings.stride > settings.window - 3:
        raise ValueError(_bad_stride(settings, n_special=2))
    return Model(NAME, forward, init=init, dims={"nO": None}, attrs={"settings": settings}, shims=[EncoderShim()])


def _bad_stride(settings: TextEncoderSettings, n_special: int) -> str:
    capacity = settings.window - n_special
    return Errors.B008.format(
        window=settings.window, special=n_special, capacity=capacity, stride=settings.stride, most=capacity - 1
    )


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Load the pretrained encoder, and check that windows fit."""
    shim, settings = encoder_of(model)
    check_engine(settings.inference_engine, settings.inference_precision, get_torch_default_device().type)
    shim.load(
        settings.name,
        tokenizer_config=settings.tokenizer_config,
        transformer_config=settings.transformer_config,
        word_shapes=settings.word_shapes,
        attention_dropout=settings.attention_dropout,
        gradient_checkpointing=settings.gradient_checkpointing,
    )
    most = shim.module.max_positions
    if most and settings.window > most:
        raise ValueError(Errors.B009.format(window=settings.window, most=most, encoder=settings.name))
    prefix, suffix = special_wordpieces(shim.tokenizer)
    if settings.stride >= settings.window - len(prefix) - len(suffix):
        raise ValueError(_bad_stride(settings, len(prefix) + len(suffix)))
    model.set_dim("nO", shim.module.width, force=True)


def encoder_of(model: Model) -> tuple[EncoderShim, TextEncoderSettings]:
    """RETURNS (tuple): The encoder of a text encoder, and its settings."""
    shim = model.shims[0]
    assert isinstance(shim, EncoderShim)
    return shim, model.attrs["settings"]


def cut_docs(model: Model, docs: list[Doc]) -> Windows:
    """Tokenize docs and cut them into windows.

    model (Model): The text encoder.
    docs (list[Doc]): The docs.
    RETURNS (Windows): Their windows.
    """
    shim, settings = encoder_of(model)
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


def batch_windows(
    model: Model, windows: Windows, *, of: Place = ALONE, cost: Optional[int] = None
) -> Iterator[WindowBatch]:
    """Pad windows of similar length to batches, the longest first.

    model (Model): The text encoder.
    windows (Windows): The windows.
    of (Place): The process whose share to take. Defaults to one that is alone.
    cost (int, optional): What a batch costs beside its wordpieces, see `Windows.group_by_length`.
    YIELDS (WindowBatch): At most `max_batch_wordpieces` wordpieces each, unless one window is longer.
    """
    shim, settings = encoder_of(model)
    for rows in windows.group_by_length(settings.max_batch_wordpieces, first=of.rank, step=of.size, cost=cost):
        yield windows.batch(rows, pad_id=shim.tokenizer.pad_token_id or 0)


def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[EncodedText, Callable]:
    """Cut docs into windows, and stream their vectors.

    docs (list[Doc]): The docs.
    is_train (bool): Whether to drop out, and to keep what the backward pass needs.
    RETURNS (tuple[EncodedText, Callable]): The windows and vectors. Gradients go to each pass, not to the callback.
    """
    windows = cut_docs(model, docs)
    return EncodedText(windows, _passes(model, windows, is_train)), lambda _: []


def _passes(model: Model, windows: Windows, is_train: bool) -> Iterator[EncodedWindows]:
    shim, settings = encoder_of(model)
    run = _in_training(shim, settings) if is_train else _at_inference(shim, settings)
    # In training the loss is a sum over windows, so that each process can take some of them. All have the same batches.
    cost = PASS_COST if not is_train and get_torch_default_device().type == "cpu" else None
    batches = batch_windows(model, windows, of=place() if is_train else ALONE, cost=cost)
    for i, batch in enumerate(batches, start=1):
        if i % PASSES_BETWEEN_RELEASES == 0:
            release_memory()
        vectors = run(batch)
        yield EncodedWindows(batch, vectors, partial(_backprop, shim, vectors))


def _in_training(shim: EncoderShim, settings: TextEncoderSettings) -> Callable[[WindowBatch], Tensor]:
    if settings.inference_precision == "int8":
        raise ValueError(Errors.B017)
    if settings.gradient_checkpointing:
        shim.module.enable_checkpointing()
    return partial(_encode, shim, is_train=True, mixed_precision=settings.mixed_precision)


def _at_inference(shim: EncoderShim, settings: TextEncoderSettings) -> Callable[[WindowBatch], Tensor]:
    in_bfloat16 = settings.mixed_precision or settings.inference_precision == "bfloat16"
    if settings.inference_engine == "openvino":
        int8 = settings.inference_precision == "int8"
        return compile_encoder(shim, "int8" if int8 else "bfloat16" if in_bfloat16 else "float32")
    return partial(_encode, shim, is_train=False, mixed_precision=in_bfloat16)


def _encode(shim: EncoderShim, batch: WindowBatch, *, is_train: bool, mixed_precision: bool) -> Tensor:
    return shim.encode(batch.input_ids, batch.lengths, batch.shapes, is_train=is_train, mixed_precision=mixed_precision)


def _backprop(shim: EncoderShim, vectors: Tensor, d_vectors: Tensor) -> None:
    shim.backprop(vectors, d_vectors.to(vectors.dtype))
