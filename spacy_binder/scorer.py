"""The registered scorer of span groups."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from typing import Any, TypeVar

from spacy.pipeline.spancat import spancat_score
from spacy.scorer import PRFScore
from spacy.tokens import Doc, Span
from spacy.training import Example

from .errors import Warnings

OffsetsT = TypeVar("OffsetsT", bound=tuple[int, int, str])


def binder_score(examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
    """Score doc.spans[spans_key] as spancat's scorer does, and add the recall of nested gold spans.

    spaCy leaves predicted spans out of the count that match no tokens of the reference, which flatters
    precision: they are counted here as the false positives they are.

    examples (Iterable[Example]): The examples, predicted and gold. A reference doc without the key is
        left out: give docs without spans an empty group.
    **kwargs: `spans_key`, `allow_overlap` and `labels`, as the component hands them over.
    RETURNS (dict): spans_{key}_p, _r, _f, _per_type as percentages of 1, and spans_{key}_nested_r, the
        recall of gold spans that lie inside or hold another one (None if there are none).
    """
    examples = list(examples)
    key = kwargs["spans_key"]
    scores = spancat_score(examples, **kwargs)
    scored = [example for example in examples if key in example.reference.spans]
    misaligned = nested = found = 0
    for example in scored:
        predicted = list(example.predicted.spans.get(key, []))
        misaligned += len(predicted) - len(example.get_aligned_spans_x2y(predicted, True))
        inner = nested_spans(example.reference.spans[key])
        nested += len(inner)
        found += len(inner & {_offsets(span) for span in predicted})
    scores[f"spans_{key}_nested_r"] = found / nested if nested else None
    if misaligned:
        warnings.warn(Warnings.BW05.format(n=misaligned), stacklevel=2)
        total, per_type = PRFScore(), defaultdict(PRFScore)
        for example in scored:
            gold = {_offsets(span) for span in example.reference.spans[key]}
            found = {_offsets(span) for span in example.predicted.spans.get(key, [])}
            total.score_set(found, gold)
            for label in {span[2] for span in gold | found}:
                per_type[label].score_set(*({s for s in spans if s[2] == label} for spans in (found, gold)))
        scores[f"spans_{key}_p"] = total.precision
        scores[f"spans_{key}_r"] = total.recall
        scores[f"spans_{key}_f"] = total.fscore
        scores[f"spans_{key}_per_type"] = {label: score.to_dict() for label, score in per_type.items()}
    return scores


def make_binder_scorer() -> Callable[..., dict[str, Any]]:
    """RETURNS (Callable): The scorer, `spacy_binder.binder_scorer.v1`."""
    return binder_score


def _offsets(span: Span) -> tuple[int, int, str]:
    return span.start_char, span.end_char, span.label_


def nested_spans(spans: Iterable[Span]) -> set[tuple[int, int, str]]:
    """The spans of one doc that lie inside or hold another one of other extent.

    spans (Iterable[Span]): The spans.
    RETURNS (set): First character, end and label of each.
    """
    return nested_offsets({_offsets(span) for span in spans})


def nested_offsets(spans: Set[OffsetsT]) -> set[OffsetsT]:
    """The same for first character, end and label of the spans.

    spans (Set[tuple]): First character, end and label of each.
    RETURNS (set[tuple]): Those that lie inside or hold another one of other extent.
    """
    ordered = sorted(spans, key=lambda span: (span[0], -span[1]))
    nested: set[OffsetsT] = set()
    open_spans: list[OffsetsT] = []
    for span in ordered:
        open_spans = [other for other in open_spans if other[1] > span[0]]
        for other in open_spans:
            if other[:2] != span[:2] and other[1] >= span[1]:
                nested.update((other, span))
        open_spans.append(span)
    return nested


def inside_another(doc: Doc, key: str) -> int:
    """RETURNS (int): How many spans of a group lie inside another one of other extent."""
    spans = {_offsets(span) for span in doc.spans.get(key, [])}
    return sum(any(a[:2] != b[:2] and b[0] <= a[0] and a[1] <= b[1] for b in spans) for a in spans)
