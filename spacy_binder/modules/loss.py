"""The contrastive loss with dynamic thresholds: pure torch (paper section 3.2, equations 6 to 9)."""

from __future__ import annotations

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from ..layers.types import ScoredWindows
from ..spans.targets import Targets, of_rows
from .span_scorer import SpanScores


def contrastive_loss(
    logits: Tensor,
    threshold: Tensor,
    gold: Tensor,
    excluded: Tensor,
    *,
    n_gold: int,
    n_windows: int,
    gold_weight: float = 0.5,
    threshold_weight: float = 0.5,
) -> Tensor:
    """The loss of one kind of candidates: starts, ends or spans.

    For a window and type, the negatives are the candidates that are neither gold nor excluded, and the
    threshold. A gold item is held against the negatives alone (`logaddexp(s, n) - s`, with n their
    logsumexp); the threshold is pulled above the other negatives (`n - s_cls`).

    logits (Tensor): Scores of the candidates. *Shape:* (B, C, K).
    threshold (Tensor): Scores of [CLS]. *Shape:* (B, K).
    gold (Tensor): Window, candidate and type of each gold item; one that occurs twice counts twice.
        *Shape:* (n, 3).
    excluded (Tensor): True where a cell is no candidate. *Shape:* (B, C, K), or (B, C, 1) for all types.
    n_gold (int): Gold items of the whole update, which gold terms are averaged over.
    n_windows (int): Windows of the whole update; threshold terms are averaged over windows and types.
    gold_weight, threshold_weight (float): Weights of the two terms.
    RETURNS (Tensor): The loss, a scalar.
    """
    window, candidate, label = gold.T
    is_gold = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
    is_gold[window, candidate, label] = True
    negative = logits.masked_fill(is_gold | excluded, -torch.inf)
    negative = torch.logsumexp(torch.cat([negative, threshold[:, None]], dim=1), dim=1)
    loss = (negative - threshold).sum() * (threshold_weight / (n_windows * logits.shape[-1]))
    if len(gold):
        # logaddexp(s, n) - s
        against = functional.softplus(negative[window, label] - logits[window, candidate, label])
        loss = loss + against.sum() * (gold_weight / n_gold)
    return loss


def loss_of_pass(
    scored: ScoredWindows, targets: Targets, n_windows: int, weights: dict[str, float]
) -> tuple[float, SpanScores]:
    """The loss of one forward pass, and its gradient by autograd on detached logits.

    scored (ScoredWindows): The windows of the pass and their logits.
    targets (Targets): The gold items of all windows of the update.
    n_windows (int): The windows of the update.
    weights (dict[str, float]): start, end, span, gold and threshold.
    RETURNS (tuple[float, SpanScores]): The loss and the gradient of the logits.
    """
    scores = SpanScores(*(tensor.detach().requires_grad_() for tensor in scored.scores.tensors()))
    device = scores.span.device
    n_words = torch.from_numpy(scored.batch.n_words).to(device)[:, None]
    words = torch.arange(scores.span.shape[1], device=device)
    widths = torch.arange(scores.span.shape[2], device=device)
    beyond = (words >= n_words)[..., None]
    span_beyond = ((words[:, None] + widths) >= n_words[..., None]).flatten(1)[..., None]

    def here(table: numpy.ndarray) -> Tensor:
        return torch.from_numpy(of_rows(table, scored.rows)).to(device)

    def hidden(table: numpy.ndarray) -> Tensor:
        cells = here(table)
        if not len(cells):
            return beyond
        excluded = beyond.repeat(1, 1, scores.span.shape[-1])
        excluded[cells.unbind(1)] = True
        return excluded

    span = here(targets.span)
    cells = torch.stack([span[:, 0], span[:, 1] * len(widths) + span[:, 2], span[:, 3]], dim=1)
    terms = {"n_windows": n_windows, "gold_weight": weights["gold"], "threshold_weight": weights["threshold"]}
    loss = (
        weights["start"]
        * contrastive_loss(
            scores.start,
            scores.start_threshold,
            here(targets.start),
            hidden(targets.hidden_start),
            n_gold=len(targets.start),
            **terms,
        )
        + weights["end"]
        * contrastive_loss(
            scores.end,
            scores.end_threshold,
            here(targets.end),
            hidden(targets.hidden_end),
            n_gold=len(targets.end),
            **terms,
        )
        + weights["span"]
        * contrastive_loss(
            scores.span.flatten(1, 2),
            scores.span_threshold,
            cells,
            span_beyond,
            n_gold=len(targets.span),
            **terms,
        )
    )
    loss.backward()
    return float(loss.detach()), SpanScores(*(_gradient(tensor) for tensor in scores.tensors()))


def _gradient(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
