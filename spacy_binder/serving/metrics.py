"""What a server counts, in Prometheus' format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class ServerMetrics:
    """The metrics of one server. Several servers in one process don't share them."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        prefix = "spacy_binder"
        self._requests = Counter(
            f"{prefix}_requests", "Requests that were answered", ["path", "status"], registry=registry
        )
        self._seconds = Histogram(
            f"{prefix}_request_seconds", "Seconds per answered request", ["path"], buckets=SECONDS, registry=registry
        )
        self._waiting = Gauge(f"{prefix}_waiting_requests", "Requests that wait for the model", registry=registry)
        self._batch = Histogram(f"{prefix}_batch_texts", "Texts per batch", buckets=TEXTS, registry=registry)
        self._busy = Counter(f"{prefix}_model_seconds", "Seconds in which the model was busy", registry=registry)
        self._texts = Counter(f"{prefix}_texts", "Texts that were annotated", registry=registry)
        self._words = Counter(f"{prefix}_words", "Tokens of these texts", registry=registry)
        self._spans = Counter(f"{prefix}_spans", "Spans that were found in them", registry=registry)
        self._warnings = Counter(f"{prefix}_warnings", "Warnings of the pipeline", ["code"], registry=registry)

    def watch_queue(self, n_waiting: Callable[[], int]) -> None:
        """Take the number of waiting requests from a function."""
        self._waiting.set_function(n_waiting)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    @contextmanager
    def time_batch(self, n_texts: int) -> Iterator[None]:
        """Measure a batch inside a `with` block."""
        start = perf_counter()
        self._batch.observe(n_texts)
        try:
            yield
        finally:
            self._busy.inc(perf_counter() - start)

    def count_text(self, n_words: int, n_spans: int) -> None:
        """Count a text that was annotated."""
        self._texts.inc()
        self._words.inc(n_words)
        self._spans.inc(n_spans)

    def count_warning(self, code: str) -> None:
        """Count a warning by its code."""
        self._warnings.labels(code).inc()

    def exposition(self) -> bytes:
        """RETURNS (bytes): All metrics as text."""
        return generate_latest(self._registry)
