"""Rows in JSONL: one JSON object per line. Rows of all formats can be written so, and get a list of spans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..corpora.files import open_file
from .rows import FoundSpan, Row, RowReader, ShardWriter, id_or_place, require_text

# Scores are exact to float32, which has seven digits.
DIGITS = 6


@dataclass(frozen=True)
class JsonlRows(RowReader):
    """Rows in JSONL.

    text_field (str): The field with the text.
    id_field (str): The field with the id.
    """

    text_field: str
    id_field: str
    name = "jsonl"
    suffixes = (".jsonl", ".jsonlines", ".ndjson")

    def read(self, path: Path, place: str) -> Iterator[Row]:
        # A line that is no JSON is a row that will fail. It does not stop the others.
        with open_file(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    at = f"{place}:{number}"
                    yield Row(id_or_place(self._read_id(line), at), at, line)

    def _read_id(self, line: bytes) -> Any:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return value.get(self.id_field) if isinstance(value, dict) else None

    def fields(self, content: bytes) -> list[str]:
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            return []
        return list(value) if isinstance(value, dict) else []

    def given(self, content: bytes, vocab: Vocab) -> str | Doc:
        value = json.loads(content)
        if not isinstance(value, dict):
            raise ValueError(f"the line has to be a JSON object, but is a value of the type {type(value).__name__}")
        if self.text_field not in value:
            raise ValueError(f"there is no `{self.text_field}`")
        return require_text(value[self.text_field], self.text_field)

    def values(self, row: Row) -> dict[str, Any]:
        return json.loads(row.content)


@dataclass(frozen=True)
class JsonlShards(ShardWriter):
    """Rows with spans in JSONL.

    rows (RowReader): The format that the rows are read in.
    spans_field (str): The field that receives the spans.
    """

    rows: RowReader
    spans_field: str
    name = "jsonl"
    shard_suffix = ".jsonl"

    def annotated(self, row: Row, doc: Doc, spans: Sequence[FoundSpan]) -> bytes:
        objects = [{**span._asdict(), "score": round(span.score, DIGITS)} for span in spans]
        value = {**self.rows.values(row), self.spans_field: objects}
        try:
            # Letters are written as they are, unless there is a lone surrogate.
            return json.dumps(value, ensure_ascii=False, default=_as_text).encode() + b"\n"
        except UnicodeEncodeError:
            return json.dumps(value, default=_as_text).encode() + b"\n"

    def write(self, path: Path, contents: Iterable[bytes]) -> None:
        with path.open("wb") as file:
            file.writelines(contents)

    def count(self, path: Path) -> int:
        with path.open("rb") as file:
            return sum(1 for _ in file)


def _as_text(value: Any) -> str:
    """RETURNS (str): What JSON has no form for, such as a date."""
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("JSON can't have bytes")
    return str(value)
