"""What a saved pipeline holds of an encoder. It is hostile until checked: nothing in it decides which code runs."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from ..errors import Errors
from ..modules.encoder import Encoder
from ..text.wordpieces import TokenizerT

# The files that tokenizers of transformers consist of. No other one is written, and none has a folder in its name.
TOKENIZER_FILES = frozenset(
    {
        "added_tokens.json",
        "bpe.codes",
        "byte_maps.json",
        "dict.txt",
        "emoji.json",
        "entity_vocab.json",
        "merges.txt",
        "normalizer.json",
        "prophetnet.tokenizer",
        "sentencepiece.bpe.model",
        "sentencepiece.model",
        "source.spm",
        "special_tokens_map.json",
        "spiece.model",
        "spm.model",
        "spm_char.model",
        "target.spm",
        "target_vocab.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "vocab-src.json",
        "vocab-tgt.json",
        "vocab.json",
        "vocab.txt",
        "word_pronunciation.json",
        "word_shape.json",
    }
)
# Settings that make transformers run, import or fetch something.
REFUSED = frozenset(
    {
        "adapter_kwargs",
        "attn_implementation",
        "_attn_implementation",
        "_attn_implementation_internal",
        "auto_map",
        "backbone",
        "code_revision",
        "custom_pipelines",
        "experts_implementation",
        "_experts_implementation",
        "_experts_implementation_internal",
        "gguf_file",
        "init_inputs",
        "kernel_config",
        "quantization_config",
        "trust_remote_code",
        "use_kernels",
        "use_pretrained_backbone",
        "use_timm_backbone",
    }
)
# Ends of settings of a tokenizer that name a file.
PLACES = ("_file", "_path", "_dir", "_option")
# Attentions that transformers and torch bring. Any other name is that of a kernel on a hub.
ATTENTIONS = ("eager", "sdpa", "flash_attention_2", "flex_attention")
# Whole numbers up to this one need not be a size, such as the base of rotary embeddings.
MAX_NUMBER = 2**20

_budget = threading.local()


def check_options(setting: str, options: Mapping[str, Any]) -> None:
    """Check arguments for transformers' `from_pretrained`. They may come from the config of a saved pipeline.

    setting (str): Their name in the config, for the message.
    options (Mapping): The arguments.
    RAISES (ValueError): If an argument could run or fetch code.
    """
    options = {
        name: value for name, value in options.items() if name != "attn_implementation" or value not in ATTENTIONS
    }
    _refuse(options, f"`{setting}`", ())


def build_tokenizer(config: Any, files: Mapping[str, bytes]) -> TokenizerT:
    """Build a tokenizer from its files.

    What a fast one does is all in `tokenizer.json`, so that it needs no class of its own. With transformers 5 some of
    these classes don't read all of that file, and what one version names another one may not have.

    config (PretrainedConfig): The config of its encoder.
    files (Mapping[str, bytes]): Content of each file.
    RETURNS (PreTrainedTokenizerBase): The tokenizer.
    RAISES (ValueError): If a file or a setting is not allowed, or the tokenizer can't be built from the files.
    """
    from transformers import AutoTokenizer
    from transformers import PreTrainedTokenizerFast as FastTokenizer  # pyright: ignore[reportPrivateImportUsage]

    is_fast = "tokenizer.json" in files
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            if name not in TOKENIZER_FILES:
                raise ValueError(Errors.B023.format(where="the tokenizer's files", name=name))
            if name == "tokenizer_config.json":
                with name_damage(name):
                    settings = _load_object(content)
                _refuse(settings, name, PLACES)
                content = json.dumps(_for_any_version(settings, is_fast)).encode()
            (Path(folder) / name).write_bytes(content)
        with name_damage("the tokenizer's files"):
            if is_fast:
                return FastTokenizer.from_pretrained(folder, local_files_only=True)
            return AutoTokenizer.from_pretrained(folder, config=config, trust_remote_code=False, local_files_only=True)


def _for_any_version(settings: dict[str, Any], is_fast: bool) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Settings of a tokenizer, in names that transformers 4 and 5 read."""
    settings = dict(settings)
    if is_fast:
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(settings.get("extra_special_tokens"), list):
        settings["additional_special_tokens"] = settings.pop("extra_special_tokens")
    return settings


def read_config(saved: Any) -> Any:
    """Read the config of an encoder.

    saved (dict): The config, as its `to_dict` gave it.
    RETURNS (PretrainedConfig): The config.
    RAISES (ValueError): If a setting is not allowed, or the family of encoders is unknown.
    """
    from transformers import CONFIG_MAPPING

    with name_damage("the config of the encoder"):
        saved = _load_object(json.dumps(saved).encode())
    _refuse(saved, "the config of the encoder", ())
    with name_damage("the config of the encoder"):
        return CONFIG_MAPPING[saved["model_type"]].from_dict(saved)


def build_encoder(config: Any, weights: Mapping[str, Tensor], *, word_shapes: bool) -> Encoder:
    """Build an encoder with its weights.

    config (PretrainedConfig): Its config, from `read_config`.
    weights (Mapping[str, Tensor]): All weights, as `Encoder.weights` names them.
    word_shapes (bool): Whether it has embeddings of word shapes.
    RETURNS (Encoder): The encoder.
    RAISES (ValueError): If config and weights are not those of one encoder.
    """
    from transformers import AutoModel

    most = max(MAX_NUMBER, *(tensor.numel() for tensor in weights.values()), 0)
    for name, value in _settings(config.to_dict()):
        if isinstance(value, int) and value > most:
            raise ValueError(Errors.B027.format(what="the config of the encoder", cause=f"{name} is {value}"))
    with name_damage("the weights of the encoder"):
        with limit_sizes(weights):
            encoder = Encoder(AutoModel.from_config(config, trust_remote_code=False), word_shapes=word_shapes)
        encoder.load_weights(dict(weights))
    return encoder


@contextlib.contextmanager
def limit_sizes(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Let a module that is built inside a `with` block have no more parameters than weights were saved.

    So a config can't ask for sizes that the weights don't have: they are refused before memory is used for them. Twice
    as many are allowed, because a pooler isn't saved, and some parameters are built twice.

    weights (Mapping[str, Tensor]): The saved weights.
    RAISES (ValueError): If there are more parameters, or larger ones.
    """
    _watch_parameters()
    n_numbers = sum(tensor.numel() for tensor in weights.values())
    _budget.left = [2 * len(weights) + 16, 2 * n_numbers + MAX_NUMBER]
    try:
        yield
    finally:
        _budget.left = None


@lru_cache(maxsize=1)
def _watch_parameters() -> None:
    # Once and for all: torch's table of hooks may not change while another thread builds a module.
    register_module_parameter_registration_hook(_count_parameter)


def _count_parameter(module: nn.Module, name: str, parameter: Tensor | None) -> None:
    left = getattr(_budget, "left", None)
    if left is not None and parameter is not None:
        left[0] -= 1
        left[1] -= parameter.numel()
        if min(left) < 0:
            raise ValueError(f"the config asks for more than the weights have, as of {type(module).__name__}.{name}")


@contextlib.contextmanager
def name_damage(what: str) -> Iterator[None]:
    """Name what can't be read, whatever goes wrong in a `with` block."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and re.match(r"\[B\d", str(error)):
            raise
        cause = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(Errors.B027.format(what=what, cause=cause)) from error


def _load_object(content: bytes) -> dict[str, Any]:
    loaded = json.loads(content)
    if not isinstance(loaded, dict):
        raise ValueError("It is no JSON object")
    return loaded


def _refuse(settings: Mapping[str, Any], where: str, endings: tuple[str, ...]) -> None:
    for name, value in _settings(settings):
        if value and (name in REFUSED or name.endswith(endings)):
            raise ValueError(Errors.B023.format(where=where, name=name))


def _settings(settings: Any) -> Iterator[tuple[str, Any]]:
    """YIELDS (tuple[str, Any]): Name and value of each setting, also of those inside other settings."""
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            yield str(name), value
            yield from _settings(value)
    elif isinstance(settings, (list, tuple)):
        for value in settings:
            yield from _settings(value)
