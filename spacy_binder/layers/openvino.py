"""Run a text encoder with OpenVINO: compile it, and quantize it to int8 with NNCF."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import srsly
import torch
from torch import Tensor, nn

from ..errors import Errors
from ..installed import is_installed
from ..modules.encoder import Encoder
from ..text.windows import WindowBatch
from .encoder_shim import EncoderShim, attention_mask

# What may run a text encoder where nothing is learned, and in which precisions.
ENGINES = {"torch": ("float32", "bfloat16"), "openvino": ("float32", "bfloat16", "int8")}
# OpenVINO's names of precisions. What int8 does not cover runs in float32.
HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
# Networks that were compiled before this process was forked.
FROM_BEFORE_FORK: list[Any] = []
# Threads that need the same network wait for the first one that compiles it.
COMPILING = threading.Lock()


def check_engine(engine: str, precision: str, device: str = "cpu") -> None:
    """Check that an engine is there and has a precision.

    engine (str): One of `ENGINES`.
    precision (str): One of the engine's precisions.
    device (str): Type of the device that the encoder is on. Defaults to cpu.
    RAISES (ValueError): If the engine has no such precision, or can't use the device.
    RAISES (ImportError): If the engine is not installed.
    """
    if precision not in ENGINES[engine]:
        raise ValueError(Errors.B042.format(engine=engine, precision=precision, known=" or ".join(ENGINES[engine])))
    if engine == "openvino":
        if device != "cpu":
            raise ValueError(Errors.B020.format(device=device))
        if not is_installed("openvino"):
            raise ImportError(Errors.B021)


def compile_encoder(shim: EncoderShim, precision: str) -> CompiledEncoder:
    """Compile an encoder, or take it from the shim's cache. It stays there until the weights change.

    shim (EncoderShim): The encoder.
    precision (str): float32, bfloat16 or int8.
    RETURNS (CompiledEncoder): The compiled encoder, for as many threads as torch uses.
    RAISES (ValueError): If OpenVINO can't compile it.
    """
    made_for = (precision, torch.get_num_threads())
    with COMPILING:
        kept = shim.cache.get(CompiledEncoder)
        if kept is None or kept.made_for != made_for:
            check_engine("openvino", precision, next(shim.module.parameters()).device.type)
            kept = shim.cache[CompiledEncoder] = CompiledEncoder(shim, *made_for)
    return kept


class CompiledEncoder:
    """An encoder compiled by OpenVINO, for any number of windows of any length, and for several threads."""

    def __init__(self, shim: EncoderShim, precision: str, n_threads: int) -> None:
        """
        shim (EncoderShim): The encoder, on the processor.
        precision (str): float32, bfloat16 or int8.
        n_threads (int): The number of threads.
        RAISES (ValueError): If OpenVINO can't compile it, or there is no int8 copy of it.
        """
        self.made_for = (precision, n_threads)
        self._process = os.getpid()
        with _quiet_import():
            import openvino

        network = _read(shim.quantized) if precision == "int8" else convert(shim.module)
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": n_threads,
            "NUM_STREAMS": 1,
        }
        self._compiled: Any = openvino.compile_model(network, "CPU", options)
        # A request serves one thread at a time.
        self._idle_requests: list[Any] = []

    def __call__(self, batch: WindowBatch) -> Tensor:
        """Encode windows.

        batch (WindowBatch): The windows. B windows, L wordpieces.
        RETURNS (Tensor): Last hidden states, float32. *Shape:* (B, L, H).
        """
        inputs = _inputs(batch)[: len(self._compiled.inputs)]
        try:
            request = self._idle_requests.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        vectors = torch.from_numpy(request.infer(inputs, share_inputs=True)[0])
        self._idle_requests.append(request)
        return vectors

    def __del__(self) -> None:
        # A fork does not have its threads, and would wait for them forever.
        if hasattr(self, "_compiled") and os.getpid() != self._process:
            FROM_BEFORE_FORK.append((self._compiled, self._idle_requests))


def convert(module: Encoder) -> Any:
    """Convert an encoder to OpenVINO.

    module (Encoder): The encoder. It stays as it is, and shares its weights with the result.
    RETURNS (openvino.Model): The network: ids, mask and, for an encoder with word shapes, shapes → vectors.
    RAISES (ValueError): If OpenVINO can't convert it.
    """
    with _quiet_import():
        import openvino

    # Weights that need no gradient can be constants.
    shared: dict[int, Any] = {id(buffer): buffer for buffer in module.buffers()}
    shared |= {id(param): nn.Parameter(param.detach(), requires_grad=False) for param in module.parameters()}
    encoder = deepcopy(module, shared).eval()
    examples = (torch.ones(2, 16, dtype=torch.int64),) * (2 if module.word_shapes is None else 3)

    # A function is traced, because torch keeps each module that was ever traced.
    def forward(*inputs: Tensor) -> Tensor:
        return encoder(*inputs)

    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Tracing warns of constants, which are meant here.
            warnings.simplefilter("ignore")
            return openvino.convert_model(torch.jit.trace(forward, examples, check_trace=False))
    except Exception as error:
        cause = str(error).strip().split("\n")[0]
        raise ValueError(Errors.B022.format(encoder=type(module.transformer).__name__, cause=cause)) from error


def quantize(shim: EncoderShim, batches: Iterable[WindowBatch]) -> None:
    """Make an int8 copy of an encoder with NNCF: weights and activations, calibrated on some text.

    shim (EncoderShim): The encoder. It keeps the copy, and saves it.
    batches (Iterable[WindowBatch]): Windows of typical text.
    RAISES (ImportError): If openvino or nncf is not installed.
    """
    if not is_installed("openvino") or not is_installed("nncf"):
        raise ImportError(Errors.B021)
    network = convert(shim.module)
    inputs = [_inputs(batch)[: len(network.inputs)] for batch in batches]
    with _quiet_import():
        import nncf
        import openvino

        network = nncf.quantize(
            network, nncf.Dataset(inputs), subset_size=len(inputs), model_type=nncf.ModelType.TRANSFORMER
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.xml"
        openvino.save_model(network, path, compress_to_fp16=False)
        parts = [path.read_bytes(), path.with_suffix(".bin").read_bytes()]
    shim.quantized = srsly.msgpack_dumps(parts)
    shim.cache.clear()


def _read(quantized: bytes) -> Any:
    """RETURNS (openvino.Model): The int8 network that `quantize` made."""
    if not quantized:
        raise ValueError(Errors.B043)
    import openvino

    network, weights = srsly.msgpack_loads(quantized)  # type: ignore[misc]
    return openvino.Core().read_model(network, weights)


def _inputs(batch: WindowBatch) -> tuple[Any, ...]:
    return batch.input_ids, attention_mask(batch.lengths), batch.shapes


@contextlib.contextmanager
def _quiet_import() -> Iterator[None]:
    """Import openvino or nncf without the package that reports each use to their makers."""
    telemetry = "openvino_telemetry"
    if telemetry in sys.modules:
        yield
        return
    sys.modules[telemetry] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[telemetry]
