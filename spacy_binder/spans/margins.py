"""Margins ↔ published scores ↔ thresholds. A margin is a span's logit minus the logit of its threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from ..text.arrays import Floats1d


def logit(probability: float) -> float:
    """RETURNS (float): The logit of a probability, infinite at 0 and 1."""
    with numpy.errstate(divide="ignore"):
        return float(numpy.log(probability) - numpy.log1p(-probability))


def sigmoid(logits: Any) -> Any:
    """RETURNS (float / NDArray): The sigmoid of one or more logits, in float64."""
    logits = numpy.asarray(logits, dtype="float64")
    small = numpy.exp(-numpy.abs(logits))
    return numpy.where(logits >= 0, 1.0, small) / (1.0 + small)


def published_scores(margin: Floats1d, calibration: Mapping[str, float] | None) -> Floats1d:
    """Turn margins into the scores of `attrs["scores"]`: sigmoid(scale · margin + bias).

    Without a calibration they are sigmoid(margin), where 0.5 is the paper's rule.

    margin (Floats1d): Margins of spans, shape (n,).
    calibration (Mapping, optional): `scale` and `bias`. They are the same for all labels, so that the score of one
        label does not depend on the others.
    RETURNS (Floats1d): Scores from 0 to 1, float32, shape (n,).
    """
    # In float64, because in float32 the last bit of a score depends on its place in the vector.
    logits = margin.astype("float64")
    if calibration is not None:
        logits = logits * calibration["scale"] + calibration["bias"]
    return sigmoid(logits).astype("float32")


def margin_at(score: float, calibration: Mapping[str, float] | None) -> float:
    """RETURNS (float): The margin that has a given published score, infinite at 0 and 1."""
    if calibration is None:
        return logit(score)
    return (logit(score) - calibration["bias"]) / calibration["scale"]


def margin_limits(cfg: Mapping[str, Any], labels: Sequence[str]) -> Floats1d:
    """Compute the margin that a span of each label has to exceed.

    cfg (Mapping): The component's `threshold`, `thresholds` of labels that have their own, and `calibration`.
    labels (Sequence[str]): The labels.
    RETURNS (Floats1d): One limit per label, float32, shape (K,).
    """
    own = cfg.get("thresholds") or {}
    limits = [margin_at(float(own.get(label, cfg["threshold"])), cfg.get("calibration")) for label in labels]
    return numpy.array(limits, dtype="float32")
