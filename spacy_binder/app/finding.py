"""Find the spans of types that a user described. Sessions share a pipeline, but not their types."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

from spacy.language import Language

from ..analysis.component import get_component
from ..descriptions import show_words
from ..pipeline import BinderNER
from ..spans.decoding import Candidates, filter_margins
from ..spans.margins import margin_limits, published_scores
from .given import EntityType

# The lowest threshold. Words that the pipeline was not trained with often have such low scores.
LOWEST = 0.01
# One search at a time: several would slow down each other, and need more memory.
SEARCHING = Lock()


class FoundSpan(NamedTuple):
    """A span that the pipeline found.

    start, end (int): Its first character, and the one after its last.
    label (str): Its label.
    score (float): Its score, from 0 to 1.
    """

    start: int
    end: int
    label: str
    score: float


@dataclass
class Searched:
    """The result of a search.

    offsets (list[tuple[int, int]]): First character and end of each token.
    candidates (Candidates): The spans that beat the threshold of the search.
    cfg (dict): The settings of the search.
    messages (list[str]): Warnings of the pipeline.
    is_whole (bool): Whether a search with a higher threshold would find nothing else.
    """

    offsets: list[tuple[int, int]]
    candidates: Candidates
    cfg: dict[str, Any]
    messages: list[str]
    is_whole: bool

    def spans(self, threshold: float) -> list[FoundSpan]:
        """RETURNS (list[FoundSpan]): What the pipeline publishes with a threshold, in document order."""
        labels = tuple(self.cfg["labels"])
        limits = margin_limits({**self.cfg, "threshold": threshold}, labels)
        found = filter_margins(self.candidates, limits, allow_overlap=self.cfg["allow_overlap"])
        scores = published_scores(found.margin, self.cfg["calibration"])
        columns = (found.start.tolist(), found.end.tolist(), found.label.tolist(), scores.tolist())
        return [
            FoundSpan(self.offsets[start][0], self.offsets[end - 1][1], labels[label], score)
            for start, end, label, score in zip(*columns, strict=True)
        ]


def types_of(pipe: BinderNER) -> list[EntityType]:
    """RETURNS (list[EntityType]): The types of a component."""
    thresholds = pipe.cfg["thresholds"]
    return [EntityType(label, show_words(value), thresholds.get(label)) for label, value in pipe.label_data.items()]


def with_types(nlp: Language, name: str, types: Sequence[EntityType]) -> BinderNER:
    """Make a component with other types. It shares the weights, and the pipeline's own component stays as it is.

    nlp (Language): The pipeline.
    name (str): Its component.
    types (Sequence[EntityType]): The types.
    RETURNS (BinderNER): The component. It is in no pipeline.
    """
    shared = get_component(nlp, name)
    known = {type_.label: type_.description for type_ in types_of(shared)}
    labels = {
        type_.label: None if known.get(type_.label) == type_.description else type_.description for type_ in types
    }
    pipe = shared.with_options(labels)
    pipe.cfg["thresholds"] = {type_.label: type_.threshold for type_ in types if type_.threshold is not None}
    # Each search has warnings and counts of its own.
    pipe._warned, pipe._compared, pipe._counts = set(), set(), Counter()
    return pipe


class Finder:
    """Finds spans for one session. It runs the encoder only if the text or the types have changed."""

    def __init__(self, nlp: Language, name: str) -> None:
        """
        nlp (Language): The pipeline, which other sessions may use at the same time.
        name (str): Its component.
        """
        self.nlp = nlp
        self.name = name
        # How often the encoder was run.
        self.n_searches = 0
        self._last: dict[Any, Searched] = {}

    def find(self, text: str, types: Sequence[EntityType], threshold: float) -> tuple[list[FoundSpan], list[str]]:
        """Find the spans of a text.

        text (str): The text.
        types (Sequence[EntityType]): The types.
        threshold (float): The score that a span has to exceed, unless its type has a threshold of its own.
        RETURNS (tuple[list[FoundSpan], list[str]]): The spans, in document order, and warnings of the pipeline.
        """
        key = (text, tuple(types))
        is_joint = get_component(self.nlp, self.name).cfg["joint_inference"]
        # Spans that beat a higher threshold are among those that beat the lowest one.
        # In joint inference the threshold also applies to starts and ends, whose scores are not in the result.
        lowest = threshold if is_joint else min(LOWEST, threshold)
        searched = self._search(key, lowest)
        if not searched.is_whole and lowest < threshold:
            searched = self._search(key, threshold)
        return searched.spans(threshold), searched.messages

    def _search(self, key: tuple[str, tuple[EntityType, ...]], threshold: float) -> Searched:
        found = self._last.get((key, threshold))
        if found is None:
            # Of one text and table, at several thresholds.
            self._last = {known: found for known, found in self._last.items() if known[0] == key}
            found = self._last[key, threshold] = self._run(*key, threshold)
        return found

    def _run(self, text: str, types: tuple[EntityType, ...], threshold: float) -> Searched:
        self.n_searches += 1
        place = self.nlp.pipe_names.index(self.name)
        later = self.nlp.pipe_names[place:]
        with SEARCHING, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            pipe = with_types(self.nlp, self.name, types)
            pipe.cfg["threshold"] = threshold
            [doc] = self.nlp.pipe([text], disable=later)
            [candidates] = pipe.predict([doc])
        messages = [str(one.message) for one in caught if str(one.message).startswith("[BW")]
        offsets = [(token.idx, token.idx + len(token)) for token in doc]
        return Searched(offsets, candidates, dict(pipe.cfg), messages, is_whole=not pipe.n_dropped)
