"""The contrastive loss with dynamic thresholds (paper section 3.2, equations 6 to 9)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from ..spans.targets import Targets
from ..text.windows import WindowBatch
from .span_scorer import SpanScores


def contrastive_loss(
    logits: Tensor,
    threshold: Tensor,
    gold: Tensor,
    excluded: Tensor,
    *,
    n_gold: int,
    n_pairs: int,
    annotated: Tensor | None = None,
    gold_weight: float = 0.5,
    threshold_weight: float = 0.5,
) -> Tensor:
    """Compute the loss of one kind of candidates: starts, ends or spans.

    For a window and a type, the negatives are the candidates that are neither gold nor excluded, and the threshold.
    A gold item competes with the negatives only: its term is `logaddexp(s, n) - s`, where n is the logsumexp of the
    negatives. The term of the threshold, `n - s_cls`, pulls it above the other negatives.

    logits (Tensor): Logits of the candidates. *Shape:* (B, C, K).
    threshold (Tensor): Logits of [CLS]. *Shape:* (B, K).
    gold (Tensor): Window, candidate and type of each gold item; one that occurs twice counts twice.
        *Shape:* (n, 3).
    excluded (Tensor): True where a cell is no candidate. *Shape:* (B, C, K), or (B, C, 1) if it holds for all types.
    n_gold (int): Gold items of the whole update. Gold terms are averaged over them.
    n_pairs (int): Pairs of a window and a type that was annotated in it, in the whole update. Threshold terms are
        averaged over them.
    annotated (Tensor, optional): Whether a type was annotated in a window. If it was not, there is no term and no
        gradient. *Shape:* (B, K). Defaults to None: all were.
    gold_weight, threshold_weight (float): Weights of the two terms. Default to 0.5.
    RETURNS (Tensor): The loss, a scalar.
    """
    window, candidate, label = gold.T
    is_gold = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
    is_gold[window, candidate, label] = True
    negative = logits.masked_fill(is_gold | excluded, -torch.inf)
    negative = torch.logsumexp(torch.cat([negative, threshold[:, None]], dim=1), dim=1)
    above = negative - threshold
    loss = (above if annotated is None else above[annotated]).sum() * (threshold_weight / max(n_pairs, 1))
    if len(gold):
        # logaddexp(s, n) - s
        against = functional.softplus(negative[window, label] - logits[window, candidate, label])
        loss = loss + against.sum() * (gold_weight / n_gold)
    return loss


def binder_loss(
    scores: SpanScores, batch: WindowBatch, targets: Targets, n_windows: int, weights: Mapping[str, float]
) -> tuple[float, SpanScores]:
    """Compute the loss of one forward pass, and its gradient by autograd on detached logits.

    scores (SpanScores): The logits of the pass.
    batch (WindowBatch): The windows of the pass.
    targets (Targets): The gold items of all windows of the update, and which types were annotated in each window.
    n_windows (int): The number of windows of the update.
    weights (Mapping[str, float]): Weights of the terms: start, end and span; gold and threshold.
    RETURNS (tuple[float, SpanScores]): The loss and the gradient of the logits.
    """
    scores = SpanScores(*(tensor.detach().requires_grad_() for tensor in scores))
    here = targets.select_windows(batch.rows)
    device = scores.span.device
    n_words = torch.from_numpy(batch.n_words).to(device)[:, None]
    words = torch.arange(scores.span.shape[1], device=device)
    widths = torch.arange(scores.span.shape[2], device=device)
    beyond = (words >= n_words)[..., None]
    span_beyond = ((words[:, None] + widths) >= n_words[..., None]).flatten(1)[..., None]

    def to_tensor(table: numpy.ndarray) -> Tensor:
        return torch.from_numpy(table).to(device)

    def exclude(table: numpy.ndarray) -> Tensor:
        if not len(table):
            return beyond
        excluded = beyond.repeat(1, 1, scores.span.shape[-1])
        excluded[to_tensor(table).unbind(1)] = True
        return excluded

    span = to_tensor(here.span)
    cells = torch.stack([span[:, 0], span[:, 1] * len(widths) + span[:, 2], span[:, 3]], dim=1)
    terms = {
        "start": (scores.start, scores.start_threshold, to_tensor(here.start), exclude(here.hidden_start)),
        "end": (scores.end, scores.end_threshold, to_tensor(here.end), exclude(here.hidden_end)),
        "span": (scores.span.flatten(1, 2), scores.span_threshold, cells, span_beyond),
    }
    n_gold = {"start": len(targets.start), "end": len(targets.end), "span": len(targets.span)}
    n_pairs, annotated = n_windows * scores.span.shape[-1], None
    if targets.annotated is not None and here.annotated is not None:
        n_pairs, annotated = int(targets.annotated.sum()), to_tensor(here.annotated)
    loss = torch.zeros((), device=device)
    for name, term in terms.items():
        loss = loss + weights[name] * contrastive_loss(
            *term,
            n_gold=n_gold[name],
            n_pairs=n_pairs,
            annotated=annotated,
            gold_weight=weights["gold"],
            threshold_weight=weights["threshold"],
        )
    loss.backward()
    return float(loss.detach()), SpanScores(*(_gradient(tensor) for tensor in scores))


def _gradient(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
