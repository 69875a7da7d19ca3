"""The folder of a run: shards, and a record of each. A shard is whole or not there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import srsly

from ..errors import Errors
from ..saving import sync
from .rows import AnnotatedRow, ShardWriter

SHARDS, RECORDS = "shards", "progress"
PART = ".part"
# Names that messages have.
SHOWN_SHARDS = 5


class Record(NamedTuple):
    """What a shard has.

    name (str): The name of its file.
    rows (int): The rows that it was made of, those that failed included.
    words (int): The tokens of the rows that it has.
    failed (list[dict]): The rows that failed: `id`, `place` and `error`.
    """

    name: str
    rows: int
    words: int
    failed: list[dict[str, str]]


@dataclass(frozen=True)
class ShardFolder:
    """Writes shards, and finds those that are whole. Objects can be pickled, for other processes.

    output (Path): The folder of the run. Shards are in `shards`, their records in `progress`.
    format (ShardWriter): The format of the shards.
    """

    output: Path
    format: ShardWriter

    @property
    def folder(self) -> Path:
        """RETURNS (Path): The folder of the shards."""
        return self.output / SHARDS

    def prepare(self) -> None:
        """Make the folders, and remove what an interrupted run left half-written."""
        for folder in (self.folder, self.output / RECORDS):
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob(f"*{PART}"):
                path.unlink()

    def write(self, name: str, rows: Sequence[AnnotatedRow]) -> None:
        """Write a shard and its record. Files of the same name are replaced.

        name (str): Its name, without the ending.
        rows (Sequence[AnnotatedRow]): The rows. Those that failed are in the record alone.
        RAISES (OSError): If it can't be written. Nothing is left of it then.
        """
        failed = [{"id": row.id, "place": row.place, "error": row.error} for row in rows if row.error]
        file = name + self.format.shard_suffix
        record = Record(file, len(rows), sum(row.words for row in rows), failed)
        # The record comes first: a record without a shard counts for nothing.
        write_whole(self.output / RECORDS / f"{file}.json", lambda path: srsly.write_json(path, record._asdict()))
        contents = [row.content for row in rows if not row.error]
        write_whole(self.folder / file, lambda path: self.format.write(path, contents))

    def records(self) -> list[Record]:
        """RETURNS (list[Record]): The records of the shards that are whole, by name."""
        found = []
        for path in sorted(self.folder.glob(f"*{self.format.shard_suffix}")):
            record = self.output / RECORDS / f"{path.name}.json"
            if record.exists():
                found.append(_read(record))
        return found

    def count(self, records: Iterable[Record]) -> int:
        """RETURNS (int): The rows of shards, counted in their files."""
        return sum(self.format.count(self.folder / record.name) for record in records)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, and put it there when it is complete.

    path (Path): The file.
    write (Callable): Takes a path, and writes the file to it.
    RAISES (OSError): If it can't be written. The file is then as it was before.
    """
    part = path.with_name(f"{path.name}{PART}")
    try:
        write(part)
        sync(part)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _read(path: Path) -> Record:
    try:
        return Record(**cast(dict[str, Any], srsly.read_json(path)))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(Errors.B044.format(path=path, cause=error)) from None


@contextmanager
def naming_whole_shards(shards: ShardFolder) -> Iterator[None]:
    """Name the shards that are whole, where a `with` block can't write one.

    shards (ShardFolder): The shards.
    RAISES (ValueError): If there was an OSError.
    """
    try:
        yield
    except OSError as error:
        cause = "there is no space left" if error.errno == errno.ENOSPC else error
        raise ValueError(Errors.B097.format(cause=cause, whole=name_shards(shards.records()))) from error


def name_shards(records: list[Record]) -> str:
    """RETURNS (str): The first and the last names of shards."""
    names = [record.name for record in records]
    if len(names) > SHOWN_SHARDS:
        names = [*names[: SHOWN_SHARDS - 1], "…", names[-1]]
    return f"{len(records)} ({', '.join(names)})" if names else "none"
