"""Run a pipeline once over annotated docs, and keep gold and predicted spans as plain data."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..errors import Warnings
from ..gold import judged_labels
from ..pipeline import MAX_SPANS_PER_WORD, BinderNER
from ..spans.decoding import Candidates, filter_margins
from ..spans.margins import margin_limits, published_scores
from ..text.arrays import Ints2d
from .component import changed, get_component
from .reading import read_examples

# Spans with lower scores are far too many, and hardly ever of interest.
FLOOR = 0.05
# Docs hold tensors while they are run. Only as many docs as have these words are in memory.
BATCH_WORDS = 20_000


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
    tokens (Ints2d): First character and end of each token of the reference, shape (T, 2).
    sentences (list[tuple[int, int]]): First token and end of each sentence.
    gold (set[Entity]): Gold spans.
    predicted (dict[Entity, float]): Predicted spans and their scores, in document order.
    candidates (dict[Entity, float]): Spans that the component would publish with a threshold of `FLOOR`, and their
        scores, in document order.
    margins (list[float]): Margin of each candidate: its logit minus the logit of its threshold.
    """

    text: str
    tokens: Sequence[tuple[int, int]] | Ints2d
    sentences: list[tuple[int, int]]
    gold: set[Entity]
    predicted: dict[Entity, float]
    candidates: dict[Entity, float]
    margins: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A list would be as large as the doc.
        self.tokens = numpy.array(self.tokens, dtype="int32").reshape(-1, 2)

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


class LeftOut:
    """What the figures of an evaluation do not show.

    docs (int): Docs without the span group.
    labels (Counter): Gold spans by label, for labels that the component does not know.
    candidates (int): Candidates that the component found, but did not keep.
    not_annotated (int): Predicted spans of types that were not annotated in their doc.
    described (int): Gold spans of types that only their doc knows, because it describes them itself.
    """

    def __init__(self) -> None:
        self.docs = 0
        self.labels: Counter[str] = Counter()
        self.candidates = 0
        self.not_annotated = 0
        self.described = 0

    def messages(self, pipe: BinderNER, path: Path, floor: float = FLOOR) -> Iterator[str]:
        """YIELDS (str): A sentence about each kind of what was left out of a file's figures."""
        if self.docs:
            found = f"{path}: {self.docs:,} documents have no span group '{pipe.key}' and are left out."
            yield f"{found} Give them an empty group if they have no spans."
        if self.labels:
            counts = ", ".join(f"{label} ({n:,})" for label, n in self.labels.most_common())
            yield f"{path}: gold spans with labels that the component does not know count as missed: {counts}."
        if self.not_annotated:
            yield f"{path}: {self.not_annotated:,} predicted spans of types that were not annotated are left out."
        if self.described:
            yield f"{path}: {self.described:,} gold spans of types that only their document describes are left out."
        if self.candidates:
            yield Warnings.BW11.format(path=path, n=self.candidates, floor=floor, cap=MAX_SPANS_PER_WORD)


def evaluate(
    nlp: Language,
    name: str,
    examples: Iterable[Example],
    floor: float = FLOOR,
    left_out: LeftOut | None = None,
) -> Iterator[EvaluatedDoc]:
    """Run a pipeline once over annotated docs, batch by batch. A doc whose reference has no span group is left out.

    nlp (Language): The pipeline.
    name (str): The component.
    examples (Iterable[Example]): Docs with gold spans.
    floor (float): The threshold of candidates, from 0 to 1.
    left_out (LeftOut, optional): Counts what the docs do not show.
    YIELDS (EvaluatedDoc): The docs. Predicted spans and scores are exactly those of `nlp.pipe`, without those of types
        that were not annotated in the doc.
    """
    pipe = get_component(nlp, name)
    place = nlp.pipe_names.index(name)
    before, after = nlp.pipe_names[:place], nlp.pipe_names[place + 1 :]
    left_out = LeftOut() if left_out is None else left_out
    for batch in _batches(_annotated(examples, pipe, left_out), nlp.batch_size):
        docs = list(nlp.pipe([_without_annotations(eg.predicted) for eg in batch], disable=[name, *after]))
        found = _annotate(pipe, docs, floor, left_out)
        # Read now: later components may change a doc's tokens.
        spans = [_entities(doc, of_doc, pipe.labels) for doc, of_doc in zip(docs, found, strict=True)]
        docs = nlp.pipe(docs, disable=[*before, name])
        for example, doc, entities, of_doc in zip(batch, docs, spans, found, strict=True):
            gold, group = example.reference, doc.spans[pipe.key]
            scores = published_scores(of_doc.margin, pipe.cfg["calibration"])
            labels = judged_labels(gold, pipe.key, pipe.labels)
            judged = [labels is None or entity.label in labels for entity in entities]
            predicted = dict(zip(map(_entity, group), group.attrs["scores"].tolist(), strict=True))
            if labels is not None:
                n_predicted = len(predicted)
                predicted = {span: score for span, score in predicted.items() if span.label in labels}
                left_out.not_annotated += n_predicted - len(predicted)
            yield EvaluatedDoc(
                text=gold.text,
                tokens=[(token.idx, token.idx + len(token)) for token in gold],
                sentences=_sentences(gold, doc),
                gold={_entity(span) for span in gold.spans[pipe.key] if labels is None or span.label_ in labels},
                predicted=predicted,
                candidates=dict(compress(zip(entities, scores.tolist(), strict=True), judged)),
                margins=list(compress(of_doc.margin.tolist(), judged)),
            )


def evaluate_file(
    nlp: Language, name: str, path: Path, floor: float = FLOOR, left_out: LeftOut | None = None
) -> Iterator[EvaluatedDoc]:
    """Run a pipeline once over the docs of a DocBin. A doc without the span group is left out.

    nlp (Language): The pipeline.
    name (str): The component.
    path (Path): A DocBin with gold spans, or a folder of them.
    floor (float): The threshold of candidates, from 0 to 1.
    left_out (LeftOut, optional): Counts what the docs do not show.
    RETURNS (Iterator[EvaluatedDoc]): The docs.
    RAISES (ValueError): If a file is no DocBin, or no gold span has a label that the component knows.
    """
    return evaluate(nlp, name, read_examples(nlp, name, path), floor, left_out)


def texts_of_spans(docs: Iterable[Doc], key: str) -> set[str]:
    """RETURNS (set[str]): The texts of some docs' spans. Each run of whitespace becomes a single space."""
    return {" ".join(span.text.split()) for doc in docs for span in doc.spans.get(key, [])}


def _annotated(examples: Iterable[Example], pipe: BinderNER, left_out: LeftOut) -> Iterator[Example]:
    """YIELDS (Example): The docs with the span group. The others are counted."""
    for example in examples:
        group = example.reference.spans.get(pipe.key)
        if group is None:
            left_out.docs += 1
            continue
        labels = judged_labels(example.reference, pipe.key, pipe.labels)
        unknown = [span.label_ for span in group if span.label_ not in pipe.labels]
        missed = [label for label in unknown if labels is None or label in labels]
        left_out.labels.update(missed)
        left_out.described += len(unknown) - len(missed)
        yield example


def _batches(examples: Iterable[Example], most_docs: int) -> Iterator[list[Example]]:
    """YIELDS (list[Example]): Docs in their order. A batch ends at a number of docs, or of words."""
    batch: list[Example] = []
    n_words = 0
    for example in examples:
        batch.append(example)
        n_words += len(example.predicted)
        if len(batch) >= most_docs or n_words >= BATCH_WORDS:
            yield batch
            batch, n_words = [], 0
    if batch:
        yield batch


def _annotate(pipe: BinderNER, docs: list[Doc], floor: float, left_out: LeftOut) -> list[Candidates]:
    """Let a component annotate docs.

    RETURNS (list[Candidates]): What it would publish in each doc with a threshold of `floor` for all labels.
    """
    cfg = pipe.cfg
    # One search finds both, if it goes as low as the lower threshold of each label. Joint inference also applies the
    # thresholds to starts and ends, whose margins are not among the results: it has to search twice.
    joint = cfg["joint_inference"]
    lowest = (
        {} if joint else {label: min(floor, cfg["thresholds"].get(label, cfg["threshold"])) for label in pipe.labels}
    )
    n_dropped = pipe.n_dropped
    with changed(pipe, threshold=floor, thresholds=lowest):
        found = pipe.predict(docs)
    n_dropped = pipe.n_dropped - n_dropped
    left_out.candidates += n_dropped
    # A search with higher thresholds may keep spans that this one dropped.
    pipe.set_annotations(docs, pipe.predict(docs) if joint or n_dropped else found)
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
