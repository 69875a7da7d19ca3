"""Options for one call: other labels and thresholds than those of the component."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Union

from .config import check_name
from .descriptions import TypeWords, write_words
from .errors import Errors

LabelsT = Union[Iterable[str], Mapping[str, Any]]
ThresholdT = Union[float, Mapping[str, float]]


def settings_for_call(
    name: str,
    cfg: Mapping[str, Any],
    labels: LabelsT | None,
    threshold: ThresholdT | None,
    make_words: Callable[[str, Any], TypeWords],
) -> dict[str, Any]:
    """Change the settings of a component for one call.

    name (str): Name of the component, for messages.
    cfg (Mapping): Its settings. They stay as they are.
    labels (Iterable[str] / Mapping, optional): Some of its labels, or what describes each label.
    threshold (float / Mapping, optional): The threshold of all labels, or that of some labels.
    make_words (Callable): Takes a label and what the user gives for it, and gives what describes the type.
    RETURNS (dict): The settings of the call.
    RAISES (ValueError): If an option can't have its value.
    """
    settings: dict[str, Any] = dict(cfg)
    if labels is not None:
        settings["labels"] = _choose_labels(name, cfg["labels"], labels, make_words)
        known = settings["thresholds"].items()
        settings["thresholds"] = {label: value for label, value in known if label in settings["labels"]}
    if isinstance(threshold, Mapping):
        for label in threshold:
            check_name("label", label, settings["labels"])
        settings["thresholds"] = {**settings["thresholds"], **threshold}
    elif threshold is not None:
        settings.update(threshold=threshold, thresholds={})
    return settings


def _choose_labels(
    name: str, known: Mapping[str, Any], labels: LabelsT, make_words: Callable[[str, Any], TypeWords]
) -> dict[str, Any]:
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise ValueError(Errors.B014.format(setting="labels", name=name, given=type(labels).__name__))
    if not isinstance(labels, Mapping):
        labels = list(labels)
        if wrong := [type(label).__name__ for label in labels if not isinstance(label, Hashable)]:
            raise ValueError(Errors.B014.format(setting="labels", name=name, given=f"list of {wrong[0]}"))
    values: Mapping[Any, Any] = labels if isinstance(labels, Mapping) else dict.fromkeys(labels)
    if not values:
        raise ValueError(Errors.B060.format(name=name))
    for label, value in values.items():
        if value is None and label not in known:
            raise ValueError(Errors.B061.format(name=name, label=label, known=", ".join(known)))
    return {label: write_words(make_words(label, value)) for label, value in values.items()}
