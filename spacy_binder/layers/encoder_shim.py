"""Load and save encoders: Hugging Face models, their tokenizers and their weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy
import srsly
import torch
from safetensors import safe_open
from safetensors.torch import load as load_safetensors
from safetensors.torch import load_file, save_file
from safetensors.torch import save as save_safetensors
from thinc.api import Model, Optimizer
from torch import Tensor, nn

from ..config import find_encoder
from ..errors import Errors
from ..modules.encoder import Encoder
from ..text.arrays import Ints1d, Ints2d
from ..text.wordpieces import TokenizerT, reset_tokenizer
from .encoder_check import make_encoder
from .module_shim import ModuleShim
from .process import use_one_thread_in_fork
from .saved_encoder import TOKENIZER_FILES, build_encoder, build_tokenizer, name_damage, read_config
from .seal import seal, unseal

# How weights may be saved.
STORAGES = ("float32", "bfloat16")
# Types of tensors in files of weights. Encoders have some whole numbers beside their weights, such as positions.
WEIGHT_TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.int64)
# Names of the dropout rate of attention in the configs of encoders.
ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")

# Whether weights are saved to files of their own.
_apart: ContextVar[bool] = ContextVar("weights_apart", default=False)


class EncoderShim(ModuleShim):
    """Holds an encoder and its tokenizer. Saves both, so that loading needs no network.

    tokenizer (PreTrainedTokenizerBase): The tokenizer, None before the encoder is built.
    storage (str): How weights are saved, one of `STORAGES`.
    quantized (bytes): An int8 copy of the encoder, see `openvino.py`. Empty if there is none.
    """

    _model: Encoder | None

    def __init__(self, *, learn_rate_scale: float = 1.0) -> None:
        super().__init__(nn.Identity, learn_rate_scale=learn_rate_scale)
        self.tokenizer: TokenizerT = None
        self.storage = "float32"
        self.quantized = b""
        # Config and word shapes of an encoder that was loaded without its weights.
        self._awaited: tuple[Any, bool] | None = None
        self.warned = False

    @property
    def module(self) -> Encoder:
        """RETURNS (Encoder): The encoder. There is none before it is built."""
        assert self._model is not None
        return self._model

    @property
    def has_weights(self) -> bool:
        """RETURNS (bool): Whether no weights are missing. If not, `load_weights` has to follow `from_bytes`."""
        return self._awaited is None

    def load(
        self,
        name: str,
        *,
        tokenizer_config: dict[str, Any],
        transformer_config: dict[str, Any],
        word_shapes: bool = False,
        attention_dropout: float | None = None,
        gradient_checkpointing: bool = False,
    ) -> None:
        """Load a pretrained encoder.

        name (str): A folder, or the name of a model on the Hugging Face hub.
        tokenizer_config, transformer_config (dict): Arguments of transformers' `from_pretrained`.
        word_shapes (bool): Whether to embed word shapes beside wordpieces. Defaults to False.
        attention_dropout (float, optional): Dropout rate of attention in training. None, the default, keeps that of the
            encoder.
        gradient_checkpointing (bool): Whether the encoder has to be able to compute activations twice. Defaults to
            False.
        RAISES (ValueError): If the encoder is not found, can't be used, or its config has no dropout rate of attention.
        """
        from transformers import AutoConfig, AutoModel, AutoTokenizer
        from transformers import PretrainedConfig as AnyConfig  # pyright: ignore[reportPrivateImportUsage]

        use_one_thread_in_fork()
        path, places = find_encoder(name)
        rates: dict[str, float] = {}
        try:
            options = {"use_fast": True, **tokenizer_config, "trust_remote_code": False}
            tokenizer = AutoTokenizer.from_pretrained(path, **options)
            if attention_dropout is not None:
                known = AutoConfig.from_pretrained(path, **{**transformer_config, "trust_remote_code": False})
                rates = {key: attention_dropout for key in ATTENTION_DROPOUTS if hasattr(known, key)}
            options = {"use_safetensors": True, "torch_dtype": torch.float32, **rates, **transformer_config}
            # Its name since transformers 5, which warns of the other one.
            old, new = ("torch_dtype", "dtype") if hasattr(AnyConfig, "dtype") else ("dtype", "torch_dtype")
            if old in options:
                options[new] = options.pop(old)
            transformer = AutoModel.from_pretrained(path, **{**options, "trust_remote_code": False})
        except Exception as error:
            # Of any kind: transformers, tokenizers and safetensors have errors of their own.
            cause = str(error).strip().split("\n")[0] or type(error).__name__
            raise ValueError(Errors.B005.format(encoder=name, places=", ".join(places), cause=cause)) from error
        if attention_dropout is not None and not rates:
            raise ValueError(Errors.B040.format(encoder=name, known=" or ".join(ATTENTION_DROPOUTS)))
        reset_tokenizer(tokenizer)
        encoder = make_encoder(
            name, transformer, tokenizer, word_shapes=word_shapes, checkpointing=gradient_checkpointing
        )
        # As it is after a load, so that it does the same there.
        self.tokenizer = build_tokenizer(transformer.config, save_tokenizer(tokenizer))
        reset_tokenizer(self.tokenizer)
        self.storage = "float32"
        self.quantized = b""
        self._awaited = None
        self.set_module(encoder)

    def encode(
        self,
        input_ids: Ints2d,
        lengths: Ints1d,
        shapes: Ints2d | None = None,
        *,
        is_train: bool,
        mixed_precision: bool,
    ) -> Tensor:
        """Encode padded wordpieces with torch.

        input_ids (Ints2d): Wordpiece ids, shape (B, L).
        lengths (Ints1d): Wordpieces per row, shape (B,).
        shapes (Ints2d, optional): Shape of the word of each wordpiece, see `WORD_SHAPES`, shape (B, L).
        is_train (bool): Whether to drop out, and to keep what the backward pass needs.
        mixed_precision (bool): Whether to multiply in bfloat16.
        RETURNS (Tensor): Last hidden states, shape (B, L, H).
        """
        module = self.module
        device = next(module.parameters()).device
        mode = self.in_training() if is_train else contextlib.nullcontext()
        # Attention is faster without a mask.
        is_padded = lengths.min() < input_ids.shape[1]
        mask = torch.from_numpy(attention_mask(lengths, input_ids.shape[1])).to(device) if is_padded else None
        ids, of_words = (None if array is None else torch.from_numpy(array).to(device) for array in (input_ids, shapes))
        precision = torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision)
        with mode, torch.set_grad_enabled(is_train), precision:
            return module(ids, mask, of_words)

    def compress(self, storage: str) -> None:
        """Round the weights, and save them in this form from now on.

        storage (str): One of `STORAGES`.
        """
        self.storage = storage
        self.module.load_weights(self._weights())
        self.cache.clear()

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the weights with their gradients, and save them in float32 from now on.

        optimizer (Optimizer): The optimizer.
        """
        super().finish_update(optimizer)
        self.storage = "float32"
        self.quantized = b""

    def _weights(self) -> dict[str, Tensor]:
        weights = self.module.weights()
        if self.storage == "bfloat16":
            # Not vectors, such as those of layer norms: they are small and lose much.
            return {name: tensor.bfloat16() if tensor.dim() > 1 else tensor for name, tensor in weights.items()}
        return weights

    def save_weights(self, path: Path, save_id: str) -> None:
        """Write the weights to a safetensors file.

        path (Path): The file.
        save_id (str): Name of the save that it belongs to.
        """
        save_file(self._weights(), path, {"save_id": save_id})

    def load_weights(self, path: Path, save_id: str = "") -> None:
        """Read weights from a safetensors file.

        path (Path): The file.
        save_id (str): Name of the save that it has to belong to. Defaults to "", which means any.
        RAISES (ValueError): If it can't be read, is of another save, or its weights are not those of the encoder.
        """
        with name_damage(str(path)):
            with safe_open(path, "pt") as file:
                found = (file.metadata() or {}).get("save_id", "")
            if save_id and found != save_id:
                raise ValueError("It belongs to another save of a pipeline")
            weights = load_file(path)
            for name, tensor in weights.items():
                if tensor.dtype not in WEIGHT_TYPES:
                    raise ValueError(f"{name} is of the type {tensor.dtype}")
            self._take_weights(weights)

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The encoder's config and weights, and the files of its tokenizer."""
        if not self.is_built:
            return srsly.msgpack_dumps({"config": None})
        msg = {
            # Without the place that it was loaded from.
            "config": {**self.module.config.to_dict(), "_name_or_path": ""},
            "tokenizer": save_tokenizer(self.tokenizer),
            "storage": self.storage,
            "word_shapes": self.module.word_shapes is not None,
            "quantized": self.quantized,
            "state": save_safetensors(self._weights()) if not _apart.get() else None,
        }
        return seal(srsly.msgpack_dumps(msg))

    def from_bytes(self, bytes_data: bytes) -> EncoderShim:
        """Build the encoder again from saved bytes. If they have no weights, it is built by `load_weights`.

        bytes_data (bytes): The result of `to_bytes`.
        RETURNS (EncoderShim): The shim itself.
        RAISES (ValueError): If the weights are saved in a form that this version can't read, or `saved_encoder.py`
            doesn't allow what is in the bytes.
        """
        msg: Any = srsly.msgpack_loads(unseal(bytes_data, "an encoder"))
        if msg["config"] is None:
            return self
        storage = msg.get("storage", "float32")
        if storage not in STORAGES:
            raise ValueError(Errors.B041.format(storage=storage, known=" or ".join(STORAGES)))
        use_one_thread_in_fork()
        config = read_config(msg["config"])
        self.tokenizer = build_tokenizer(config, msg["tokenizer"])
        reset_tokenizer(self.tokenizer)
        self.storage = storage
        self.quantized = msg.get("quantized", b"")
        self._awaited = (config, bool(msg.get("word_shapes", False)))
        if msg["state"] is not None:
            with name_damage("the weights of the encoder"):
                weights = load_safetensors(msg["state"])
            self._take_weights(weights)
        return self

    def _take_weights(self, weights: dict[str, Tensor]) -> None:
        if self._awaited is None:
            with name_damage("the weights of the encoder"):
                self.module.load_weights(weights)
        else:
            config, word_shapes = self._awaited
            self.set_module(build_encoder(config, weights, word_shapes=word_shapes))
            self._awaited = None
        self.cache.clear()


def save_tokenizer(tokenizer: TokenizerT) -> dict[str, bytes]:
    """RETURNS (dict[str, bytes]): The files of a tokenizer, by name."""
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        paths = sorted(Path(folder).iterdir())
        return {path.name: path.read_bytes() for path in paths if path.name in TOKENIZER_FILES}


def attention_mask(lengths: Ints1d, width: int = 0) -> Ints2d:
    """Mark wordpieces and padding.

    lengths (Ints1d): Wordpieces per row, shape (B,).
    width (int): The length of the padded rows, L. Defaults to that of the longest row.
    RETURNS (Ints2d): 1 for wordpieces, 0 for padding, shape (B, L).
    """
    positions = numpy.arange(width or int(lengths.max(initial=0)))
    return (positions < lengths[:, None]).astype("int64")


def encoder_shims(model: Model) -> dict[str, EncoderShim]:
    """RETURNS (dict[str, EncoderShim]): The encoders of a bi-encoder, by the name of their layer."""
    return {
        ref: shim
        for ref in ("text_encoder", "type_encoder")
        for shim in model.get_ref(ref).shims
        if isinstance(shim, EncoderShim)
    }


@contextlib.contextmanager
def weights_apart() -> Iterator[None]:
    """Leave encoders' weights out of `to_bytes` inside a `with` block, in this thread. So they are never held twice."""
    before = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(before)
