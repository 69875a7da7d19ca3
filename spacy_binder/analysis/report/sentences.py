"""Sentences drawn by displaCy, gold spans above predicted ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from spacy import displacy

from ..docs import Entity, EvaluatedDoc, covered
from ..mistakes import pair_mistakes

Mistake = tuple[str, Entity | None, Entity | None]


def sentence_articles(docs: Sequence[EvaluatedDoc], colors: Mapping[str, str], most: int) -> tuple[list[str], int]:
    """Draw sentences, those with most mistakes first.

    docs (Sequence[EvaluatedDoc]): The docs.
    colors (Mapping[str, str]): A color a label.
    most (int): How many sentences to draw.
    RETURNS (tuple[list[str], int]): Pieces of HTML, and how many sentences there are.
    """
    rows: list[tuple[int, int, int, EvaluatedDoc, list[Mistake]]] = []
    for i, doc in enumerate(docs):
        of_sentence: list[list[Mistake]] = [[] for _ in doc.sentences]
        for mistake in pair_mistakes(doc):
            token, _ = covered(doc, next(span for span in mistake[1:] if span is not None))
            for j, (start, end) in enumerate(doc.sentences):
                if start <= token < end:
                    of_sentence[j].append(mistake)
        rows += [(-len(mistakes), i, j, doc, mistakes) for j, mistakes in enumerate(of_sentence)]
    rows.sort(key=lambda row: row[:3])
    return [_article(doc, j, f"{i + 1}.{j + 1}", mistakes, colors) for _, i, j, doc, mistakes in rows[:most]], len(rows)


def _article(doc: EvaluatedDoc, j: int, number: str, mistakes: Sequence[Mistake], colors: Mapping[str, str]) -> str:
    drawn = "".join(
        f'<div class="side"><small>{name}</small>{_draw(doc, doc.sentences[j], sorted(spans), colors)}</div>'
        for name, spans in (("gold", doc.gold), ("predicted", doc.predicted))
    )
    chips = "".join(_chip(doc, *mistake) for mistake in mistakes)
    return (
        f'<article class="{"differs" if mistakes else "agrees"}"><header>{number}</header>{drawn}'
        f"<footer>{chips or '<span class=chip>no difference</span>'}</footer></article>"
    )


def _draw(doc: EvaluatedDoc, sentence: tuple[int, int], spans: Sequence[Entity], colors: Mapping[str, str]) -> str:
    first, end = sentence
    drawn = []
    for span in spans:
        span_start, span_end = covered(doc, span)
        if first <= span_start < end:
            token_span = {"start_token": span_start - first, "end_token": min(span_end, end) - first}
            drawn.append({**token_span, "label": escape(span.label)})
    tokens = [doc.text[a:b] for a, b in doc.tokens[first:end]]
    parsed = {"text": " ".join(tokens), "tokens": tokens, "spans": drawn}
    options = {"colors": {escape(label): color for label, color in colors.items()}}
    return displacy.render(parsed, style="span", manual=True, options=options, jupyter=False)


def _chip(doc: EvaluatedDoc, kind: str, gold: Entity | None, predicted: Entity | None) -> str:
    def named(span: Entity) -> str:
        score = f" {doc.predicted[span]:.2f}" if span in doc.predicted else ""
        return f"{escape(doc.text[span.start : span.end])} <i>{escape(span.label)}</i>{score}"

    if gold is not None and predicted is not None:
        return f'<span class="chip both"><b>{kind}</b> {named(gold)} → {named(predicted)}</span>'
    if gold is not None:
        return f'<span class="chip missed"><b>missed</b> {named(gold)}</span>'
    assert predicted is not None
    return f'<span class="chip wrong"><b>spurious</b> {named(predicted)}</span>'
