"""Join requests that come within a short time to batches. One thread computes them, one batch after the other."""

from __future__ import annotations

import contextvars
import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from threading import Condition, Thread
from time import monotonic
from typing import Generic, Optional, TypeVar

logger = logging.getLogger(__name__)

KeyT = TypeVar("KeyT", bound=Hashable)
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class NotRunningError(RuntimeError):
    """The batcher takes no jobs, or has ended before it came to one."""


class Job(Generic[KeyT, ItemT, ResultT]):
    """Items that are computed with the same options, and one result for each."""

    def __init__(
        self,
        key: KeyT,
        items: Sequence[ItemT],
        done: Callable[[Optional[list[ResultT]], Optional[BaseException]], None],
    ) -> None:
        """
        key (Hashable): The options. Only jobs with equal ones share a batch.
        items (Sequence): The items, at least one.
        done (Callable): Called with the results, or with an error, in the thread of the batcher. It has to be quick.
        """
        self.key = key
        self.items = items
        self.arrived = monotonic()
        self.is_cancelled = False
        self._done = done
        self._is_done = False

    def finish(self, results: Optional[list[ResultT]], error: Optional[BaseException]) -> None:
        """Give results or an error, once."""
        if not self._is_done:
            self._is_done = True
            self._done(results, error)

    @property
    def is_open(self) -> bool:
        """RETURNS (bool): Whether somebody still waits for the results."""
        return not self._is_done and not self.is_cancelled


class Batcher(Generic[KeyT, ItemT, ResultT]):
    """A queue of jobs and the thread that computes them.

    The job that came first decides the options of the next batch. It waits a short time for others, counted from its
    arrival: so nothing waits where the thread was busy for longer than that. Jobs with other options stay in the queue.
    """

    def __init__(
        self,
        compute: Callable[[KeyT, list[ItemT]], Sequence[ResultT]],
        *,
        wait_seconds: float,
        max_weight: int,
        weigh: Callable[[ItemT], int] = lambda _: 1,
    ) -> None:
        """
        compute (Callable): Takes options and the items of a batch, and gives one result for each item.
        wait_seconds (float): How long the first job of a batch waits for others, in seconds.
        max_weight (int): The most weight per batch. A job that has more is a batch of its own.
        weigh (Callable): Gives the weight of an item. Defaults to 1 for each.
        """
        self._compute = compute
        self._wait = wait_seconds
        self._max_weight = max_weight
        self._weigh = weigh
        self._jobs: deque[Job[KeyT, ItemT, ResultT]] = deque()
        self._changed = Condition()
        self._is_stopping = False
        self._thread = Thread()

    def start(self) -> None:
        """Start the thread. After `stop` it may be started again."""
        self._is_stopping = False
        # As if it were the thread that starts it, with its GPU.
        run = contextvars.copy_context().run
        self._thread = Thread(target=run, args=(self._work,), name="binder-batches", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """RETURNS (bool): Whether jobs are taken."""
        return self._thread.is_alive() and not self._is_stopping

    @property
    def n_waiting(self) -> int:
        """RETURNS (int): The number of jobs that have not begun."""
        return len(self._jobs)

    def submit(self, job: Job[KeyT, ItemT, ResultT]) -> None:
        """Put a job into the queue.

        job (Job): The job.
        RAISES (NotRunningError): If no jobs are taken any more.
        """
        with self._changed:
            if not self.is_running:
                raise NotRunningError
            self._jobs.append(job)
            self._changed.notify()

    def cancel(self, job: Job[KeyT, ItemT, ResultT]) -> None:
        """Give up a job. It is not computed if it has not begun, and its results are dropped if it has.

        job (Job): The job.
        """
        with self._changed:
            job.is_cancelled = True
            if job in self._jobs:
                self._jobs.remove(job)

    def stop(self, timeout: Optional[float] = None) -> None:
        """Take no more jobs, compute those in the queue, and end the thread.

        timeout (float, optional): The most seconds to wait. If None, as long as it takes.
        """
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        try:
            while jobs := self._next_batch():
                self._run(jobs)
        except BaseException:
            logger.exception("The thread that computes batches has ended")
        finally:
            with self._changed:
                self._is_stopping = True
                left, self._jobs = self._jobs, deque()
            for job in left:
                job.finish(None, NotRunningError())

    def _next_batch(self) -> list[Job[KeyT, ItemT, ResultT]]:
        """RETURNS (list[Job]): The jobs of the next batch. None at the end."""
        with self._changed:
            while True:
                while not self._jobs and not self._is_stopping:
                    self._changed.wait()
                if not self._jobs:
                    return []
                first = self._jobs[0]
                left = first.arrived + self._wait - monotonic()
                batch = list(self._fitting(first))
                if left <= 0 or self._is_stopping or sum(map(self._weight, batch)) >= self._max_weight:
                    taken = set(map(id, batch))
                    self._jobs = deque(job for job in self._jobs if id(job) not in taken)
                    return batch
                self._changed.wait(left)

    def _fitting(self, first: Job[KeyT, ItemT, ResultT]) -> Iterator[Job[KeyT, ItemT, ResultT]]:
        weight = 0
        for job in self._jobs:
            if job.key == first.key:
                weight += self._weight(job)
                if weight > self._max_weight and job is not first:
                    return
                yield job

    def _weight(self, job: Job[KeyT, ItemT, ResultT]) -> int:
        return sum(map(self._weigh, job.items))

    def _run(self, jobs: list[Job[KeyT, ItemT, ResultT]]) -> None:
        """Compute a batch. If it fails, its jobs are computed one by one, so that one bad item costs its job alone."""
        try:
            results = iter(self._compute(jobs[0].key, [item for job in jobs for item in job.items]))
            for job in jobs:
                job.finish([next(results) for _ in job.items], None)
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].finish(None, error)
                return
            for job in jobs:
                if job.is_open:
                    self._run([job])
        except BaseException:
            for job in jobs:
                job.finish(None, NotRunningError())
            raise
