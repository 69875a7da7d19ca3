"""Annotate on this machine: in this process, or in several with one model each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice, repeat
from multiprocessing import get_context, parent_process
from threading import Thread

from ..errors import Errors
from .annotator import Annotator, ModelSettings, batches
from .formats import Source
from .inventory import read_rows
from .rows import AnnotatedRow, Row, ShardWriter
from .shards import Record, ShardFolder

# A shard also ends at so many bytes, because it is held in memory until it is written.
SHARD_BYTES = 64 << 20
# Batches per worker that are read ahead.
AHEAD = 2
# The error of a row on which its process was killed, and the rows in sequence with it after which a run stops.
KILLED, MOST_DEATHS = "The process that annotated it was killed, twice.", 3

BatchesT = Iterator[Sequence[AnnotatedRow]]


def annotate_in_process(batches: Iterable[Sequence[Row]], annotator: Annotator, shards: ShardWriter) -> BatchesT:
    """Annotate batches in this process.

    batches (Iterable[Sequence[Row]]): The rows.
    annotator (Annotator): The loaded pipeline.
    shards (ShardWriter): How rows are read, and written with spans.
    YIELDS (Sequence[AnnotatedRow]): The batches, in order.
    """
    for batch in batches:
        yield annotator.annotate(batch, shards)


def annotate_in_processes(
    batches: Iterable[Sequence[Row]], settings: ModelSettings, shards: ShardWriter, workers: int
) -> BatchesT:
    """Annotate batches in several processes. Each loads the pipeline once.

    If a process is killed, the rows that it may have had are tried one by one. One on which it dies again has failed.

    batches (Iterable[Sequence[Row]]): The rows.
    settings (ModelSettings): The pipeline.
    shards (ShardWriter): How rows are read, and written with spans.
    workers (int): The number of processes. They share the processor's cores.
    YIELDS (Sequence[AnnotatedRow]): The batches, in order.
    RAISES (ValueError): If a process is killed on one row after the other, such as for want of memory.
    """
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = _start_pool(workers, settings, shards, threads)
    pending: deque[tuple[Sequence[Row], Future[list[AnnotatedRow]]]] = deque()
    n_deaths = 0
    try:
        for batch in chain(batches, repeat(None)):
            if batch is not None:
                pending.append((batch, _submit(pool, batch)))
            if batch is not None and len(pending) < AHEAD * workers:
                continue
            if not pending:
                return
            first, future = pending.popleft()
            try:
                done = future.result()
            except BrokenProcessPool:
                pool.shutdown(cancel_futures=True)
                done, n_deaths = _annotate_one_by_one(first, settings, shards, threads, n_deaths)
                pool = _start_pool(workers, settings, shards, threads)
                pending = deque((batch, _submit(pool, batch)) for batch, _ in pending)
            yield done
    finally:
        pool.shutdown(cancel_futures=True)


def _start_pool(workers: int, settings: ModelSettings, shards: ShardWriter, threads: int) -> ProcessPoolExecutor:
    # A fork would have the locks of torch's threads, but not the threads.
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(settings, shards, threads)
    )


def _submit(pool: ProcessPoolExecutor, batch: Sequence[Row]) -> Future[list[AnnotatedRow]]:
    """RETURNS (Future): The rows, or the error that a process was killed, also if that was before."""
    try:
        return pool.submit(_annotate, batch)
    except BrokenProcessPool as error:
        future: Future[list[AnnotatedRow]] = Future()
        future.set_exception(error)
        return future


def _annotate_one_by_one(
    batch: Sequence[Row], settings: ModelSettings, shards: ShardWriter, threads: int, n_deaths: int
) -> tuple[list[AnnotatedRow], int]:
    """RETURNS (tuple): The rows, and how many of the last ones in sequence a process died on."""
    done: list[AnnotatedRow] = []
    pool: ProcessPoolExecutor | None = None
    try:
        for row in batch:
            # Twice, because somebody may have killed the process.
            for _ in range(2):
                pool = pool or _start_pool(1, settings, shards, threads)
                try:
                    done += _submit(pool, [row]).result()
                    n_deaths = 0
                    break
                except BrokenProcessPool:
                    pool.shutdown()
                    pool = None
            else:
                done.append(AnnotatedRow(row.id, row.place, b"", KILLED, 0))
                n_deaths += 1
                if n_deaths == MOST_DEATHS:
                    raise ValueError(Errors.B095)
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    return done, n_deaths


# The pipeline of this process, where it is a worker.
_annotator: Annotator
_shards: ShardWriter


def _start_worker(settings: ModelSettings, shards: ShardWriter, threads: int) -> None:
    global _annotator, _shards
    import torch

    end_with_parent()
    torch.set_num_threads(threads)
    _annotator, _shards = Annotator(settings), shards


def end_with_parent() -> None:
    """End this process when the one that started it does, also if that one is killed. It would wait for ever."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def _annotate(batch: Sequence[Row]) -> list[AnnotatedRow]:
    return _annotator.annotate(batch, _shards)


def whole_shards(shards: ShardFolder) -> list[Record]:
    """RETURNS (list[Record]): The shards of an interrupted run, up to the first one that is missing."""
    records = []
    for number, record in enumerate(shards.records(), start=1):
        if record.name != shard_name(number) + shards.format.shard_suffix:
            break
        records.append(record)
    return records


def shard_name(number: int) -> str:
    """RETURNS (str): The name of a shard, by its number from 1."""
    return f"{number:06}"


def remaining_batches(source: Source, done: Iterable[Record], size: int) -> Iterator[list[Row]]:
    """YIELDS (list[Row]): The rows after those of the shards that are whole, in batches of a size."""
    yield from batches(islice(read_rows(source), sum(record.rows for record in done), None), size)


def write_shards(annotated: BatchesT, shards: ShardFolder, *, n_done: int, size: int) -> Iterator[int]:
    """Write annotated rows to shards. They have the order of the rows.

    annotated (Iterator[Sequence[AnnotatedRow]]): The rows.
    shards (ShardFolder): Where they go.
    n_done (int): The shards that are whole.
    size (int): The most rows of a shard. It also ends at `SHARD_BYTES`.
    YIELDS (int): The rows of each batch, after it was annotated.
    RAISES (OSError): If a shard can't be written.
    """
    rows: list[AnnotatedRow] = []
    n_bytes = 0
    for batch in annotated:
        for row in batch:
            if rows and (len(rows) >= size or n_bytes >= SHARD_BYTES):
                n_done += 1
                shards.write(shard_name(n_done), rows)
                rows, n_bytes = [], 0
            rows.append(row)
            n_bytes += len(row.content)
        yield len(batch)
    if rows:
        shards.write(shard_name(n_done + 1), rows)
