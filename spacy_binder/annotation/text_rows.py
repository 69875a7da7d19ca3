"""Rows in plain text: each file is a row, or each line of a file. They are written as JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..corpora.files import open_file
from .jsonl_rows import JsonlRows, span_objects, write_object
from .rows import FoundSpan, Row


@dataclass(frozen=True)
class TextRows(JsonlRows):
    """Rows in plain text, in UTF-8.

    by_line (bool): Whether each line is a row. Otherwise each file is one, as for `spacy apply`. Lines that have
        nothing but whitespace are no rows.
    """

    by_line: bool
    name = "text"
    suffixes = (".txt",)

    def read(self, path: Path, place: str) -> Iterator[Row]:
        with open_file(path) as file:
            if not self.by_line:
                yield self._row(place, file.read())
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield self._row(f"{place}:{number}", line.rstrip(b"\r\n"))

    def _row(self, place: str, text: bytes) -> Row:
        # The name and the text, which may be no UTF-8: that is the row's own fault, and is found when it is annotated.
        return Row(place, place, json.dumps(place).encode() + b"\n" + text)

    def fields(self, content: bytes) -> list[str]:
        return [self.text_field]

    def given(self, content: bytes, vocab: Vocab) -> str | Doc:
        return content.split(b"\n", 1)[1].decode("utf-8-sig")

    def annotated(self, content: bytes, spans: Sequence[FoundSpan], vocab: Vocab) -> bytes:
        name = json.loads(content.split(b"\n", 1)[0])
        row = {self.id_field: name, self.text_field: self.given(content, vocab)}
        return write_object({**row, self.spans_field: span_objects(spans)})
