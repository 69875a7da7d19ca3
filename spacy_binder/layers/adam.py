"""thinc's Adam, stepped by torch: one fused pass over a module instead of several a parameter."""

from __future__ import annotations

from typing import Any

import torch
from thinc.api import Optimizer, torch2xp, xp2torch
from torch import Tensor, nn


class TorchAdam:
    """Steps a module's weights with the settings that a thinc optimizer has at the time.

    Gradients are clipped by their norm over the whole module, as the paper's code does; thinc clips those
    of each parameter apart. Embeddings with sparse gradients are stepped by row, with the same result.
    """

    def __init__(self, optimizer: Optimizer, module: nn.Module) -> None:
        """
        optimizer (Optimizer): Where the settings, their schedules and the averages are.
        module (nn.Module): The module. Parameters that need no gradient are left alone.
        """
        self.optimizer = optimizer
        self.named = [(name, param) for name, param in module.named_parameters() if param.requires_grad]
        sparse = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding) and m.sparse}
        self.rows = [RowAdam(param) for _, param in self.named if id(param) in sparse]
        self.dense = [param for _, param in self.named if id(param) not in sparse]
        kind = torch.optim.AdamW if optimizer.L2_is_weight_decay else torch.optim.Adam
        self.adam = kind(self.dense, lr=1.0, fused=True)

    @staticmethod
    def can_step(optimizer: Optimizer) -> bool:
        """RETURNS (bool): Whether a thinc optimizer is plain Adam."""
        return not optimizer.use_radam and optimizer.b1 > 0.0 and optimizer.b2 > 0.0

    def step(self, shim_id: int, learn_rate_scale: float) -> None:
        """Update the weights with their gradients, and drop these.

        shim_id (int): First part of the keys of the optimizer's averages.
        learn_rate_scale (float): What the learning rate is multiplied by.
        """
        optimizer = self.optimizer
        self._clip(optimizer.grad_clip)
        settings = {
            "lr": optimizer.learn_rate * learn_rate_scale,
            "betas": (optimizer.b1, optimizer.b2),
            "eps": optimizer.eps,
            "weight_decay": optimizer.L2,
        }
        for group in self.adam.param_groups:
            group.update(settings)
        self.adam.step()
        for rows in self.rows:
            rows.step(**settings, decoupled=optimizer.L2_is_weight_decay)
        for _, param in self.named:
            param.grad = None
        if optimizer.averages is not None:
            for name, param in self.named:
                self._average(optimizer.averages, (shim_id, name), param.data)

    def _clip(self, most: float) -> None:
        grads = [param.grad for _, param in self.named if param.grad is not None]
        if not most or not grads:
            return
        for rows in self.rows:
            rows.coalesce()
        norms = [torch.linalg.vector_norm(_values(param.grad)) for _, param in self.named if param.grad is not None]
        scale = (most / (torch.linalg.vector_norm(torch.stack(norms)) + 1e-6)).clamp(max=1.0)
        for _, param in self.named:
            if param.grad is not None:
                _values(param.grad).mul_(scale)

    def _average(self, averages: dict[Any, Any], key: tuple[int, str], weights: Tensor) -> None:
        n_updates = self.optimizer.nr_update[key] = self.optimizer.nr_update[key] + 1
        if key not in averages:
            averages[key] = torch2xp(torch.zeros_like(weights))
        # The decay of thinc's update_averages.
        decay = min((1.0 + n_updates) / (10.0 + n_updates), 0.9999)
        xp2torch(averages[key], device=weights.device).lerp_(weights, 1 - decay)


def _values(gradient: Tensor) -> Tensor:
    return gradient._values() if gradient.is_sparse else gradient


class RowAdam:
    """Adam for an embedding of which few rows have ever had a gradient.

    A row without one has no momentum, so Adam leaves it as it is: only rows that have had a gradient are
    stepped, and moments are kept for these alone.
    """

    def __init__(self, param: nn.Parameter) -> None:
        """
        param (nn.Parameter): The weights, shape (n, H), with sparse gradients.
        """
        self.param = param
        self.n_steps = 0
        self.slot = torch.full((len(param),), -1, dtype=torch.long, device=param.device)
        self.known = torch.zeros(0, dtype=torch.long, device=param.device)
        self.mean = param.data.new_zeros(0, param.shape[1])
        self.square = param.data.new_zeros(0, param.shape[1])

    def coalesce(self) -> None:
        """Bring each row's gradients together."""
        if self.param.grad is not None:
            self.param.grad = self.param.grad.coalesce()

    def step(self, *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool) -> None:
        """Update the weights.

        lr, betas, eps (float): As in torch.optim.Adam.
        weight_decay (float): With one, every row has to be stepped.
        decoupled (bool): Whether the decay is AdamW's.
        """
        if self.param.grad is None:
            return
        self.coalesce()
        rows, values = self.param.grad.indices()[0], self.param.grad.values()
        if weight_decay:
            if decoupled:
                self.param.data.mul_(1 - lr * weight_decay)
            else:
                dense = self.param.data * weight_decay
                dense.index_add_(0, rows, values)
                rows, values = torch.arange(len(dense), device=dense.device), dense
        self._know(rows)
        self.n_steps += 1
        slots = self.slot[rows]
        beta1, beta2 = betas
        self.mean.mul_(beta1).index_add_(0, slots, values, alpha=1 - beta1)
        self.square.mul_(beta2).index_add_(0, slots, values * values, alpha=1 - beta2)
        denominator = self.square.sqrt().div_((1 - beta2**self.n_steps) ** 0.5).add_(eps)
        update = self.mean / denominator
        self.param.data.index_add_(0, self.known, update, alpha=-lr / (1 - beta1**self.n_steps))

    def _know(self, rows: Tensor) -> None:
        new = rows[self.slot[rows] < 0]
        if len(new):
            self.slot[new] = torch.arange(len(self.known), len(self.known) + len(new), device=new.device)
            self.known = torch.cat([self.known, new])
            zeros = self.mean.new_zeros(len(new), self.mean.shape[1])
            self.mean, self.square = torch.cat([self.mean, zeros]), torch.cat([self.square, zeros])
