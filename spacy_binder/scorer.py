"""The registered scorer of span groups."""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from itertools import accumulate
from typing import Any, TypeVar

from spacy.language import Language
from spacy.pipeline.spancat import spancat_score
from spacy.scorer import PRFScore
from spacy.tokens import Doc, Span
from spacy.training import Example

from .errors import Errors, Warnings
from .gold import GoldCounts, annotated_labels, judged_labels

OffsetsT = TypeVar("OffsetsT", bound=tuple[int, int, str])


def binder_score(examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
    """Score doc.spans[spans_key] with spancat's scorer, and add the recall of nested gold spans.

    spaCy does not count predicted spans that match no tokens of the reference, which raises precision. Here they
    count as false positives. Predictions of a type that was not annotated in a doc count for nothing. So do gold spans
    of a type that the doc describes itself and the component doesn't know.

    examples (Iterable[Example]): The examples, predicted and gold. A reference doc without the key is left out, so
        docs without spans need an empty group.
    **kwargs: `spans_key`, `allow_overlap` and `labels`, as the component passes them.
    RETURNS (dict): spans_{key}_p, _r, _f and _per_type from 0 to 1, and spans_{key}_nested_r, the recall of gold spans
        that lie inside another one or contain one (None if there are none).
    """
    examples = list(examples)
    key = kwargs["spans_key"]
    # The scorer asks for the spans of one doc at a time, so what is judged is kept by the doc.
    annotated: dict[int, Collection[str] | None] = {}
    for example in examples:
        known = kwargs.get("labels")
        gold = example.reference
        judged_types = annotated_labels(gold, key) if known is None else judged_labels(gold, key, known)
        annotated[id(example.predicted)] = annotated[id(gold)] = judged_types

    def judged(doc: Doc, _: str = "") -> Sequence[Span]:
        labels = annotated.get(id(doc))
        spans = doc.spans.get(key, [])
        return spans if labels is None else [span for span in spans if span.label_ in labels]

    scores = spancat_score(examples, **kwargs, getter=judged)
    nested, total, per_type = PRFScore(), PRFScore(), defaultdict(PRFScore)
    n_misaligned = 0
    for example in examples:
        if key not in example.reference.spans:
            continue
        spans = judged(example.predicted)
        n_misaligned += len(spans) - len(example.get_aligned_spans_x2y(spans, True))
        gold, predicted = _offsets(judged(example.reference)), _offsets(spans)
        nested.score_set(predicted, nested_offsets(gold))
        total.score_set(predicted, gold)
        by_label = (_by_label(predicted), _by_label(gold))
        for label in {*by_label[0], *by_label[1]}:
            per_type[label].score_set(*(side.get(label, set()) for side in by_label))
    scores[f"spans_{key}_nested_r"] = nested.recall if nested.tp + nested.fn else None
    if n_misaligned:
        warnings.warn(Warnings.BW05.format(n=n_misaligned), stacklevel=2)
        scores |= {f"spans_{key}_{name}": value for name, value in total.to_dict().items()}
        scores[f"spans_{key}_per_type"] = {label: score.to_dict() for label, score in per_type.items()}
    return scores


class BinderScorer:
    """`binder_score`, with a warning where there is nothing to find. One object scores one component."""

    def __init__(self) -> None:
        """Start without a warning given."""
        self.has_warned = False

    def __call__(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score examples as `binder_score`. The first time that they have no gold span, warn.

        examples (Iterable[Example]): The examples, predicted and gold.
        **kwargs: `spans_key`, `allow_overlap` and `labels`, as the component passes them.
        RETURNS (dict): The scores.
        """
        examples = list(examples)
        if not self.has_warned:
            key, labels = kwargs["spans_key"], kwargs.get("labels")
            gold = GoldCounts(key, (example.reference for example in examples))
            if not any(gold.labels[label] for label in (gold.labels if labels is None else labels)):
                self.has_warned = True
                message = Warnings.BW10.format(key=key, found=gold.found(), advice=gold.advice())
                warnings.warn(message, stacklevel=2)
        return binder_score(examples, **kwargs)


def make_binder_scorer() -> Callable[..., dict[str, Any]]:
    """RETURNS (Callable): The scorer, `spacy_binder.binder_scorer.v1`."""
    return BinderScorer()


def nested_offsets(spans: Set[OffsetsT]) -> set[OffsetsT]:
    """Find the spans of a text that lie inside another one or contain one. The two must differ in extent.

    spans (Set[tuple]): First character, end and label of each span.
    RETURNS (set[tuple]): The spans that nest.
    """
    inside, outside = _nesting(spans)
    return {span for span in spans if span[:2] in inside or span[:2] in outside}


def inside_another(doc: Doc, key: str) -> int:
    """RETURNS (int): The number of different spans in a group that lie inside another one of different extent."""
    spans = _offsets(doc.spans.get(key, []))
    inside, _ = _nesting(spans)
    return sum(span[:2] in inside for span in spans)


def _nesting(spans: Set[OffsetsT]) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """RETURNS (tuple): The extents that lie inside another one, and those that contain another one."""
    # A span that contains another one comes before it.
    extents = sorted({span[:2] for span in spans}, key=lambda extent: (extent[0], -extent[1]))
    ends = [end for _, end in extents]
    last_before = [*accumulate(ends, max, initial=-1)][:-1]
    first_after = [*accumulate(reversed(ends), min, initial=sys.maxsize)][-2::-1]
    inside = {extent for extent, end in zip(extents, last_before, strict=True) if extent[1] <= end}
    outside = {extent for extent, end in zip(extents, first_after, strict=True) if end <= extent[1]}
    return inside, outside


def _by_label(spans: Set[OffsetsT]) -> dict[str, set[OffsetsT]]:
    found: defaultdict[str, set[OffsetsT]] = defaultdict(set)
    for span in spans:
        found[span[2]].add(span)
    return found


def _offsets(spans: Iterable[Span]) -> set[tuple[int, int, str]]:
    return {(span.start_char, span.end_char, span.label_) for span in spans}


def check_score_weights(nlp: Language, spans_key: str, name: str) -> None:
    """Check that a score weight names the spans key, so that `spacy train` finds the best checkpoint.

    nlp (Language): The pipeline.
    spans_key (str): The spans key of the component.
    name (str): Name of the component.
    RAISES (ValueError): If there is no such weight, and the pipeline's config has a corpus.
    """
    weights = nlp.config["training"]["score_weights"]
    if any(weight for score, weight in weights.items() if score.startswith(f"spans_{spans_key}_")):
        return
    if any(weight for score, weight in weights.items() if not score.startswith("spans_sc_")):
        return
    if has_corpus(nlp):
        raise ValueError(Errors.B004.format(key=spans_key, name=name))
    warnings.warn(Warnings.BW02.format(key=spans_key, name=name), stacklevel=4)


def has_corpus(nlp: Language) -> bool:
    """RETURNS (bool): Whether the pipeline's config has a corpus, as one for `spacy train` does."""
    corpora = nlp.config.interpolate()["corpora"].values()
    return any(isinstance(corpus, dict) and corpus.get("path", "@readers" in corpus) for corpus in corpora)
