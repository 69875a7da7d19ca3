"""Texts → spans as plain data, by a pipeline. It is used by one thread."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional

from spacy.language import Language
from spacy.tokens import Doc

from ..analysis.component import get_component
from ..descriptions import read_words
from ..errors import Errors
from .metrics import ServerMetrics
from .problems import ProblemError, plain

logger = logging.getLogger(__name__)

# Texts of a batch that go through the pipeline together.
TEXTS_PER_STEP = 64
# A text counts as one of a batch for each of them. So batches of long texts don't keep others waiting for long.
CHARACTERS = 1000
# Characters of a message of the pipeline that are repeated.
LONGEST_MESSAGE = 500
SCORE_DIGITS = 6
# The most characters that the spans of an answer have together. Spans that overlap repeat their text.
MAX_CHARACTERS = 10_000_000

SpansT = list[dict[str, Any]]


class Options(NamedTuple):
    """What a request asks for.

    labels (tuple, optional): Each label with its descriptions, or with None if the pipeline describes it. If None, the
        labels of the pipeline.
    threshold (float, optional): The score that spans have to exceed. If None, that of the pipeline.
    """

    labels: Optional[tuple[tuple[str, Optional[tuple[str, ...]]], ...]] = None
    threshold: Optional[float] = None

    def for_component(self) -> dict[str, Any]:
        """RETURNS (dict): The options as `component_cfg` takes them."""
        labels = None if self.labels is None else {label: texts and list(texts) for label, texts in self.labels}
        given = {"labels": labels, "threshold": self.threshold}
        return {name: value for name, value in given.items() if value is not None}


def weigh(text: str) -> int:
    """RETURNS (int): As how many texts of a batch a text counts."""
    return 1 + len(text) // CHARACTERS


def check_size(n_spans: int, most: int, n_characters: int) -> None:
    """Stop if an answer would have more spans, or more characters of spans, than it may.

    RAISES (ProblemError): If so (422).
    """
    for n, limit, what in ((n_spans, most, "spans"), (n_characters, MAX_CHARACTERS, "characters of spans")):
        if n > limit:
            raise ProblemError(422, Errors.B084.format(most=limit, what=what))


class Annotator:
    """Finds spans with a pipeline."""

    def __init__(self, nlp: Language, name: str, *, max_spans: int, metrics: ServerMetrics) -> None:
        """
        nlp (Language): The pipeline.
        name (str): Its `binder_ner`.
        max_spans (int): The most spans per text.
        metrics (ServerMetrics): They count what is done.
        """
        self.nlp = nlp
        self.name = name
        self._max_spans = max_spans
        self._metrics = metrics

    @property
    def labels(self) -> dict[str, dict[str, Any]]:
        """RETURNS (dict): Descriptions, number of examples and threshold of each label of the pipeline."""
        pipe = get_component(self.nlp, self.name)
        found = {}
        for label, value in pipe.label_data.items():
            words = read_words(value)
            threshold = pipe.cfg["thresholds"].get(label, pipe.cfg["threshold"])
            found[label] = {
                "descriptions": list(words.texts),
                "examples": len(words.examples),
                "threshold": threshold,
            }
        return found

    def prepare(self) -> None:
        """Run the pipeline once, so that the first request doesn't wait for its preparations."""
        with self._logged_warnings():
            self._find(Options(), ["A first text."])

    def find(self, options: Options, texts: Sequence[str]) -> list[SpansT]:
        """Find the spans of texts with the same options.

        options (Options): The options.
        texts (Sequence[str]): The texts.
        RETURNS (list): The spans of each text, see `messages.FoundSpan`.
        RAISES (ProblemError): If an option can't have its value, or a text has too many spans.
        """
        with self._metrics.time_batch(len(texts)), self._logged_warnings():
            found = self._find(options, texts)
        # Not before all are done: after an error they come again, one request after the other.
        for n_words, spans in found:
            self._metrics.count_text(n_words, len(spans))
        return [spans for _, spans in found]

    def _find(self, options: Options, texts: Sequence[str]) -> list[tuple[int, SpansT]]:
        """RETURNS (list): The number of words, and the spans, of each text."""
        pipe = get_component(self.nlp, self.name)
        given = options.for_component()
        try:
            pipe.with_options(**given)
        except ValueError as error:
            raise ProblemError(422, plain(str(error), LONGEST_MESSAGE)) from None
        found = []
        failure: Optional[Exception] = None
        # What the vocabulary learns of these texts is forgotten at the end. An error would not end the zone in all
        # versions of spaCy, so it stays inside.
        with self.nlp.memory_zone():
            try:
                for doc in self.nlp.pipe(texts, batch_size=TEXTS_PER_STEP, component_cfg={self.name: given}):
                    found.append((len(doc), self._spans_of(doc, pipe.key)))
            except Exception as error:
                failure = error
        if failure is not None:
            raise failure
        return found

    def _spans_of(self, doc: Doc, key: str) -> SpansT:
        group, text = doc.spans[key], doc.text
        check_size(len(group), self._max_spans, sum(span.end_char - span.start_char for span in group))
        return [
            {
                "start": (start := span.start_char),
                "end": (end := span.end_char),
                "label": span.label_,
                "score": round(score, SCORE_DIGITS),
                "text": text[start:end],
            }
            for span, score in zip(group, group.attrs["scores"].tolist(), strict=True)
        ]

    @contextmanager
    def _logged_warnings(self) -> Iterator[None]:
        """Log the warnings inside a `with` block, and count them by code."""
        with warnings.catch_warnings(record=True) as caught:
            # Python remembers none of them.
            warnings.simplefilter("always")
            try:
                yield
            finally:
                for warning in caught:
                    message = str(warning.message)
                    code = re.match(r"\[([A-Z]+\d+)\]", message)
                    self._metrics.count_warning(code[1] if code else "other")
                    logger.warning(plain(message, LONGEST_MESSAGE))
