"""The registered architectures. They check settings and wire layers, and do nothing else."""

from typing import Any, Optional

from spacy.tokens import Doc
from thinc.api import Model

from .config import check_name
from .errors import Errors
from .layers.baked_types import baked_types
from .layers.binder import BinderSettings, binder
from .layers.listener import NAME as LISTENER
from .layers.listener import ListenerSettings, listener
from .layers.openvino import ENGINES
from .layers.saved_encoder import check_options
from .layers.span_scorer import INITIAL_PROJECTIONS, SPAN_DROPOUTS, SpanScorerSettings, span_scorer
from .layers.text_encoder import NAME, TextEncoderSettings, text_encoder
from .layers.type_encoder import POOLINGS, SHARED, TypeEncoderSettings, shared_type_encoder, type_encoder
from .layers.types import BinderInput, BinderOutput, EncodedText

# Names of layers that listen to other components, or give what those do.
LISTENING = {"transformer-listener", "transformer", "tok2vec-listener"}


def build_binder(
    text_encoder: Model[list[Doc], EncodedText],
    scorer: Model[Any, Any],
    type_encoder: Optional[Model[list[str], Any]] = None,
    clip_together: bool = False,
) -> Model[BinderInput, BinderOutput]:
    """Build the bi-encoder (`spacy_binder.Binder.v1`, paper section 3.1).

    text_encoder (Model): Encodes the text, like `spacy_binder.TextEncoder.v1`.
    scorer (Model): Compares words and spans with types, like `spacy_binder.SpanScorer.v1`.
    type_encoder (Model, optional): Encodes the descriptions of types, like `spacy_binder.TypeEncoder.v1`. If it has no
        name, it takes the text encoder's. None, the default, is as `spacy_binder.SharedTypeEncoder.v1`: the text
        encoder encodes them too, so that there is one set of weights.
    clip_together (bool): Whether the optimizer's `grad_clip` holds for the norm of all gradients together, as in the
        published code. If not, the default, it holds for text encoder, type encoder and scorer each.
    RETURNS (Model): The model of `binder_ner`.
    RAISES (ValueError): If the type encoder needs the weights or the name of the text encoder, and that one has no
        encoder of its own, or if the text encoder gives something else than windows.
    """
    names = {node.name for node in text_encoder.walk()}
    if text_encoder.name != LISTENER and names & LISTENING:
        raise ValueError(Errors.B064.format(text_encoder=text_encoder.name))
    if type_encoder is None:
        if text_encoder.name != NAME:
            raise ValueError(Errors.B012.format(setting="type_encoder = null", text_encoder=text_encoder.name))
        type_encoder = build_shared_type_encoder()
    _name_type_encoder(type_encoder, text_encoder)
    if type_encoder.name == SHARED:
        type_encoder.layers.append(text_encoder)
    return binder(BinderSettings(clip_together), text_encoder, type_encoder, scorer)


def build_shared_binder(
    tok2vec: Model[list[Doc], Any],
    type_encoder: Model[list[str], Any],
    scorer: Model[Any, Any],
    clip_together: bool = False,
    max_batch_wordpieces: int = 4096,
) -> Model[BinderInput, BinderOutput]:
    """Build the bi-encoder over a shared `transformer` (`spacy_binder.SharedBinder.v1`).

    tok2vec (Model): Listens to the transformer: `spacy_binder.SharedTransformer.v1`. It has the name that
        `nlp.replace_listeners` looks for. That puts a copy of the transformer here, like
        `spacy-transformers.TransformerModel.v3`.
    type_encoder (Model): Encodes the descriptions of types, like `spacy_binder.TypeEncoder.v1`. It needs a name.
    scorer (Model): Compares words and spans with types, like `spacy_binder.SpanScorer.v1`.
    clip_together (bool): Whether the optimizer's `grad_clip` holds for the norm of the gradients of type encoder and
        scorer together, and not for each. The transformer's are clipped by spacy-transformers. Defaults to False.
    max_batch_wordpieces (int): Padded wordpieces that are scored at once. A copy of the transformer also encodes at
        most so many tokens at once, if not in training. Defaults to 4096.
    RETURNS (Model): The model of `binder_ner`. Its windows are those of the transformer's span getter.
    RAISES (ValueError): If a setting is out of its range, the type encoder has no name, or `tok2vec` is another model.
    """
    _at_least(1, max_batch_wordpieces=max_batch_wordpieces)
    text_encoder = listener(tok2vec, ListenerSettings(max_batch_wordpieces))
    _name_type_encoder(type_encoder, text_encoder)
    return binder(BinderSettings(clip_together), text_encoder, type_encoder, scorer)


def _name_type_encoder(type_encoder: Model, text_encoder: Model) -> None:
    settings = type_encoder.attrs.get("settings")
    if isinstance(settings, TypeEncoderSettings) and not settings.name:
        if text_encoder.name != NAME:
            shared = type_encoder.name == SHARED
            setting = "spacy_binder.SharedTypeEncoder.v1" if shared else "type_encoder.name = null"
            raise ValueError(Errors.B012.format(setting=setting, text_encoder=text_encoder.name))
        settings.name = text_encoder.attrs["settings"].name


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
    window (int): Wordpieces per window, special ones included. Defaults to 128.
    stride (int): Overlap in wordpieces where a window ends inside a sentence. Defaults to 16.
    cut_at_sentences (bool): Whether windows end at sentence ends, where a doc has sentence starts. Defaults to True.
    max_batch_wordpieces (int): Padded wordpieces per forward pass. It bounds the memory. Defaults to 1024.
    mixed_precision (bool): Whether to multiply in bfloat16, in training and at inference. Defaults to False.
    inference_precision (str): What to multiply in at inference: float32, the default, bfloat16, or int8. `spacy binder
        optimize` makes pipelines in int8, which can't be trained.
    word_shapes (bool): Whether to embed the shapes of words (capitals, digits), which uncased tokenizers take away.
        Defaults to False.
    gradient_checkpointing (bool): Whether to compute activations twice instead of keeping them. Defaults to False.
    attention_dropout (float, optional): Dropout rate of attention in training. None, the default, keeps that of the
        encoder. At 0.0 torch uses a faster product: a training step on a processor takes a fifth less.
    inference_engine (str): What runs the encoder at inference: torch, the default, or openvino, which is for
        processors only. int8 needs openvino.
    tokenizer_config, transformer_config (dict): Arguments of transformers' `from_pretrained`. None of them may run or
        fetch code.
    RETURNS (Model): The text encoder.
    RAISES (ValueError): If a setting is out of its range, or refused.
    RAISES (ImportError): If the engine is not installed.
    """
    _at_least(1, max_batch_wordpieces=max_batch_wordpieces)
    _at_least(4, window=window)
    check_options("tokenizer_config", tokenizer_config)
    check_options("transformer_config", transformer_config)
    check_name("engine", inference_engine, ENGINES)
    check_name("precision", inference_precision, ENGINES["openvino"])
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
            inference_engine=inference_engine,
            word_shapes=word_shapes,
            gradient_checkpointing=gradient_checkpointing,
            attention_dropout=attention_dropout,
            tokenizer_config=tokenizer_config,
            transformer_config=transformer_config,
        )
    )


def build_listener(upstream: str = "*", max_batch_wordpieces: int = 4096) -> Model[list[Doc], EncodedText]:
    """Build a text encoder that listens to a shared `transformer` (`spacy_binder.TransformerListener.v1`).

    It is for `spacy_binder.Binder.v1`. `nlp.replace_listeners` can't replace it, because that looks for a listener at
    `model.tok2vec`: `spacy_binder.SharedBinder.v1` has it there.

    upstream (str): Name of the `transformer` component of spacy-transformers. Defaults to *, which means any.
    max_batch_wordpieces (int): Padded wordpieces that are scored at once. Defaults to 4096.
    RETURNS (Model): The text encoder. Its windows are those of the transformer's span getter.
    RAISES (ValueError): If a setting is out of its range.
    """
    _at_least(1, max_batch_wordpieces=max_batch_wordpieces)
    return listener(build_shared_transformer(upstream), ListenerSettings(max_batch_wordpieces))


def build_shared_transformer(upstream: str = "*") -> Model[list[Doc], Any]:
    """Listen to a shared `transformer` (`spacy_binder.SharedTransformer.v1`), for `spacy_binder.SharedBinder.v1`.

    upstream (str): Name of the `transformer` component of spacy-transformers. Defaults to *, which means any.
    RETURNS (Model): Docs → the transformer's output for each.
    """
    # Importing it takes seconds, and only pipelines with a listener need it.
    from .layers.connection import Connection

    return Connection(upstream)


def build_type_encoder(
    name: Optional[str] = None,
    freeze: bool = False,
    max_length: int = 128,
    mixed_precision: bool = False,
    pooling: str = "cls",
    learn_rate_scale: float = 1.0,
    tokenizer_config: dict[str, Any] = {},  # noqa: B006
    transformer_config: dict[str, Any] = {},  # noqa: B006
) -> Model[list[str], Any]:
    """Build a type encoder with weights of its own (`spacy_binder.TypeEncoder.v1`).

    name (str, optional): A folder, or the name of a model on the Hugging Face hub. None, the default, takes that of
        the text encoder.
    freeze (bool): Whether its weights stay as they are. Defaults to False.
    max_length (int): The most wordpieces per description. Fewer, if the encoder has fewer positions. The rest of a
        longer one is cut off. Defaults to 128.
    mixed_precision (bool): Whether to multiply in bfloat16. Defaults to False.
    pooling (str): What the vector of a description is: "cls", the default, that of its [CLS] as in the paper, or
        "mean", the mean over its wordpieces, which sentence encoders were trained for.
    learn_rate_scale (float): Factor of the learning rate for this encoder. Defaults to 1.
    tokenizer_config, transformer_config (dict): Arguments of transformers' `from_pretrained`. None of them may run or
        fetch code.
    RETURNS (Model): The type encoder.
    RAISES (ValueError): If a setting is out of its range, or refused.
    """
    _at_least(3, max_length=max_length)
    _at_least(0.0, learn_rate_scale=learn_rate_scale)
    check_name("pooling", pooling, POOLINGS)
    check_options("tokenizer_config", tokenizer_config)
    check_options("transformer_config", transformer_config)
    settings = TypeEncoderSettings(
        name=name or "",
        freeze=freeze,
        max_length=max_length,
        mixed_precision=mixed_precision,
        pooling=pooling,
        tokenizer_config=tokenizer_config,
        transformer_config=transformer_config,
    )
    return type_encoder(settings, learn_rate_scale)


def build_shared_type_encoder(
    max_length: int = 128, mixed_precision: bool = False, pooling: str = "cls"
) -> Model[list[str], Any]:
    """Build a type encoder that has the weights of the text encoder (`spacy_binder.SharedTypeEncoder.v1`).

    So a saved pipeline is half as large. The text encoder has to be `spacy_binder.TextEncoder.v1`.

    max_length (int): The most wordpieces per description. Fewer, if the encoder has fewer positions. The rest of a
        longer one is cut off. Defaults to 128.
    mixed_precision (bool): Whether to multiply in bfloat16 for descriptions. Defaults to False.
    pooling (str): What the vector of a description is: "cls", the default, that of its [CLS], or "mean", the mean over
        its wordpieces.
    RETURNS (Model): The type encoder, which `spacy_binder.Binder.v1` connects with the text encoder.
    RAISES (ValueError): If a setting is out of its range.
    """
    _at_least(3, max_length=max_length)
    check_name("pooling", pooling, POOLINGS)
    return shared_type_encoder(TypeEncoderSettings("", False, max_length, mixed_precision, pooling))


def build_baked_types() -> Model[list[str], Any]:
    """Build what `spacy binder compact` puts in the place of a type encoder (`spacy_binder.BakedTypes.v1`).

    RETURNS (Model): Vectors of the descriptions that the pipeline had. They are loaded with it.
    """
    return baked_types()


def build_span_scorer(
    linear_size: int = 128,
    max_span_length: int = 30,
    width_embedding_size: int = 128,
    temperature: float = 0.07,
    learn_rate_scale: float = 1.0,
    span_dropout: str = "parts",
    initial_projections: str = "random",
) -> Model[Any, Any]:
    """Build the span scorer (`spacy_binder.SpanScorer.v1`, paper section 3.2).

    linear_size (int): Width of the space that text and types are compared in. Defaults to 128.
    max_span_length (int): The most words per span. Defaults to 30.
    width_embedding_size (int): Width of the embedding of a span's length, 0 for none. Defaults to 128.
    temperature (float): Divisor of similarities at the start of training. It is learned. Defaults to 0.07.
    learn_rate_scale (float): Factor of the learning rate for these new layers. Defaults to 1.
    span_dropout (str): What dropout is drawn for in training: "parts", the default, for the first word, the last word
        and the width apart, or "sum", for each span vector, as in the published code. "sum" takes more time and memory.
    initial_projections (str): How the projections start: "random", the default, as in the paper, or "aligned", all from
        one matrix with orthogonal rows or columns. So a type that training has not seen starts near the spans whose
        vectors are like that of its description. Both encoders need the same width.
    RETURNS (Model): The scorer.
    RAISES (ValueError): If a setting is out of its range, or a name is unknown.
    """
    _at_least(1, linear_size=linear_size, max_span_length=max_span_length)
    _at_least(0.0, learn_rate_scale=learn_rate_scale)
    _at_least(0, width_embedding_size=width_embedding_size)
    _at_least(1e-4, temperature=temperature)
    check_name("span_dropout", span_dropout, SPAN_DROPOUTS)
    check_name("initial_projections", initial_projections, INITIAL_PROJECTIONS)
    settings = SpanScorerSettings(
        linear_size, max_span_length, width_embedding_size, temperature, span_dropout, initial_projections
    )
    return span_scorer(settings, learn_rate_scale)


def _at_least(least: float, **settings: float) -> None:
    for setting, value in settings.items():
        if value < least:
            raise ValueError(Errors.B007.format(setting=setting, least=least, value=value))
