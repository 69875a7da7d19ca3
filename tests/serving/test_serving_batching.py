"""Batches of jobs: what is computed together, what an error costs, and what happens at the end."""

from collections.abc import Iterator
from concurrent.futures import Future
from threading import Event
from typing import Any

import pytest

from spacy_binder.serving.batching import Batcher, Job, NotRunningError

SECONDS = 20


class Computer:
    """Doubles numbers. It notes its batches, waits where it is told to, and fails on 13."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.begun = Event()
        self.may_go_on = Event()
        self.may_go_on.set()

    def __call__(self, key: str, items: list[int]) -> list[int]:
        self.batches.append((key, items))
        self.begun.set()
        assert self.may_go_on.wait(SECONDS)
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]


@pytest.fixture
def computer() -> Computer:
    return Computer()


@pytest.fixture
def batcher(computer: Computer) -> Iterator[Batcher]:
    made: Batcher = Batcher(computer, wait_seconds=0, max_weight=4)
    made.start()
    yield made
    computer.may_go_on.set()
    made.stop(SECONDS)


def submit(batcher: Batcher, key: str, *items: int) -> tuple[Job, "Future[Any]"]:
    future: Future[Any] = Future()

    def done(results: Any, error: Any) -> None:
        future.set_exception(error) if error else future.set_result(results)

    job: Job = Job(key, items, done)
    batcher.submit(job)
    return job, future


def block(batcher: Batcher, computer: Computer) -> "Future[Any]":
    """Keep the thread busy, so that all jobs that come are in the queue together."""
    computer.may_go_on.clear()
    _, first = submit(batcher, "first", 0)
    assert computer.begun.wait(SECONDS)
    return first


def test_jobs_with_the_same_options_share_a_batch(batcher: Batcher, computer: Computer) -> None:
    block(batcher, computer)
    given = [("a", (1,)), ("b", (2, 3)), ("a", (4, 5)), ("a", (6, 7)), ("b", (8,))]
    futures = [submit(batcher, key, *items)[1] for key, items in given]
    computer.may_go_on.set()
    assert [future.result(SECONDS) for future in futures] == [[2], [4, 6], [8, 10], [12, 14], [16]]
    # At most four items, in the order of arrival. The oldest job decides what comes next.
    assert computer.batches[1:] == [("a", [1, 4, 5]), ("b", [2, 3, 8]), ("a", [6, 7])]


def test_a_job_may_have_more_items_than_a_batch(batcher: Batcher) -> None:
    assert submit(batcher, "a", *range(9))[1].result(SECONDS) == [2 * i for i in range(9)]


def test_heavy_items_make_small_batches(computer: Computer) -> None:
    weighing: Batcher = Batcher(computer, wait_seconds=0, max_weight=10, weigh=lambda item: item)
    weighing.start()
    block(weighing, computer)
    futures = [submit(weighing, "a", *items)[1] for items in ((4, 5), (1,), (2,), (40,), (3,))]
    computer.may_go_on.set()
    assert [future.result(SECONDS) for future in futures] == [[8, 10], [2], [4], [80], [6]]
    assert [items for _, items in computer.batches[1:]] == [[4, 5, 1], [2], [40], [3]]
    weighing.stop(SECONDS)


def test_the_first_job_waits_for_others(computer: Computer) -> None:
    patient: Batcher = Batcher(computer, wait_seconds=SECONDS, max_weight=3)
    patient.start()
    futures = [submit(patient, "a", i)[1] for i in range(3)]
    assert [future.result(SECONDS / 2) for future in futures] == [[0], [2], [4]]
    assert computer.batches == [("a", [0, 1, 2])]
    # It does not wait where no others can come any more.
    _, last = submit(patient, "a", 5)
    patient.stop(SECONDS)
    assert last.result(0) == [10]


def test_an_error_costs_one_job(batcher: Batcher, computer: Computer) -> None:
    block(batcher, computer)
    futures = [submit(batcher, "a", *items)[1] for items in ((1,), (13,), (3, 4))]
    computer.may_go_on.set()
    assert futures[0].result(SECONDS) == [2] and futures[2].result(SECONDS) == [6, 8]
    with pytest.raises(ValueError, match="thirteen"):
        futures[1].result(SECONDS)
    assert computer.batches[1:] == [("a", [1, 13, 3, 4]), ("a", [1]), ("a", [13]), ("a", [3, 4])]
    assert submit(batcher, "a", 9)[1].result(SECONDS) == [18]


def test_a_cancelled_job_is_not_computed(batcher: Batcher, computer: Computer) -> None:
    first = block(batcher, computer)
    left, never = submit(batcher, "a", 1)
    _, other = submit(batcher, "a", 2)
    assert batcher.n_waiting == 2
    batcher.cancel(left)
    assert batcher.n_waiting == 1
    computer.may_go_on.set()
    assert first.result(SECONDS) == [0] and other.result(SECONDS) == [4]
    assert not never.done() and computer.batches[1:] == [("a", [2])]


def test_jobs_in_the_queue_are_computed_before_the_end(batcher: Batcher, computer: Computer) -> None:
    block(batcher, computer)
    futures = [submit(batcher, str(i), i)[1] for i in range(3)]
    batcher.stop(0)
    with pytest.raises(NotRunningError):
        submit(batcher, "a", 1)
    computer.may_go_on.set()
    assert [future.result(SECONDS) for future in futures] == [[0], [2], [4]]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_end_of_the_thread_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Such as by code in a pipeline that ends the process. Nobody waits forever."""

    def leave(key: str, items: list[int]) -> Any:
        raise SystemExit

    broken: Batcher = Batcher(leave, wait_seconds=0.05, max_weight=1)
    broken.start()
    futures = [submit(broken, "a", i)[1] for i in range(2)]
    for future in futures:
        with pytest.raises(NotRunningError):
            future.result(SECONDS)
    broken.stop(SECONDS)
    assert not broken.is_running and "has ended" in caplog.text
