"""Torch modules inside thinc models: built late, saved as safetensors, cached between changes of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import srsly
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from thinc.api import Optimizer, PyTorchShim, get_torch_default_device, torch2xp, xp2torch
from torch import nn

from .adam import TorchAdam
from .process import use_one_thread_in_fork, watch_forks
from .saved_encoder import limit_sizes, name_damage
from .seal import seal, unseal


class ModuleShim(PyTorchShim):
    """Holds a torch module that is built when its settings are known.

    Unlike thinc's own shim it saves weights as safetensors, supports averaged weights (`use_averages` of the
    optimizer), and has a `cache` that lives until the weights change. The module is in evaluation mode, except inside
    `in_training`: predictions never change a mode, so threads can share the module.
    """

    _model: nn.Module | None

    def __init__(self, build: Callable[..., nn.Module], *, learn_rate_scale: float = 1.0) -> None:
        """
        build (Callable): Makes the module from keyword settings, which are saved with it.
        learn_rate_scale (float): Factor of the optimizer's learning rate for this module. Defaults to 1.
        """
        super().__init__(None)
        watch_forks()
        self._build = build
        self._settings: dict[str, Any] = {}
        self._learn_rate_scale = learn_rate_scale
        self._adam: TorchAdam | None = None
        self.cache: dict[Any, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        # The cache can be made again, and not all of it can be copied.
        return {**self.__dict__, "cache": {}}

    @property
    def is_built(self) -> bool:
        """RETURNS (bool): Whether there is a module."""
        return self._model is not None

    @property
    def module(self) -> nn.Module:
        """RETURNS (nn.Module): The module. There is none before it is built."""
        assert self._model is not None
        return self._model

    @property
    def settings(self) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): What the module was built with."""
        return dict(self._settings)

    def build(self, **settings: Any) -> None:
        """Build the module.

        **settings: Arguments of the callable given to the constructor.
        """
        use_one_thread_in_fork()
        self._settings = settings
        self.set_module(self._build(**settings))

    def set_module(self, module: nn.Module) -> None:
        """Hold a module, on the default device and in evaluation mode.

        module (nn.Module): The module.
        """
        self._model = module.to(get_torch_default_device()).eval()
        self._adam = None
        self.cache.clear()

    @contextlib.contextmanager
    def in_training(self) -> Iterator[None]:
        """Put the module into training mode inside a `with` block."""
        module = self.module
        module.train()
        try:
            yield
        finally:
            module.eval()

    def backprop(self, outputs: Any, gradients: Any) -> None:
        """Backpropagate through a forward pass, whose activations may be computed a second time for that.

        outputs (Tensor / Sequence[Tensor]): What the module gave.
        gradients (Tensor / Sequence[Tensor]): Their gradients.
        """
        with self.in_training():
            torch.autograd.backward(outputs, gradients)
        self.cache.clear()

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module and the state of its optimizer.

        device_type (str): cpu or gpu.
        device_id (int): Number of the GPU.
        """
        self.cache.clear()
        if self._model is not None:
            super().to_device(device_type, device_id)
        if self._adam is not None:
            self._adam.follow_device()

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the weights with their gradients.

        optimizer (Optimizer): The optimizer.
        """
        if self._model is None or all(param.grad is None for param in self._model.parameters()):
            return
        if TorchAdam.can_step(optimizer):
            if self._adam is None or self._adam.optimizer is not optimizer:
                self._adam = TorchAdam(optimizer, self._model)
            self._adam.step(self.id, self._learn_rate_scale)
        else:
            self._step(optimizer, self._model)
        self.cache.clear()

    def _step(self, optimizer: Optimizer, module: nn.Module) -> None:
        for name, param in module.named_parameters():
            if param.grad is not None:
                # Flat, because thinc's optimizers take no scalars.
                weights: Any = torch2xp(param.data.reshape(-1))
                gradient: Any = torch2xp(param.grad.reshape(-1))
                weights, _ = optimizer((self.id, name), weights, gradient, lr_scale=self._learn_rate_scale)
                param.data = xp2torch(weights, device=param.device).view_as(param)
                param.grad = None

    @contextlib.contextmanager
    def use_params(self, params: dict[Any, Any]) -> Iterator[None]:
        """Use other weights inside a `with` block.

        params (dict): Weights by (id of the shim, name), like `Optimizer.averages`.
        """
        given = {}
        if self._model is not None:
            for name, param in self._model.named_parameters():
                if (self.id, name) in params:
                    given[name] = (param, param.data)
        try:
            for name, (param, data) in given.items():
                param.data = xp2torch(params[self.id, name], device=param.device).view_as(data)
            self.cache.clear()
            yield
        finally:
            for param, data in given.values():
                param.data = data
            self.cache.clear()

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): Settings and weights."""
        state = save_safetensors(self.module.state_dict()) if self.is_built else None
        return seal(srsly.msgpack_dumps({"settings": self._settings, "state": state}))

    def from_bytes(self, bytes_data: bytes) -> ModuleShim:
        """Build the module again from saved bytes.

        bytes_data (bytes): The result of `to_bytes`.
        RETURNS (ModuleShim): The shim itself.
        RAISES (ValueError): If settings and weights are not those of one module.
        """
        msg: Any = srsly.msgpack_loads(unseal(bytes_data, "a layer"))
        if msg["state"] is not None:
            with name_damage("the weights of the span scorer"):
                weights = load_safetensors(msg["state"])
                with limit_sizes(weights):
                    self.build(**msg["settings"])
                self.module.load_state_dict(weights)
        return self
