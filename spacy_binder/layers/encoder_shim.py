"""Torch modules inside thinc models: built late, saved as safetensors, cached between changes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import srsly
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import load_file
from safetensors.torch import save as save_safetensors
from thinc.api import Model, Optimizer
from torch import Tensor, nn

from ..config import find_encoder
from ..errors import Errors
from ..modules.quantization import quantize
from ..text.word_shapes import SHAPES
from ..text.wordpieces import TokenizerT
from .module_shim import ModuleShim

# What an encoder may compute and be saved in.
PRECISIONS = ("float32", "bfloat16", "int8")
# What configs of encoders call the dropout rate of attention.
ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")


class EncoderShim(ModuleShim):
    """Holds a Hugging Face encoder and its tokenizer, and saves both, so that loading needs no network."""

    def __init__(self) -> None:
        super().__init__(nn.Identity)
        self.tokenizer: TokenizerT = None
        self.storage = "float32"
        self.weights_apart = False
        self.warned = False

    @property
    def width(self) -> int:
        """RETURNS (int): Width of the encoder's vectors."""
        config: Any = self.module.config
        return int(config.hidden_size)

    @property
    def max_positions(self) -> int | None:
        """RETURNS (int, optional): The most wordpieces that the encoder has positions for."""
        config: Any = self.module.config
        most = getattr(config, "max_position_embeddings", None)
        # RoBERTa and its kin count positions from the padding id on.
        if most and config.model_type in ("roberta", "xlm-roberta", "camembert", "longformer", "mpnet"):
            most -= config.pad_token_id + 1
        return most if most and most > 0 else None

    def load(
        self,
        name: str,
        *,
        tokenizer_config: dict[str, Any],
        transformer_config: dict[str, Any],
        word_shapes: bool = False,
        attention_dropout: float | None = None,
    ) -> None:
        """Load pretrained weights.

        name (str): A folder, or the name of a model on the Hugging Face hub.
        tokenizer_config, transformer_config (dict): Passed on to transformers.
        word_shapes (bool): Whether to embed what words look like, beside what they are.
        attention_dropout (float, optional): Dropout rate of attention in training; None for the encoder's own.
        RAISES (ValueError): If there is none, with the places looked at, or it has no such rate.
        """
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        path, places = find_encoder(name)
        rates: dict[str, float] = {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(path, **{"use_fast": True, **tokenizer_config})
            if attention_dropout is not None:
                known = AutoConfig.from_pretrained(path, **transformer_config)
                rates = {key: attention_dropout for key in ATTENTION_DROPOUTS if hasattr(known, key)}
            options = {"use_safetensors": True, "torch_dtype": torch.float32, **rates, **transformer_config}
            module = AutoModel.from_pretrained(path, **options)
        except (OSError, ValueError, KeyError) as error:
            message = Errors.B005.format(encoder=name, places=", ".join(places), cause=str(error).split("\n")[0])
            raise ValueError(message) from error
        if attention_dropout is not None and not rates:
            raise ValueError(Errors.B049.format(encoder=name, known=" or ".join(ATTENTION_DROPOUTS)))
        self._take_encoder(module, tokenizer, word_shapes)

    def _take_encoder(self, module: nn.Module, tokenizer: TokenizerT, word_shapes: bool) -> None:
        if hasattr(module, "pooler"):
            module.pooler = None  # type: ignore[assignment]
        # A batch holds few of the vocabulary's wordpieces.
        encoder: Any = module
        encoder.get_input_embeddings().sparse = True
        if word_shapes:
            # Of zeros, so that training begins with the encoder as it was pretrained.
            encoder.word_shapes = nn.Embedding(len(SHAPES), encoder.config.hidden_size)
            nn.init.zeros_(encoder.word_shapes.weight)
        self.tokenizer = tokenizer
        self._take(module)

    def at_inference(self, precision: str) -> nn.Module:
        """What to run where nothing is learned.

        precision (str): One of `PRECISIONS`.
        RETURNS (nn.Module): The encoder; for int8 a copy with 8-bit linear layers, kept until the weights change.
        """
        if precision != "int8" or self.storage == "int8":
            return self.module
        # No string is the key: a type may be described by any.
        if quantize not in self.cache:
            shared = {id(tensor): tensor for tensor in [*self.module.parameters(), *self.module.buffers()]}
            self.cache[quantize] = quantize(deepcopy(self.module, shared)).eval()
        return self.cache[quantize]

    def require_trainable(self) -> None:
        """RAISES (ValueError): If the weights have 8 bits."""
        if self.storage == "int8":
            raise ValueError(Errors.B017)

    def compress(self, storage: str) -> None:
        """Save the weights in fewer bits from now on, and use what can then be loaded.

        storage (str): One of `PRECISIONS`. With int8 the linear layers, which can't be trained any more, have
            8 bits and the rest 16; with bfloat16 all have 16.
        """
        if self.storage == "int8":
            return
        if storage == "int8":
            quantize(self.module.requires_grad_(False))
        self.storage = storage
        self.module.load_state_dict(self._tensors())
        self.cache.clear()

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the weights with their gradients, and save them in full from now on.

        optimizer (Optimizer): The optimizer.
        """
        super().finish_update(optimizer)
        if self.storage == "bfloat16":
            self.storage = "float32"

    def _tensors(self) -> dict[str, Tensor]:
        tensors = super()._tensors()
        if self.storage == "float32":
            return tensors
        return {name: _narrow(tensor) for name, tensor in tensors.items()}

    def save_weights(self, path: Path) -> None:
        """Write the weights.

        path (Path): A safetensors file. One that is there is replaced.
        """
        path.write_bytes(save_safetensors(self._tensors()))

    def load_weights(self, path: Path) -> None:
        """Take over weights.

        path (Path): A safetensors file.
        """
        self.module.load_state_dict(load_file(path))
        self.cache.clear()

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The encoder's config, its tokenizer's files and its weights."""
        if self._model is None:
            return srsly.msgpack_dumps({"config": None})
        config: Any = self.module.config
        with TemporaryDirectory() as folder:
            self.tokenizer.save_pretrained(folder)
            files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file()}
        # Where it was loaded from is no part of it.
        options = {**config.to_dict(), "_name_or_path": ""}
        state = None if self.weights_apart else self._state()
        about = {"storage": self.storage, "word_shapes": hasattr(self.module, "word_shapes")}
        return srsly.msgpack_dumps({"config": options, "tokenizer": files, **about, "state": state})

    def from_bytes(self, bytes_data: bytes) -> EncoderShim:
        """Build the encoder anew from what `to_bytes` gave.

        bytes_data (bytes): The saved encoder.
        RETURNS (EncoderShim): The shim itself.
        """
        msg: Any = srsly.msgpack_loads(bytes_data)
        if msg["config"] is None:
            return self
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        with TemporaryDirectory() as folder:
            for name, content in msg["tokenizer"].items():
                (Path(folder) / name).write_bytes(content)
            # Not by srsly, which writes 1e-12 as 0.0.
            (Path(folder) / "config.json").write_text(json.dumps(msg["config"]), encoding="utf8")
            tokenizer = AutoTokenizer.from_pretrained(folder)
            module = AutoModel.from_config(AutoConfig.from_pretrained(folder))
        self.storage = msg.get("storage", "float32")
        if self.storage == "int8":
            quantize(module.requires_grad_(False))
        self._take_encoder(module, tokenizer, msg.get("word_shapes", False))
        if msg["state"] is not None:
            self.module.load_state_dict(load_safetensors(msg["state"]))
        return self


def embed(module: Any, input_ids: Tensor, shapes: Tensor) -> Tensor:
    """Embed wordpieces and what their words look like.

    module (PreTrainedModel): An encoder that was loaded with `word_shapes`.
    input_ids, shapes (Tensor): *Shape:* (B, L).
    RETURNS (Tensor): What its layers are given. *Shape:* (B, L, H).
    """
    return module.get_input_embeddings()(input_ids) + module.word_shapes(shapes)


def _narrow(tensor: Tensor) -> Tensor:
    return tensor.bfloat16() if tensor.dtype == torch.float32 and tensor.dim() > 1 else tensor


def _encoders(model: Model) -> dict[str, EncoderShim]:
    """RETURNS (dict[str, EncoderShim]): The encoders of a model, by the name of the file of their weights."""
    shims = {}
    for ref in ("text_encoder", "type_encoder"):
        for shim in model.get_ref(ref).shims:
            if isinstance(shim, EncoderShim):
                shims[f"{ref}.safetensors"] = shim
    return shims


@contextlib.contextmanager
def weights_apart(model: Model) -> Iterator[None]:
    """Leave the encoders' weights out of `model.to_bytes` for a while.

    model (Model): The bi-encoder.
    """
    shims = _encoders(model).values()
    for shim in shims:
        shim.weights_apart = True
    try:
        yield
    finally:
        for shim in shims:
            shim.weights_apart = False


def save_weights(model: Model, folder: Path) -> None:
    """Write the encoders' weights.

    model (Model): The bi-encoder.
    folder (Path): Where text_encoder.safetensors and type_encoder.safetensors are written to.
    """
    for name, shim in _encoders(model).items():
        if shim.is_built:
            shim.save_weights(folder / name)


def load_weights(model: Model, folder: Path) -> None:
    """Read what `save_weights` wrote, one encoder after the other. What isn't there was in `model.to_bytes`.

    model (Model): The bi-encoder, built from what `to_bytes` gave.
    folder (Path): Where the weights are.
    """
    for name, shim in _encoders(model).items():
        if (folder / name).exists():
            shim.load_weights(folder / name)
