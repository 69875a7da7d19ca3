"""thinc's Adam, run by torch: one fused step for a whole module."""

from __future__ import annotations

from typing import Any

import torch
from thinc.api import Optimizer, torch2xp, xp2torch
from torch import Tensor, nn


class TorchAdam:
    """Updates the weights of a module with the current settings of a thinc optimizer.

    Gradients are clipped by their norm over the whole module. thinc clips each parameter's gradient by itself.
    """

    def __init__(self, optimizer: Optimizer, module: nn.Module) -> None:
        """
        optimizer (Optimizer): Holds the settings, their schedules and the averages.
        module (nn.Module): The module. Parameters that need no gradient stay as they are.
        """
        self.optimizer = optimizer
        self.named = {name: param for name, param in module.named_parameters() if param.requires_grad}
        kind = torch.optim.AdamW if optimizer.L2_is_weight_decay else torch.optim.Adam
        self.adam = kind(self.named.values(), lr=1.0, fused=True)

    @staticmethod
    def can_step(optimizer: Optimizer) -> bool:
        """RETURNS (bool): Whether a thinc optimizer is plain Adam."""
        return not optimizer.use_radam and optimizer.b1 > 0.0 and optimizer.b2 > 0.0

    def step(self, shim_id: int, learn_rate_scale: float) -> None:
        """Update the weights with their gradients, and drop the gradients.

        shim_id (int): First part of the keys of the optimizer's averages.
        learn_rate_scale (float): Factor of the learning rate.
        """
        optimizer = self.optimizer
        if optimizer.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.named.values(), optimizer.grad_clip)
        for group in self.adam.param_groups:
            group["lr"] = optimizer.learn_rate * learn_rate_scale
            group["betas"] = (optimizer.b1, optimizer.b2)
            group["eps"] = optimizer.eps
            group["weight_decay"] = optimizer.L2
        self.adam.step()
        self.adam.zero_grad()
        if optimizer.averages is not None:
            for name, param in self.named.items():
                self._average(optimizer.averages, (shim_id, name), param.data)

    def follow_device(self) -> None:
        """Move the optimizer's state to where the parameters are now."""
        self.adam.load_state_dict(self.adam.state_dict())

    def _average(self, averages: dict[Any, Any], key: tuple[int, str], weights: Tensor) -> None:
        n_updates = self.optimizer.nr_update[key] = self.optimizer.nr_update[key] + 1
        if key not in averages:
            averages[key] = torch2xp(torch.zeros_like(weights))
        # The decay of thinc's update_averages.
        decay = min((1.0 + n_updates) / (10.0 + n_updates), 0.9999)
        xp2torch(averages[key], device=weights.device).lerp_(weights, 1 - decay)
