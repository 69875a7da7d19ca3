"""A pipeline's docs, gold beside predicted."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..pipeline import BinderNER
from .component import changed


class Entity(NamedTuple):
    """A span of a text.

    start, end (int): Its first character, and the one after its last.
    label (str): Its label.
    """

    start: int
    end: int
    label: str


@dataclass
class EvaluatedDoc:
    """A text, what is in it and what was found.

    text (str): The text.
    tokens (list[tuple[int, int]]): First character and end of each token of the reference.
    sentences (list[tuple[int, int]]): First token and end of each sentence.
    gold (set[Entity]): Gold spans.
    predicted (dict[Entity, float]): Predicted spans and their scores, in document order.
    candidates (dict[Entity, float]): What a threshold of `FLOOR` would predict.
    """

    text: str
    tokens: list[tuple[int, int]]
    sentences: list[tuple[int, int]]
    gold: set[Entity]
    predicted: dict[Entity, float]
    candidates: dict[Entity, float]

    def to_json(self) -> dict[str, Any]:
        """RETURNS (dict): The text, and its gold and predicted spans, with character offsets, texts and scores."""

        def shown(span: Entity) -> dict[str, Any]:
            return {**span._asdict(), "text": self.text[span.start : span.end]}

        predicted = [{**shown(span), "score": score} for span, score in self.predicted.items()]
        order = sorted(self.gold, key=lambda span: (span.start, -span.end, span.label))
        return {"text": self.text, "gold": [shown(span) for span in order], "predicted": predicted}


def evaluate(nlp: Language, name: str, examples: Sequence[Example]) -> list[EvaluatedDoc]:
    """Annotate docs and set gold beside it. As for the scorer, references without the span group are left out.

    nlp (Language): The pipeline.
    name (str): The component.
    examples (Sequence[Example]): Docs with gold spans.
    RETURNS (list[EvaluatedDoc]): The docs.
    """
    pipe = nlp.get_pipe(name)
    assert isinstance(pipe, BinderNER)
    examples = [example for example in examples if pipe.key in example.reference.spans]
    found = _scored(nlp, pipe.key, examples)
    with changed(pipe, threshold=FLOOR, thresholds={}):
        candidates = _scored(nlp, pipe.key, examples)
    return [
        EvaluatedDoc(
            example.reference.text,
            [(token.idx, token.idx + len(token)) for token in example.reference],
            _sentences(example.reference, doc),
            {Entity(s.start_char, s.end_char, s.label_) for s in example.reference.spans[pipe.key]},
            predicted,
            low,
        )
        for example, (doc, predicted), (_, low) in zip(examples, found, candidates, strict=True)
    ]


def _scored(nlp: Language, key: str, examples: Sequence[Example]) -> list[tuple[Doc, dict[Entity, float]]]:
    scored = []
    for doc in nlp.pipe([without_annotations(example.predicted) for example in examples]):
        group = doc.spans[key]
        spans = [Entity(span.start_char, span.end_char, span.label_) for span in group]
        scored.append((doc, dict(zip(spans, group.attrs["scores"].tolist(), strict=True))))
    return scored


def _sentences(gold: Doc, predicted: Doc) -> list[tuple[int, int]]:
    if gold.has_annotation("SENT_START"):
        return [(sentence.start, sentence.end) for sentence in gold.sents]
    if predicted.has_annotation("SENT_START"):
        spans = [gold.char_span(s.start_char, s.end_char, alignment_mode="expand") for s in predicted.sents]
        starts = sorted({span.start for span in spans if span is not None} | {0})
        return list(zip(starts, [*starts[1:], len(gold)], strict=True))
    return [(0, len(gold))] if len(gold) else []


def length(doc: EvaluatedDoc, span: Entity) -> int:
    """RETURNS (int): How many tokens of the reference a span covers, at least in part."""
    first, end = covered(doc, span)
    return end - first


def covered(doc: EvaluatedDoc, span: Entity) -> tuple[int, int]:
    """RETURNS (tuple[int, int]): The first token that a span covers at least in part, and the end."""
    first = bisect_right(doc.tokens, span.start, key=lambda token: token[1])
    return first, bisect_left(doc.tokens, span.end, key=lambda token: token[0])


def plain(doc: EvaluatedDoc, span: Entity) -> str:
    """RETURNS (str): The text of a span, every run of whitespace as a single space."""
    return " ".join(doc.text[span.start : span.end].split())


def texts_of_spans(docs: Iterable[Doc], key: str) -> set[str]:
    """RETURNS (set[str]): The texts of some docs' spans, every run of whitespace as a single space."""
    return {" ".join(span.text.split()) for doc in docs for span in doc.spans.get(key, [])}


# What scores lower is hardly ever looked at, and there is no end of it.
FLOOR = 0.05


def without_annotations(doc: Doc) -> Doc:
    """RETURNS (Doc): A doc of the same tokens, and nothing else."""
    return Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
