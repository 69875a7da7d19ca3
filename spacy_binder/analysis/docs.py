"""Run a pipeline once over annotated docs, and keep gold and predicted spans as plain data."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example
from spacy.util import minibatch

from ..errors import Errors
from ..pipeline import BinderNER
from ..spans.decoding import Candidates, filter_margins
from ..spans.margins import margin_limits, published_scores
from .component import changed, get_component

# Spans with lower scores are far too many, and hardly ever of interest.
FLOOR = 0.05


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
    """A text with its gold and predicted spans.

    text (str): The text.
    tokens (list[tuple[int, int]]): First character and end of each token of the reference.
    sentences (list[tuple[int, int]]): First token and end of each sentence.
    gold (set[Entity]): Gold spans.
    predicted (dict[Entity, float]): Predicted spans and their scores, in document order.
    candidates (dict[Entity, float]): Spans that the component would publish with a threshold of `FLOOR`, and their
        scores, in document order.
    margins (list[float]): Margin of each candidate: its logit minus the logit of its threshold.
    """

    text: str
    tokens: list[tuple[int, int]]
    sentences: list[tuple[int, int]]
    gold: set[Entity]
    predicted: dict[Entity, float]
    candidates: dict[Entity, float]
    margins: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """RETURNS (dict): The text, and its gold and predicted spans with character offsets, texts and scores."""

        def shown(span: Entity) -> dict[str, Any]:
            return {**span._asdict(), "text": self.text[span.start : span.end]}

        predicted = [{**shown(span), "score": score} for span, score in self.predicted.items()]
        order = sorted(self.gold, key=lambda span: (span.start, -span.end, span.label))
        return {"text": self.text, "gold": [shown(span) for span in order], "predicted": predicted}

    def text_of(self, span: Entity) -> str:
        """RETURNS (str): The text of a span. Each run of whitespace becomes a single space."""
        return " ".join(self.text[span.start : span.end].split())

    def tokens_of(self, span: Entity) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): The first token that a span covers at least in part, and the end."""
        first = bisect_right(self.tokens, span.start, key=lambda token: token[1])
        return first, bisect_left(self.tokens, span.end, key=lambda token: token[0])

    def length(self, span: Entity) -> int:
        """RETURNS (int): How many tokens of the reference a span covers at least in part."""
        first, end = self.tokens_of(span)
        return end - first


def evaluate(nlp: Language, name: str, examples: Iterable[Example], floor: float = FLOOR) -> Iterator[EvaluatedDoc]:
    """Run a pipeline once over annotated docs, batch by batch. A doc whose reference has no span group is left out.

    nlp (Language): The pipeline.
    name (str): The component.
    examples (Iterable[Example]): Docs with gold spans.
    floor (float): The threshold of candidates, from 0 to 1.
    YIELDS (EvaluatedDoc): The docs. Predicted spans and scores are exactly those of `nlp.pipe`.
    """
    pipe = get_component(nlp, name)
    place = nlp.pipe_names.index(name)
    before, after = nlp.pipe_names[:place], nlp.pipe_names[place + 1 :]
    annotated = (example for example in examples if pipe.key in example.reference.spans)
    for batch in minibatch(annotated, nlp.batch_size):
        docs = list(nlp.pipe([_without_annotations(eg.predicted) for eg in batch], disable=[name, *after]))
        found = _annotate(pipe, docs, floor)
        # Read now: later components may change a doc's tokens.
        spans = [_entities(doc, of_doc, pipe.labels) for doc, of_doc in zip(docs, found, strict=True)]
        docs = nlp.pipe(docs, disable=[*before, name])
        for example, doc, entities, of_doc in zip(batch, docs, spans, found, strict=True):
            gold, group = example.reference, doc.spans[pipe.key]
            scores = published_scores(of_doc.margin, pipe.cfg["calibration"])
            yield EvaluatedDoc(
                text=gold.text,
                tokens=[(token.idx, token.idx + len(token)) for token in gold],
                sentences=_sentences(gold, doc),
                gold={_entity(span) for span in gold.spans[pipe.key]},
                predicted=dict(zip(map(_entity, group), group.attrs["scores"].tolist(), strict=True)),
                candidates=dict(zip(entities, scores.tolist(), strict=True)),
                margins=of_doc.margin.tolist(),
            )


def evaluate_file(nlp: Language, name: str, path: Path, floor: float = FLOOR) -> list[EvaluatedDoc]:
    """Run a pipeline once over the docs of a DocBin. A doc without the span group is left out.

    nlp (Language): The pipeline.
    name (str): The component.
    path (Path): DocBin with gold spans.
    floor (float): The threshold of candidates, from 0 to 1.
    RETURNS (list[EvaluatedDoc]): The docs.
    RAISES (ValueError): If no doc has the span group.
    """
    docs = list(evaluate(nlp, name, Corpus(path)(nlp), floor))
    if not docs:
        raise ValueError(Errors.B026.format(path=path, key=get_component(nlp, name).key, name=name))
    return docs


def texts_of_spans(docs: Iterable[Doc], key: str) -> set[str]:
    """RETURNS (set[str]): The texts of some docs' spans. Each run of whitespace becomes a single space."""
    return {" ".join(span.text.split()) for doc in docs for span in doc.spans.get(key, [])}


def _annotate(pipe: BinderNER, docs: list[Doc], floor: float) -> list[Candidates]:
    """Let a component annotate docs.

    RETURNS (list[Candidates]): What it would publish in each doc with a threshold of `floor` for all labels.
    """
    cfg = pipe.cfg
    # One search finds both, if it goes as low as the lower threshold of each label. Joint inference also applies the
    # thresholds to starts and ends, whose margins are not among the results: it has to search twice.
    twice = cfg["joint_inference"]
    lowest = (
        {} if twice else {label: min(floor, cfg["thresholds"].get(label, cfg["threshold"])) for label in pipe.labels}
    )
    with changed(pipe, threshold=floor, thresholds=lowest):
        found = pipe.predict(docs)
    pipe.set_annotations(docs, pipe.predict(docs) if twice else found)
    limits = margin_limits({**cfg, "threshold": floor, "thresholds": {}}, pipe.labels)
    return [filter_margins(of_doc, limits, allow_overlap=cfg["allow_overlap"]) for of_doc in found]


def _entities(doc: Doc, found: Candidates, labels: tuple[str, ...]) -> list[Entity]:
    columns = zip(found.start.tolist(), found.end.tolist(), found.label.tolist(), strict=True)
    return [_entity(Span(doc, start, end, label=labels[label])) for start, end, label in columns]


def _entity(span: Span) -> Entity:
    return Entity(span.start_char, span.end_char, span.label_)


def _sentences(gold: Doc, predicted: Doc) -> list[tuple[int, int]]:
    if gold.has_annotation("SENT_START"):
        return [(sentence.start, sentence.end) for sentence in gold.sents]
    if predicted.has_annotation("SENT_START"):
        spans = [gold.char_span(s.start_char, s.end_char, alignment_mode="expand") for s in predicted.sents]
        starts = sorted({span.start for span in spans if span is not None} | {0})
        return list(zip(starts, [*starts[1:], len(gold)], strict=True))
    return [(0, len(gold))] if len(gold) else []


def _without_annotations(doc: Doc) -> Doc:
    return Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
