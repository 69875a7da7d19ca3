"""The registered scorer of span groups."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from typing import Any, TypeVar

from spacy.pipeline.spancat import spancat_score
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from .errors import Warnings

OffsetsT = TypeVar("OffsetsT", bound=tuple[int, int, str])


def binder_score(examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
    """Score doc.spans[spans_key] with spancat's scorer, and add the recall of nested gold spans.

    spaCy does not count predicted spans that match no tokens of the reference, which raises precision. Here they
    count as false positives.

    examples (Iterable[Example]): The examples, predicted and gold. A reference doc without the key is left out, so
        docs without spans need an empty group.
    **kwargs: `spans_key`, `allow_overlap` and `labels`, as the component passes them.
    RETURNS (dict): spans_{key}_p, _r, _f and _per_type from 0 to 1, and spans_{key}_nested_r, the recall of gold spans
        that lie inside another one or contain one (None if there are none).
    """
    examples = list(examples)
    key = kwargs["spans_key"]
    scores = spancat_score(examples, **kwargs)
    nested, total, per_type = PRFScore(), PRFScore(), defaultdict(PRFScore)
    n_misaligned = 0
    for example in examples:
        if key not in example.reference.spans:
            continue
        spans = example.predicted.spans.get(key, [])
        n_misaligned += len(spans) - len(example.get_aligned_spans_x2y(spans, True))
        gold, predicted = _offsets(example.reference, key), _offsets(example.predicted, key)
        nested.score_set(predicted, nested_offsets(gold))
        total.score_set(predicted, gold)
        for label in {label for *_, label in gold | predicted}:
            per_type[label].score_set(*({span for span in side if span[2] == label} for side in (predicted, gold)))
    scores[f"spans_{key}_nested_r"] = nested.recall if nested.tp + nested.fn else None
    if n_misaligned:
        warnings.warn(Warnings.BW05.format(n=n_misaligned), stacklevel=2)
        scores |= {f"spans_{key}_{name}": value for name, value in total.to_dict().items()}
        scores[f"spans_{key}_per_type"] = {label: score.to_dict() for label, score in per_type.items()}
    return scores


def make_binder_scorer() -> Callable[..., dict[str, Any]]:
    """RETURNS (Callable): The scorer, `spacy_binder.binder_scorer.v1`."""
    return binder_score


def nested_offsets(spans: Set[OffsetsT]) -> set[OffsetsT]:
    """Find the spans of a text that lie inside another one or contain one. The two must differ in extent.

    spans (Set[tuple]): First character, end and label of each span.
    RETURNS (set[tuple]): The spans that nest.
    """
    nested: set[OffsetsT] = set()
    open_spans: list[OffsetsT] = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        open_spans = [other for other in open_spans if other[1] > span[0]]
        for other in open_spans:
            if other[:2] != span[:2] and other[1] >= span[1]:
                nested.update((other, span))
        open_spans.append(span)
    return nested


def inside_another(doc: Doc, key: str) -> int:
    """RETURNS (int): The number of different spans in a group that lie inside another one of different extent."""
    spans = _offsets(doc, key)
    return sum(any(a[:2] != b[:2] and b[0] <= a[0] and a[1] <= b[1] for b in spans) for a in spans)


def _offsets(doc: Doc, key: str) -> set[tuple[int, int, str]]:
    return {(span.start_char, span.end_char, span.label_) for span in doc.spans.get(key, [])}
