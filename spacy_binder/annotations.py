"""Write found spans to docs: to doc.spans with their scores, and to doc.ents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
from spacy.tokens import Doc, Span, SpanGroup

from .spans.decoding import Candidates, drop_overlaps, filter_margins
from .spans.margins import margin_limits, published_scores


def annotate(doc: Doc, found: Candidates, cfg: Mapping[str, Any]) -> None:
    """Write the spans of a doc to doc.spans, with `attrs["scores"]`, and to doc.ents if the settings say so.

    doc (Doc): The doc.
    found (Candidates): Its spans, sorted.
    cfg (Mapping): The settings of the component.
    """
    key = cfg["spans_key"]
    found = filter_margins(found, margin_limits(cfg, found.labels), allow_overlap=cfg["allow_overlap"])
    scores = published_scores(found.margin, cfg["calibration"])
    doc.spans[key] = SpanGroup(doc, name=key, spans=_make_spans(doc, found), attrs={"scores": scores})
    if cfg["annotate_ents"]:
        _add_ents(doc, found)


def _add_ents(doc: Doc, found: Candidates) -> None:
    """Set the best spans without overlap as entities. Entities that are there stay, and so do blocked tokens."""
    iob, kind = doc.to_array(["ENT_IOB", "ENT_TYPE"]).T if len(doc) else numpy.zeros((2, 0))
    is_taken = (iob == 1) | (iob == 3)
    blocked = [doc[i : i + 1] for i in numpy.flatnonzero((iob == 3) & (kind == 0)).tolist()]
    doc.set_ents([*doc.ents, *_make_spans(doc, drop_overlaps(found, is_taken))], blocked=blocked)


def _make_spans(doc: Doc, found: Candidates) -> list[Span]:
    columns = zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), strict=True)
    return [Span(doc, start, end, label=found.labels[label]) for start, end, label in columns]
