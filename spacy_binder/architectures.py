"""The registered architectures: they only check settings and wire layers."""

from collections.abc import Sequence
from typing import Any, Optional

from spacy.tokens import Doc
from thinc.api import Model

from .errors import Errors
from .layers.binder import binder
from .layers.encoder_shim import PRECISIONS
from .layers.listener import listener
from .layers.openvino import ENGINES
from .layers.span_scorer import span_scorer
from .layers.text_encoder import TextEncoderSettings, text_encoder
from .layers.type_encoder import TypeEncoderSettings, shared_type_encoder, type_encoder
from .layers.types import BinderInput, BinderOutput, EncodedText


def _at_least(least: float, **settings: float) -> None:
    for setting, value in settings.items():
        if value < least:
            raise ValueError(Errors.B007.format(setting=setting, least=least, value=value))


def _one_of(known: Sequence[str], kind: str, name: str) -> None:
    if name not in known:
        raise ValueError(Errors.B016.format(kind=kind, name=name, known=", ".join(known)))


def build_binder(
    text_encoder: Model[list[Doc], EncodedText],
    scorer: Model[Any, Any],
    type_encoder: Optional[Model[list[str], Any]] = None,
) -> Model[BinderInput, BinderOutput]:
    """Build the bi-encoder (`spacy_binder.Binder.v1`, paper section 3.1).

    text_encoder (Model): Encodes the text, like `spacy_binder.TextEncoder.v1`.
    scorer (Model): Compares words and spans with types, like `spacy_binder.SpanScorer.v1`.
    type_encoder (Model, optional): Encodes the types' descriptions, like `spacy_binder.TypeEncoder.v1`.
        If None, the text encoder does it: one set of weights.
    RETURNS (Model): The model of `binder_ner`.
    RAISES (ValueError): If the text encoder has no weights to share.
    """
    if type_encoder is None:
        if text_encoder.name != "binder_text_encoder":
            raise ValueError(Errors.B012.format(text_encoder=text_encoder.name))
        return binder(text_encoder, shared_type_encoder(text_encoder, max_length=128, mixed_precision=False), scorer)
    return binder(text_encoder, type_encoder, scorer)


def build_text_encoder(
    name: str,
    window: int = 128,
    stride: int = 16,
    cut_at_sentences: bool = True,
    max_batch_wordpieces: int = 1024,
    mixed_precision: bool = False,
    inference_precision: str = "float32",
    word_shapes: bool = False,
    gradient_checkpointing: bool = False,
    attention_dropout: Optional[float] = None,
    inference_engine: str = "torch",
    tokenizer_config: dict[str, Any] = {},  # noqa: B006
    transformer_config: dict[str, Any] = {},  # noqa: B006
) -> Model[list[Doc], EncodedText]:
    """Build a text encoder of the component's own (`spacy_binder.TextEncoder.v1`).

    name (str): A folder, or the name of a model on the Hugging Face hub.
    window (int): Wordpieces of a window, special ones included.
    stride (int): Overlap in wordpieces where a cut falls inside a sentence.
    cut_at_sentences (bool): Whether windows end at sentence ends, where a doc has sentence starts.
    max_batch_wordpieces (int): Padded wordpieces of one forward pass: the memory that is used.
    mixed_precision (bool): Whether to multiply in bfloat16, in training as in use.
    inference_precision (str): What to multiply in where nothing is learned: float32, bfloat16 or int8. With
        int8, linear layers alone; it is meant for processors without bfloat16.
    word_shapes (bool): Whether to tell the encoder what words look like (capitals, digits), which uncased tokenizers
        take away: an embedding of the shape is added to each wordpiece's.
    gradient_checkpointing (bool): Whether to compute activations twice instead of keeping them.
    attention_dropout (float, optional): Dropout rate of attention in training, None for the encoder's own. At 0.0 a
        faster product is used: a training step on a processor then takes a sixth to a fifth less.
    inference_engine (str): What runs the encoder where nothing is learned: torch, or openvino (on a processor, in
        float32 or bfloat16, with that package installed), which compiles it at its first use.
    tokenizer_config, transformer_config (dict): Passed on to transformers when the encoder is loaded.
    RETURNS (Model): The text encoder.
    RAISES (ValueError): If a setting is out of its range.
    RAISES (ImportError): If the engine isn't installed.
    """
    _at_least(1, max_batch_wordpieces=max_batch_wordpieces)
    _at_least(4, window=window)
    _one_of(PRECISIONS, "precision", inference_precision)
    _one_of(ENGINES, "engine", inference_engine)
    _at_least(0.0, attention_dropout=attention_dropout or 0.0)
    return text_encoder(
        TextEncoderSettings(
            name=name,
            window=window,
            stride=stride,
            cut_at_sentences=cut_at_sentences,
            max_batch_wordpieces=max_batch_wordpieces,
            mixed_precision=mixed_precision,
            inference_precision=inference_precision,
            word_shapes=word_shapes,
            gradient_checkpointing=gradient_checkpointing,
            attention_dropout=attention_dropout,
            inference_engine=inference_engine,
            tokenizer_config=tokenizer_config,
            transformer_config=transformer_config,
        )
    )


def build_listener(upstream: str = "*", max_batch_wordpieces: int = 4096) -> Model[list[Doc], EncodedText]:
    """Build a text encoder that listens to a shared `transformer` (`spacy_binder.TransformerListener.v1`).

    upstream (str): Name of the component of spacy-transformers, or * for any.
    max_batch_wordpieces (int): Padded wordpieces that are scored at once.
    RETURNS (Model): The text encoder. Its windows are those of the transformer's span getter.
    RAISES (ValueError): If a setting is out of its range.
    """
    _at_least(1, max_batch_wordpieces=max_batch_wordpieces)
    return listener(upstream, max_batch_wordpieces)


def build_type_encoder(
    name: str,
    freeze: bool = False,
    max_length: int = 128,
    mixed_precision: bool = False,
    tokenizer_config: dict[str, Any] = {},  # noqa: B006
    transformer_config: dict[str, Any] = {},  # noqa: B006
) -> Model[list[str], Any]:
    """Build a type encoder with weights of its own (`spacy_binder.TypeEncoder.v1`).

    name (str): A folder, or the name of a model on the Hugging Face hub.
    freeze (bool): Whether its weights stay as they are.
    max_length (int): The most wordpieces of a description; what is longer is cut off.
    mixed_precision (bool): Whether to multiply in bfloat16.
    tokenizer_config, transformer_config (dict): Passed on to transformers when the encoder is loaded.
    RETURNS (Model): The type encoder.
    RAISES (ValueError): If a setting is out of its range.
    """
    _at_least(3, max_length=max_length)
    return type_encoder(
        TypeEncoderSettings(
            name=name,
            freeze=freeze,
            max_length=max_length,
            mixed_precision=mixed_precision,
            tokenizer_config=tokenizer_config,
            transformer_config=transformer_config,
        )
    )


def build_span_scorer(
    linear_size: int = 128,
    max_span_length: int = 30,
    width_embedding_size: int = 128,
    temperature: float = 0.07,
    learn_rate_scale: float = 1.0,
) -> Model[Any, Any]:
    """Build the scorer (`spacy_binder.SpanScorer.v1`, paper section 3.2).

    linear_size (int): Width of the space that text and types are compared in.
    max_span_length (int): The most words of a span.
    width_embedding_size (int): Width of the embedding of a span's length; 0 for none.
    temperature (float): What similarities are divided by at the start of training; then it is learned.
    learn_rate_scale (float): What the learning rate is multiplied by for these new layers.
    RETURNS (Model): The scorer.
    RAISES (ValueError): If a setting is out of its range.
    """
    _at_least(1, linear_size=linear_size, max_span_length=max_span_length)
    _at_least(0, width_embedding_size=width_embedding_size)
    _at_least(1e-4, temperature=temperature)
    return span_scorer(
        linear_size=linear_size,
        max_span_length=max_span_length,
        width_embedding_size=width_embedding_size,
        temperature=temperature,
        learn_rate_scale=learn_rate_scale,
    )
