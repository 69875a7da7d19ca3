"""The factory of `binder_ner`, which spaCy finds by its entry point, and the defaults of its settings."""

from collections.abc import Callable
from typing import Optional

from spacy.language import Language
from thinc.api import Model

from .config import DEFAULT_LOSS_WEIGHTS, DEFAULT_MODEL
from .pipeline import BinderNER
from .settings import check_keys


@Language.factory(
    "binder_ner",
    assigns=["doc.spans", "doc.ents"],
    default_config={
        "model": DEFAULT_MODEL,
        "spans_key": "sc",
        "threshold": 0.5,
        "thresholds": {},
        "allow_overlap": True,
        "joint_inference": False,
        "annotate_ents": False,
        "window_merge": "best_context",
        "repeat_weight": 0.0,
        "sample_descriptions": False,
        "loss_weights": DEFAULT_LOSS_WEIGHTS,
        "scorer": {"@scorers": "spacy_binder.binder_scorer.v1"},
    },
    default_score_weights={
        "spans_sc_f": 1.0,
        "spans_sc_p": 0.0,
        "spans_sc_r": 0.0,
        "spans_sc_nested_r": None,
        "spans_sc_per_type": None,
    },
)
def make_binder_ner(
    nlp: Language,
    name: str,
    model: Model,
    spans_key: str,
    threshold: float,
    thresholds: dict[str, float],
    allow_overlap: bool,
    joint_inference: bool,
    annotate_ents: bool,
    window_merge: str,
    repeat_weight: float,
    sample_descriptions: bool,
    loss_weights: dict[str, float],
    scorer: Optional[Callable],
) -> BinderNER:
    """Construct a BinderNER component. It finds nested or flat named entities by the similarity of spans with types.

    model (Model): The bi-encoder, like `spacy_binder.Binder.v1`.
    spans_key (str): Key of doc.spans that gold spans are read from and predictions are written to. Defaults to "sc".
    threshold (float): The score that a span has to exceed. Defaults to 0.5, the paper's rule. A lower one finds more.
    thresholds (dict): Thresholds of labels that have their own. `threshold` does not apply to them. Defaults to none.
    allow_overlap (bool): Whether spans may nest and overlap, as they may by default. If not, the best ones are kept.
    joint_inference (bool): Whether a span's start and end have to beat their thresholds too. Defaults to False.
    annotate_ents (bool): Whether the best spans without overlap also go to doc.ents, around the entities that are
        already there. Defaults to False.
    window_merge (str): Who judges a span that several windows see: "best_context", the default (the window that gives
        it the most context), or "union" (any of them, as in the published code).
    repeat_weight (float): How much a span's margin is raised towards the best one of the same words and type in the
        doc, from 0 (the paper, and the default) to 1. So names that are clear in one place are found in others.
    sample_descriptions (bool): Whether an update learns from one description of each label that has several, drawn
        anew each time, and not from their mean. So a pipeline learns that a type may be described in many ways.
        Defaults to False.
    loss_weights (dict): Weights of the loss: start, end and span; gold and threshold terms.
    scorer (Callable, optional): The scoring method.
    RETURNS (BinderNER): The component.
    """
    check_keys(name, "thresholds", thresholds)
    return BinderNER(
        nlp.vocab,
        model,
        name,
        spans_key=spans_key,
        threshold=threshold,
        thresholds=thresholds,
        allow_overlap=allow_overlap,
        joint_inference=joint_inference,
        annotate_ents=annotate_ents,
        window_merge=window_merge,
        repeat_weight=repeat_weight,
        sample_descriptions=sample_descriptions,
        loss_weights=loss_weights,
        scorer=scorer,
    )
