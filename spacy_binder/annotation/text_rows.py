"""Rows in plain text: each file is a row, or each line of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..corpora.files import open_file
from .rows import Row, RowReader


@dataclass(frozen=True)
class TextRows(RowReader):
    """Rows in plain text, in UTF-8.

    text_field, id_field (str): What text and id are called where rows have names for what they have.
    by_line (bool): Whether each line is a row. Otherwise each file is one, as for `spacy apply`. Lines that have
        nothing but whitespace are no rows.
    """

    text_field: str
    id_field: str
    by_line: bool
    name = "text"
    suffixes = (".txt",)

    def read(self, path: Path, place: str) -> Iterator[Row]:
        with open_file(path) as file:
            if not self.by_line:
                yield Row(place, place, file.read())
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    at = f"{place}:{number}"
                    yield Row(at, at, line.rstrip(b"\r\n"))

    def fields(self, content: bytes) -> list[str]:
        return [self.id_field, self.text_field]

    def given(self, content: bytes, vocab: Vocab) -> str | Doc:
        # What is no UTF-8 is the row's own fault, and is found when it is annotated.
        return content.decode("utf-8-sig")

    def values(self, row: Row) -> dict[str, Any]:
        return {self.id_field: row.id, self.text_field: row.content.decode("utf-8-sig")}
