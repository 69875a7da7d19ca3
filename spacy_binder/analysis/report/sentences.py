"""Sentences with gold spans above predicted ones. Spans are drawn as boxes inside each other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from ..docs import Entity, EvaluatedDoc
from ..mistakes import Mistake, pair_mistakes

# A box that has more boxes inside does not get higher.
MAX_HEIGHT = 6


class Box(NamedTuple):
    """A span, or the part of it that fits into the box around it.

    start, end (int): Its characters.
    span (Entity): The whole span.
    """

    start: int
    end: int
    span: Entity


def worst_sentences(
    docs: Sequence[EvaluatedDoc], colors: Mapping[str, str], most: int
) -> tuple[list[dict[str, Any]], int]:
    """Draw sentences, those with most mistakes first.

    docs (Sequence[EvaluatedDoc]): The docs.
    colors (Mapping[str, str]): One color per label.
    most (int): The maximum number of sentences to draw.
    RETURNS (tuple[list[dict], int]): Doc, place in words, mistakes and drawings of each sentence, and the number of
        all sentences.
    """
    rows: list[tuple[int, int, int, list[Mistake]]] = []
    for i, doc in enumerate(docs):
        by_sentence: list[list[Mistake]] = [[] for _ in doc.sentences]
        for mistake in pair_mistakes(doc):
            token, _ = doc.tokens_of(next(span for span in mistake[1:] if span is not None))
            # The sentence that the token is in. Sentences stand in order.
            place = bisect_right(doc.sentences, token, key=itemgetter(0)) - 1
            if place >= 0 and token < doc.sentences[place][1]:
                by_sentence[place].append(mistake)
        rows += [(-len(mistakes), i, j, mistakes) for j, mistakes in enumerate(by_sentence)]
    rows.sort(key=lambda row: row[:3])
    sentences = [
        {
            "doc": docs[i],
            "place": f"document {i + 1}, sentence {j + 1}",
            "mistakes": mistakes,
            "drawn": {
                "gold": draw_spans(docs[i], docs[i].sentences[j], docs[i].gold, docs[i].predicted, colors),
                "predicted": draw_spans(docs[i], docs[i].sentences[j], docs[i].predicted, docs[i].gold, colors),
            },
        }
        for _, i, j, mistakes in rows[:most]
    ]
    return sentences, len(rows)


def draw_spans(
    doc: EvaluatedDoc,
    sentence: tuple[int, int],
    spans: Iterable[Entity],
    others: Iterable[Entity],
    colors: Mapping[str, str],
) -> Markup:
    """Draw the spans of a sentence as boxes.

    doc (EvaluatedDoc): The doc.
    sentence (tuple[int, int]): First token and end of the sentence.
    spans (Iterable[Entity]): Spans of the doc. Those that begin in the sentence are drawn.
    others (Iterable[Entity]): The spans to compare with. A span that is not among them is marked.
    colors (Mapping[str, str]): One color per label.
    RETURNS (Markup): HTML.
    """
    first, end = sentence
    start_char, end_char = int(doc.tokens[first][0]), int(doc.tokens[end - 1][1])
    # Most spans of a long doc are in other sentences.
    boxes = [
        Box(max(span.start, start_char), min(span.end, end_char), span)
        for span in spans
        if span.start < end_char and start_char < span.end and first <= doc.tokens_of(span)[0] < end
    ]
    drawn, height = _draw_boxes(doc, start_char, end_char, boxes, set(others), colors)
    return Markup('<div class="spans" style="--h:{}">{}</div>').format(height, drawn)


def _draw_boxes(
    doc: EvaluatedDoc, start: int, end: int, boxes: list[Box], others: set[Entity], colors: Mapping[str, str]
) -> tuple[Markup, int]:
    """RETURNS (tuple[Markup, int]): The text from start to end with boxes, and how many are inside each other."""
    parts: list[Markup] = []
    most = 0
    left = sorted(boxes, key=lambda box: (box.start, -box.end, box.span))
    while left:
        box, *after = left
        inside = [Box(other.start, min(other.end, box.end), other.span) for other in after if other.start < box.end]
        # The rest of a span that crosses the end of this one is another box. It begins with a word.
        text = doc.text[box.end : end]
        word = end - len(text.lstrip())
        crossing = [Box(word, other.end, other.span) for other in after if other.start < box.end and other.end > word]
        left = [other for other in after if other.start >= box.end] + crossing
        left.sort(key=lambda box: (box.start, -box.end, box.span))
        drawn, height = _draw_boxes(doc, box.start, box.end, inside, others, colors)
        parts += [escape(doc.text[start : box.start]), _draw_box(doc, box, drawn, height, others, colors)]
        start, most = box.end, max(most, height + 1)
    return Markup("").join([*parts, escape(doc.text[start:end])]), min(most, MAX_HEIGHT)


def _draw_box(
    doc: EvaluatedDoc, box: Box, drawn: Markup, height: int, others: set[Entity], colors: Mapping[str, str]
) -> Markup:
    span, differs = box.span, box.span not in others
    before, after = "…" * (box.start > span.start), "…" * (box.end < span.end)
    return Markup('<span class="box{}" style="--c:{};--h:{}">{}<b>{}{}{}{}</b></span>').format(
        " differs" if differs else "", colors[span.label], height, drawn, before, span.label, after, " ✗" * differs
    )
