"""Give new labels to a component that a config takes from a trained pipeline. spaCy doesn't initialize such a one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Union

from spacy.errors import Errors as SpacyErrors
from spacy.language import Language

from .errors import Errors
from .layers.span_scorer import set_max_span_length
from .scorer import check_score_weights


def make_add_labels(
    labels: Optional[Union[list[str], dict[str, Any]]],
    component: str = "binder_ner",
    max_span_length: Optional[int] = None,
) -> Callable[[Language], Language]:
    """Make a callback that adds labels to a component with a `source` (`spacy_binder.add_labels.v1`).

    It is for `[initialize.after_init]`. Everything else that the component has stays: its labels with their
    descriptions, its settings, its calibration and its weights. If the new spans are longer, `max_span_length` makes
    room for them.

    labels (list / dict): Description of each label, or the labels only, as `spacy.read_labels.v1` gives them. A label
        that the component has keeps its description.
    component (str): Name of the component. Defaults to "binder_ner".
    max_span_length (int, optional): The most words per span from now on. None, the default, keeps what it is.
    RETURNS (Callable): The callback. It takes the pipeline.
    RAISES (ValueError): If there are no labels, there is no such component, no score weight names its spans key, the
        length is below 1, or the component has no weights yet whose length could change. Also if an example of a type
        can't be used, such as one that is longer.
    """
    if max_span_length is not None and max_span_length < 1:
        raise ValueError(Errors.B007.format(setting="max_span_length", least=1, value=max_span_length))
    if not isinstance(labels, (dict, list)):
        raise ValueError(Errors.B014.format(setting="labels", name=component, given=type(labels).__name__))

    def add_labels(nlp: Language) -> Language:
        names = [name for name, factory in nlp.pipe_factories.items() if factory == "binder_ner"]
        if component not in names:
            known = ", ".join(names) or "none"
            raise ValueError(Errors.B016.format(kind="binder_ner component", name=component, known=known))
        pipe: Any = nlp.get_pipe(component)
        check_score_weights(nlp, pipe.key, component)
        if max_span_length is not None:
            scorer = pipe.model.get_ref("scorer")
            if not scorer.has_dim("nI"):
                raise ValueError(SpacyErrors.E109.format(name=component))
            set_max_span_length(scorer, max_span_length)
            nlp.get_pipe_config(component)["model"]["scorer"]["max_span_length"] = max_span_length
            for label, value in pipe.label_data.items():
                # Its examples may be too long now.
                pipe._set_label(label, value)
        for label in labels:
            if label not in pipe.labels:
                pipe._set_label(label, labels[label] if isinstance(labels, dict) else None)
        return nlp

    return add_labels
