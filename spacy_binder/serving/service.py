"""What joins requests, which come in an event loop, with the thread that runs the pipeline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Optional

from spacy.language import Language
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ..errors import Errors
from .annotator import Annotator, Options, SpansT, check_size, weigh
from .batching import Batcher, Job, NotRunningError
from .metrics import ServerMetrics
from .problems import ProblemError
from .settings import ServerSettings

logger = logging.getLogger(__name__)

# Seconds that the end waits for a batch that nobody waits for any more.
STOP_SECONDS = 5


class Service:
    """Answers requests, in batches, within limits."""

    def __init__(self, nlp: Language, name: str, settings: ServerSettings) -> None:
        """
        nlp (Language): The pipeline. No other thread may use it while the service runs.
        name (str): Its `binder_ner`.
        settings (ServerSettings): Batches and limits.
        """
        self.limits = settings.limits
        self.metrics = ServerMetrics()
        self.annotator = Annotator(nlp, name, max_spans=self.limits.spans, metrics=self.metrics)
        self.batcher: Batcher[Options, str, SpansT] = Batcher(
            self.annotator.find, wait_seconds=settings.wait_ms / 1000, max_weight=settings.batch_texts, weigh=weigh
        )
        self.metrics.watch_queue(lambda: self.batcher.n_waiting)
        self._n_requests = 0

    def start(self) -> None:
        """Prepare the pipeline, and take requests."""
        self.annotator.prepare()
        self.batcher.start()

    def stop(self) -> None:
        """Take no more requests. Those that are there were answered before, or were told that it takes too long."""
        self.batcher.stop(STOP_SECONDS)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request inside a `with` block.

        RAISES (ProblemError): If there are as many requests as the service takes (429).
        """
        if self._n_requests >= self.limits.requests:
            message = Errors.B079.format(n=self._n_requests, seconds=1)
            raise ProblemError(429, message, {"Retry-After": "1"}, closes=True)
        self._n_requests += 1
        try:
            yield
        finally:
            self._n_requests -= 1

    async def annotate(self, options: Options, texts: Sequence[str], receive: Receive) -> list[SpansT]:
        """Find the spans of texts.

        options (Options): What to look for.
        texts (Sequence[str]): The texts.
        receive (Receive): Tells when the client has left.
        RETURNS (list): The spans of each text.
        RAISES (ProblemError): If an option can't have its value (422), the pipeline fails (500), the service is being
            stopped (503), or it takes too long (504).
        RAISES (ClientDisconnect): If the client has left.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[SpansT]] = loop.create_future()

        def settle(results: Optional[list[SpansT]], error: Optional[BaseException]) -> None:
            if not answer.done():
                answer.set_exception(error) if error is not None else answer.set_result(results or [])

        def done(results: Optional[list[SpansT]], error: Optional[BaseException]) -> None:
            try:
                loop.call_soon_threadsafe(settle, results, error)
            except RuntimeError:
                logger.warning("An answer came after the end of the server")

        job = Job(options, texts, done)
        try:
            self.batcher.submit(job)
        except NotRunningError:
            raise ProblemError(503, Errors.B081) from None
        too_late = ProblemError(504, Errors.B080.format(seconds=self.limits.seconds))
        clock = loop.call_later(self.limits.seconds, settle, None, too_late)
        watch = loop.create_task(_wait_until_left(receive))
        watch.add_done_callback(lambda task: None if task.cancelled() else settle(None, ClientDisconnect()))
        try:
            found = await answer
        except (ProblemError, ClientDisconnect):
            raise
        except NotRunningError:
            raise ProblemError(503, Errors.B081) from None
        except Exception as error:
            logger.error("The pipeline failed on a request", exc_info=error)
            raise ProblemError(500, Errors.B082) from None
        finally:
            clock.cancel()
            watch.cancel()
            self.batcher.cancel(job)
        n_characters = sum(len(span["text"]) for spans in found for span in spans)
        check_size(sum(map(len, found)), self.limits.spans, n_characters)
        return found


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
