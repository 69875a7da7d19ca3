"""The text encoder's forward pass, compiled by OpenVINO where that package is installed."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from ..errors import Errors
from .encoder_shim import EncoderShim, embed

# What may run an encoder where nothing is learned.
ENGINES = ("torch", "openvino")
# What OpenVINO may multiply in, and what it calls that.
HINTS = {"float32": "f32", "bfloat16": "bf16"}
# What was compiled in the process that this one is a fork of, and isn't needed any more.
FROM_BEFORE_FORK: list[Any] = []


def openvino_is_installed() -> bool:
    """RETURNS (bool): Whether there is a package to compile with. It isn't imported."""
    return find_spec("openvino") is not None


def check_openvino(precision: str, device: str = "cpu") -> None:
    """Refuse what can't be compiled.

    precision (str): What is to be multiplied in.
    device (str): Type of the device that the encoder is on.
    RAISES (ValueError): If OpenVINO has no such precision, or the device isn't the processor.
    RAISES (ImportError): If the package is missing.
    """
    if precision not in HINTS:
        raise ValueError(Errors.B020.format(given=f"has to compute in {precision}"))
    if device != "cpu":
        raise ValueError(Errors.B020.format(given=f"is on the device '{device}'"))
    if not openvino_is_installed():
        raise ImportError(Errors.B021)


def compiled(shim: EncoderShim, precision: str) -> CompiledEncoder:
    """Compile an encoder, unless its cache has what fits: it is kept there until the weights change.

    shim (EncoderShim): The encoder.
    precision (str): float32 or bfloat16.
    RETURNS (CompiledEncoder): The compiled encoder, for as many threads as torch uses.
    RAISES (ValueError): If OpenVINO can't compile it.
    RAISES (ImportError): If the package is missing.
    """
    made_for = (precision, torch.get_num_threads())
    kept = shim.cache.get(CompiledEncoder)
    if kept is None or kept.made_for != made_for:
        check_openvino("int8" if shim.storage == "int8" else precision, next(shim.module.parameters()).device.type)
        kept = shim.cache[CompiledEncoder] = CompiledEncoder(shim.module, made_for)
    return kept


class CompiledEncoder:
    """An encoder's forward pass for any number of windows of any length. It learns nothing."""

    def __init__(self, module: nn.Module, made_for: tuple[str, int]) -> None:
        """
        module (nn.Module): A Hugging Face encoder on the processor. It is left as it is.
        made_for (tuple[str, int]): Precision and number of threads.
        RAISES (ValueError): If OpenVINO can't compile it.
        """
        self.made_for = made_for
        self._process = os.getpid()
        precision, n_threads = made_for
        with _quiet_import():
            import openvino
        try:
            model = openvino.convert_model(_trace(module))
        except Exception as error:
            cause = str(error).strip().split("\n")[0]
            raise ValueError(Errors.B022.format(encoder=type(module).__name__, cause=cause)) from error
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": n_threads,
            "NUM_STREAMS": 1,
        }
        self._compiled: Any = openvino.compile_model(model, "CPU", options)

    def __call__(self, input_ids: numpy.ndarray, lengths: numpy.ndarray, shapes: numpy.ndarray | None = None) -> Tensor:
        """
        input_ids (numpy.ndarray): Padded wordpieces, shape (B, L).
        lengths (numpy.ndarray): Wordpieces of each row, shape (B,).
        shapes (numpy.ndarray, optional): What the word of each wordpiece looks like, shape (B, L); to be given if
            and only if the encoder embeds it.
        RETURNS (Tensor): The last hidden states, shape (B, L, H), float32.
        """
        mask = (numpy.arange(input_ids.shape[1]) < lengths[:, None]).astype("int64")
        inputs = (input_ids, mask) if shapes is None else (input_ids, mask, shapes)
        return torch.from_numpy(self._compiled(inputs)[0])

    def __del__(self) -> None:
        # In a fork its threads are gone, and it would wait for them forever.
        if hasattr(self, "_compiled") and os.getpid() != self._process:
            FROM_BEFORE_FORK.append(self._compiled)


@contextlib.contextmanager
def _quiet_import() -> Iterator[None]:
    """Import openvino without what reports each import and conversion to its makers; it has a stand-in for that."""
    telemetry = "openvino_telemetry"
    if "openvino" in sys.modules or telemetry in sys.modules:
        yield
        return
    sys.modules[telemetry] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[telemetry]


def _trace(module: nn.Module) -> Any:
    """RETURNS (torch.jit.ScriptFunction): What an encoder computes of wordpieces, their mask and, maybe, shapes.

    A function is traced, not the module: torch keeps each module that was ever traced.
    """
    # Weights that ask for no gradient can be constants; they share memory with the encoder's own.
    shared = {id(buffer): buffer for buffer in module.buffers()}
    shared |= {id(param): nn.Parameter(param.detach(), requires_grad=False) for param in module.parameters()}
    encoder = deepcopy(module, shared).eval()

    def forward(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    def forward_with_shapes(input_ids: Tensor, attention_mask: Tensor, shapes: Tensor) -> Tensor:
        return encoder(inputs_embeds=embed(encoder, input_ids, shapes), attention_mask=attention_mask).last_hidden_state

    ones = torch.ones(2, 16, dtype=torch.int64)
    with_shapes = hasattr(module, "word_shapes")
    with warnings.catch_warnings(), torch.no_grad():
        # Of constants in a trace, which are meant, and of tracing being old.
        warnings.simplefilter("ignore")
        if with_shapes:
            return torch.jit.trace(forward_with_shapes, (ones, ones, ones), check_trace=False)
        return torch.jit.trace(forward, (ones, ones), check_trace=False)
