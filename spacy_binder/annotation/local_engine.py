"""Annotate on this machine: in this process, or in several with one model each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
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

    batches (Iterable[Sequence[Row]]): The rows.
    settings (ModelSettings): The pipeline.
    shards (ShardWriter): How rows are read, and written with spans.
    workers (int): The number of processes. They share the processor's cores.
    YIELDS (Sequence[AnnotatedRow]): The batches, in order.
    RAISES (ValueError): If a process was killed, such as for want of memory.
    """
    threads = max(1, (os.cpu_count() or 1) // workers)
    # A fork would have the locks of torch's threads, but not the threads.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(settings, shards, threads)
    )
    pending: deque[Future[list[AnnotatedRow]]] = deque()
    try:
        for batch in batches:
            pending.append(pool.submit(_annotate, batch))
            if len(pending) >= AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool:
        raise ValueError(Errors.B095) from None
    finally:
        pool.shutdown(cancel_futures=True)


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
