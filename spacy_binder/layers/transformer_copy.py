"""A transformer of spacy-transformers inside a component. What a saved pipeline holds of it is checked, then built."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import srsly
import torch
from spacy_transformers.layers import TransformerModel
from spacy_transformers.layers.hf_shim import HFShim
from thinc.api import Model

from ..errors import Errors
from .saved_encoder import build_tokenizer, check_options, limit_sizes, name_damage, read_config

# The arguments that spacy-transformers saves for the class of a tokenizer.
TOKENIZER_ARGUMENTS = {"use_fast"}


class CheckedShim(HFShim):
    """Holds a transformer and its tokenizer. Reads what `HFShim` saved, but no more than saved encoders may have."""

    def from_bytes(self, bytes_data: bytes) -> CheckedShim:
        """Build the transformer from saved bytes.

        bytes_data (bytes): The result of `to_bytes`.
        RETURNS (CheckedShim): The shim itself.
        RAISES (ValueError): If the bytes are damaged, or could decide which code runs or which file is read.
        """
        with name_damage("the copy of a transformer"):
            saved: Any = srsly.msgpack_loads(bytes_data)
            if saved["config"]:
                _check(saved)
                weights = torch.load(BytesIO(saved["state"]), map_location="cpu", weights_only=True)
                with limit_sizes(weights):
                    return super().from_bytes(bytes_data)
            check_options("tokenizer_config", saved["_init_tokenizer_config"])
            check_options("transformer_config", saved["_init_transformer_config"])
            return super().from_bytes(bytes_data)


def _check(saved: dict[str, Any]) -> None:
    config = read_config(saved["config"])
    files = dict(saved["tokenizer"])
    for name in files.pop("kwargs", {}):
        if name not in TOKENIZER_ARGUMENTS:
            raise ValueError(Errors.B023.format(where="the tokenizer's arguments", name=name))
    # It checks each file.
    build_tokenizer(config, files)


def is_transformer(model: Model) -> bool:
    """RETURNS (bool): Whether a model is a transformer of spacy-transformers."""
    return isinstance(model, TransformerModel)


def check_when_loaded(transformer: Any) -> None:
    """Check the options of a transformer, and let it check what it loads.

    transformer (TransformerModel): The transformer.
    RAISES (ValueError): If an option could run or fetch code.
    """
    check_options("tokenizer_config", transformer._init_tokenizer_config)
    check_options("transformer_config", transformer._init_transformer_config)
    [shim] = transformer.layers[0].shims
    # `TransformerModel` has no argument for it.
    shim.__class__ = CheckedShim
