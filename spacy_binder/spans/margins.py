"""Margins ↔ published scores ↔ thresholds: one calibration for all labels, and limits that a label may have alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import torch

from ..text.arrays import Floats1d


def logit(probability: float) -> float:
    """RETURNS (float): The logit of a probability, infinite at 0 and 1."""
    with numpy.errstate(divide="ignore"):
        return float(numpy.log(probability) - numpy.log1p(-probability))


def published_scores(margin: Floats1d, calibration: Mapping[str, float] | None) -> Floats1d:
    """Turn margins into what `attrs["scores"]` says: sigmoid(scale · margin + bias).

    Without a calibration that is sigmoid(margin), where 0.5 is the paper's rule.

    margin (Floats1d): Logits of spans less those of their thresholds, shape (n,).
    calibration (Mapping, optional): `scale` and `bias`, the same for all labels: a label's score depends on no other.
    RETURNS (Floats1d): Scores from 0 to 1, float32, shape (n,).
    """
    # In float64, for in float32 the last bit of a score would depend on its place in the vector.
    logits = torch.from_numpy(margin).double()
    if calibration is not None:
        logits = logits * calibration["scale"] + calibration["bias"]
    return logits.sigmoid().float().numpy()


def margin_at(score: float, calibration: Mapping[str, float] | None) -> float:
    """RETURNS (float): The margin whose published score is the given one, infinite at 0 and 1."""
    if calibration is None:
        return logit(score)
    return (logit(score) - calibration["bias"]) / calibration["scale"]


def margin_limits(cfg: Mapping[str, Any], labels: Sequence[str]) -> Floats1d:
    """Find what the margin of a span has to exceed, so that its score exceeds the threshold of its label.

    cfg (Mapping): The component's `threshold`, its `thresholds` of labels that have their own, its `calibration`.
    labels (Sequence[str]): The labels.
    RETURNS (Floats1d): A limit a label, float32, shape (K,).
    """
    own = cfg.get("thresholds") or {}
    limits = [margin_at(float(own.get(label, cfg["threshold"])), cfg.get("calibration")) for label in labels]
    return numpy.array(limits, dtype="float32")
