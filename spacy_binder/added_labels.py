"""Give new labels to a component that a config takes from a trained pipeline. spaCy doesn't initialize such a one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Union

from spacy.language import Language

from .errors import Errors
from .pipeline import BinderNER
from .scorer import check_score_weights


def make_add_labels(
    labels: Optional[Union[list[str], dict[str, Any]]], component: str = "binder_ner"
) -> Callable[[Language], Language]:
    """Make a callback that adds labels to a component with a `source` (`spacy_binder.add_labels.v1`).

    It is for `[initialize.after_init]`. Everything else that the component has stays: its labels with their
    descriptions, its settings, its calibration and its weights.

    labels (list / dict): Description of each label, or the labels only, as `spacy.read_labels.v1` gives them. A label
        that the component has keeps its description.
    component (str): Name of the component. Defaults to "binder_ner".
    RETURNS (Callable): The callback. It takes the pipeline.
    RAISES (ValueError): If there are no labels, there is no such component, or no score weight names its spans key.
    """
    if not isinstance(labels, (dict, list)):
        raise ValueError(Errors.B014.format(setting="labels", name=component, given=type(labels).__name__))

    def add_labels(nlp: Language) -> Language:
        pipe = nlp.get_pipe(component)
        if not isinstance(pipe, BinderNER):
            names = [name for name, factory in nlp.pipe_factories.items() if factory == "binder_ner"]
            known = ", ".join(names) or "none"
            raise ValueError(Errors.B016.format(kind="binder_ner component", name=component, known=known))
        check_score_weights(nlp, pipe.key, component)
        for label in labels:
            if label not in pipe.labels:
                pipe._set_label(label, labels[label] if isinstance(labels, dict) else None)
        return nlp

    return add_labels
