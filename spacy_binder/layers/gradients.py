"""Prepare the gradients of all modules of a bi-encoder for a step of the optimizer."""

from __future__ import annotations

import torch
from thinc.api import Model
from torch import Tensor, nn

from ..modules.processes import add_up_gradients
from .binder import BinderSettings
from .module_shim import ModuleShim


def prepare_gradients(model: Model, max_norm: float) -> bool:
    """Add up the gradients of all processes. Drop them if one is no number, else clip them if the settings say so.

    They are clipped by their common norm. After that each module clips its own ones, which does nothing more.

    model (Model): The bi-encoder.
    max_norm (float): The largest norm. 0 means any.
    RETURNS (bool): Whether the gradients are numbers. If not, there are none left, and a step changes nothing.
    """
    params = parameters(model)
    add_up_gradients(params)
    gradients = [param.grad for param in params if param.grad is not None]
    if gradients and not torch.stack([gradient.sum().isfinite() for gradient in gradients]).all():
        for param in params:
            param.grad = None
        return False
    settings = model.attrs.get("settings")
    if max_norm and isinstance(settings, BinderSettings) and settings.clip_together:
        nn.utils.clip_grad_norm_(params, max_norm)
    return True


def parameters(model: Model) -> list[Tensor]:
    """RETURNS (list[Tensor]): The parameters of all modules of a bi-encoder."""
    shims = [shim for node in model.walk() for shim in node.shims]
    modules = [shim.module for shim in shims if isinstance(shim, ModuleShim) and shim.is_built]
    return [param for module in modules for param in module.parameters()]
