"""Sentences with gold spans above predicted ones, drawn by displaCy."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from markupsafe import Markup, escape
from spacy import displacy

from ..docs import Entity, EvaluatedDoc
from ..mistakes import Mistake, pair_mistakes


def worst_sentences(
    docs: Sequence[EvaluatedDoc], colors: Mapping[str, str], most: int
) -> tuple[list[dict[str, Any]], int]:
    """Draw sentences, those with most mistakes first.

    docs (Sequence[EvaluatedDoc]): The docs.
    colors (Mapping[str, str]): One color per label.
    most (int): The maximum number of sentences to draw.
    RETURNS (tuple[list[dict], int]): Doc, number, mistakes and drawings of each sentence, and the number of all
        sentences.
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
            "number": f"{i + 1}.{j + 1}",
            "mistakes": mistakes,
            "drawn": {
                "gold": _draw(docs[i], docs[i].sentences[j], docs[i].gold, colors),
                "predicted": _draw(docs[i], docs[i].sentences[j], docs[i].predicted, colors),
            },
        }
        for _, i, j, mistakes in rows[:most]
    ]
    return sentences, len(rows)


def _draw(doc: EvaluatedDoc, sentence: tuple[int, int], spans: Iterable[Entity], colors: Mapping[str, str]) -> Markup:
    first, end = sentence
    start_char, end_char = doc.tokens[first][0], doc.tokens[end - 1][1]
    drawn = []
    # Most spans of a long doc are in other sentences.
    for span in sorted(span for span in spans if span.start < end_char and start_char < span.end):
        span_start, span_end = doc.tokens_of(span)
        if first <= span_start < end:
            # displaCy escapes the tokens, but not the labels.
            place = {"start_token": span_start - first, "end_token": min(span_end, end) - first}
            drawn.append({**place, "label": str(escape(span.label))})
    tokens = [doc.text[a:b] for a, b in doc.tokens[first:end]]
    parsed = {"text": " ".join(tokens), "tokens": tokens, "spans": drawn}
    options = {"colors": {str(escape(label)): color for label, color in colors.items()}}
    return Markup(displacy.render(parsed, style="span", manual=True, options=options, jupyter=False))
