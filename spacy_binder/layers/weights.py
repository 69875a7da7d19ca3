"""The encoders' weights in files of their own, so that loading a pipeline never holds them twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from thinc.api import Model

from .shim import EncoderShim


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
