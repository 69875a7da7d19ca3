"""Rows of a corpus, before and after they are annotated, and what a format of rows has to do."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spacy.tokens import Doc
from spacy.vocab import Vocab


class Row(NamedTuple):
    """A row as it was read. It is plain data, so that processes and machines can exchange it.

    id (str): Its id, or its place where it has none.
    place (str): Its file and its number in the file, from 1.
    content (bytes): All that it has, as its format writes it.
    """

    id: str
    place: str
    content: bytes


class AnnotatedRow(NamedTuple):
    """A row after annotation.

    id (str): Its id.
    place (str): Its file and its number in the file.
    content (bytes): The row with its spans. Empty if it failed.
    error (str): Why it failed. Empty if it didn't.
    words (int): Its tokens. 0 if it failed.
    """

    id: str
    place: str
    content: bytes
    error: str
    words: int


class FoundSpan(NamedTuple):
    """A span that was found.

    start (int): Its first character.
    end (int): The character after its last one.
    label (str): Its label.
    score (float): Its score.
    """

    start: int
    end: int
    label: str
    score: float


class RowReader(ABC):
    """A format that rows are read in. Objects can be pickled.

    name (str): Its name in the command.
    suffixes (tuple[str, ...]): Endings of the files in a folder that are read.
    """

    name: str
    suffixes: tuple[str, ...]

    @abstractmethod
    def read(self, path: Path, place: str) -> Iterator[Row]:
        """Read the rows of a file, a few at a time.

        path (Path): The file.
        place (str): How its rows name it.
        YIELDS (Row): The rows.
        RAISES (ValueError): If the file can't be read.
        """

    @abstractmethod
    def fields(self, content: bytes) -> list[str]:
        """RETURNS (list[str]): The names of what a row has. None if the row is damaged."""

    @abstractmethod
    def given(self, content: bytes, vocab: Vocab) -> str | Doc:
        """Make what the pipeline annotates.

        content (bytes): The content of a row.
        vocab (Vocab): The vocabulary of the pipeline.
        RETURNS (str / Doc): The row's text, or its doc.
        RAISES (Exception): If the row has none. The type of the error depends on what is wrong.
        """

    @abstractmethod
    def values(self, row: Row) -> dict[str, Any]:
        """RETURNS (dict): All that a row has, by name. Other formats are written from it."""


class ShardWriter(ABC):
    """A format that rows with spans are written in. Objects can be pickled.

    name (str): Its name in the command.
    shard_suffix (str): Ending of the files.
    rows (RowReader): The format that the rows are read in.
    spans_field (str): What the spans are called.
    """

    name: str
    shard_suffix: str
    rows: RowReader
    spans_field: str

    def taken(self, row: Row, fields: list[str]) -> list[str]:
        """Find the names that the spans of a row can't have.

        row (Row): The row.
        fields (list[str]): What it has, from `RowReader.fields`.
        RETURNS (list[str]): The names.
        """
        return fields

    @abstractmethod
    def annotated(self, row: Row, doc: Doc, spans: Sequence[FoundSpan]) -> bytes:
        """Add spans to a row.

        row (Row): The row.
        doc (Doc): What the pipeline made of it.
        spans (Sequence[FoundSpan]): The spans, in order.
        RETURNS (bytes): The row with its spans, as `write` takes it.
        RAISES (Exception): If the row can't be written in this format.
        """

    @abstractmethod
    def write(self, path: Path, contents: Iterable[bytes]) -> None:
        """Write a file.

        path (Path): The file.
        contents (Iterable[bytes]): Rows with spans. There may be none.
        RAISES (OSError): If it can't be written.
        """

    @abstractmethod
    def count(self, path: Path) -> int:
        """RETURNS (int): The rows of a file that `write` wrote, counted in the file."""


def id_or_place(value: Any, place: str) -> str:
    """Make the id of a row.

    value (Any): What the row has as its id, or None.
    place (str): The place of the row.
    RETURNS (str): The id as text, or the place if there is none.
    """
    if value is None or value == "":
        return place
    return printable(value if isinstance(value, str) else json.dumps(value, default=str))


def printable(text: str) -> str:
    """RETURNS (str): A text that can be written in UTF-8: lone surrogates are replaced by what stands for them."""
    return text.encode("utf-8", "backslashreplace").decode()


def require_text(value: Any, field: str) -> str:
    """RETURNS (str): The text of a row.

    RAISES (ValueError): If it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"`{field}` has to be a text, but is a value of the type {type(value).__name__}")
    return value
