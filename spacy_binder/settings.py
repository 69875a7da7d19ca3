"""What the settings of `binder_ner` may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .defaults import DEFAULT_LOSS_WEIGHTS
from .errors import Errors

WINDOW_MERGES = ("best_context", "union")


def check_settings(
    name: str,
    *,
    threshold: float,
    thresholds: Mapping[str, float],
    window_merge: str,
    repeat_weight: float,
    loss_weights: Iterable[str],
) -> None:
    """Check what a config says; the settings are those of `binder_ner`.

    name (str): The component.
    loss_weights (Iterable[str]): The names of the weights that are set.
    RAISES (ValueError): If a threshold or `repeat_weight` is not between 0 and 1, or the name of a weight or of a way
        to merge windows is unknown.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(Errors.B006.format(name=name, value=threshold))
    for label, value in thresholds.items():
        if not 0 <= value <= 1:
            raise ValueError(Errors.B025.format(name=name, label=label, value=value))
    if not 0 <= repeat_weight <= 1:
        raise ValueError(Errors.B029.format(name=name, value=repeat_weight))
    _check_name("window_merge", window_merge, WINDOW_MERGES)
    for weight in loss_weights:
        _check_name("loss weight", weight, DEFAULT_LOSS_WEIGHTS)


def _check_name(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(Errors.B016.format(kind=kind, name=name, known=", ".join(known)))
