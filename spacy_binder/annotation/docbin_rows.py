"""Rows in DocBins: each doc is a row. Rows of all formats can be written so, and get a span group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from spacy.tokens import Doc, DocBin, SpanGroup
from spacy.vocab import Vocab

from ..corpora.docbins import SUFFIX, read_docbin
from .rows import FoundSpan, Row, RowReader, ShardWriter


@dataclass(frozen=True)
class DocBinRows(RowReader):
    """Rows in DocBins. The content of a row is a DocBin with one doc.

    text_field, id_field (str): What text and id are called where rows have names for what they have.
    """

    text_field: str
    id_field: str
    name = "docbin"
    suffixes = (SUFFIX,)

    def read(self, path: Path, place: str) -> Iterator[Row]:
        for number, doc in enumerate(read_docbin(path, Vocab()), start=1):
            at = f"{place}:{number}"
            yield Row(at, at, _pack(doc))

    def fields(self, content: bytes) -> list[str]:
        return list(self.values(Row("", "", content)))

    def given(self, content: bytes, vocab: Vocab) -> str | Doc:
        return _unpack(content, vocab)

    def values(self, row: Row) -> dict[str, Any]:
        doc = _unpack(row.content, Vocab())
        user_data = {name: value for name, value in doc.user_data.items() if isinstance(name, str)}
        rest = {**doc.to_json(), **({"user_data": user_data} if user_data else {})}
        return {self.id_field: row.id, self.text_field: rest.pop("text"), **rest}


@dataclass(frozen=True)
class DocBinShards(ShardWriter):
    """Docs with spans in DocBins.

    rows (RowReader): The format that the rows are read in. Docs keep their tokens and annotations. Of other rows, docs
        are those that the pipeline made, and have all but the text in `user_data`.
    spans_field (str): Key of doc.spans that receives the spans.
    text_field, id_field (str): The names of text and id of a row.
    """

    rows: RowReader
    spans_field: str
    text_field: str
    id_field: str
    name = "docbin"
    shard_suffix = SUFFIX

    def taken(self, row: Row, fields: list[str]) -> list[str]:
        return list(_unpack(row.content, Vocab()).spans) if isinstance(self.rows, DocBinRows) else []

    def annotated(self, row: Row, doc: Doc, spans: Sequence[FoundSpan]) -> bytes:
        if isinstance(self.rows, DocBinRows):
            # The pipeline may have changed the doc that it was given. This is the one that was read.
            doc = _unpack(row.content, doc.vocab)
        else:
            values = {self.id_field: row.id, **self.rows.values(row)}
            doc.user_data.update((name, value) for name, value in values.items() if name != self.text_field)
        found = []
        for span in spans:
            of_doc = doc.char_span(span.start, span.end, label=span.label, alignment_mode="expand")
            # Scores have the order of spans, so none may be left out.
            if of_doc is None:
                raise ValueError(f"the doc has no characters {span.start} to {span.end}")
            found.append(of_doc)
        scores = numpy.asarray([span.score for span in spans], dtype="float32")
        doc.spans[self.spans_field] = SpanGroup(doc, name=self.spans_field, spans=found, attrs={"scores": scores})
        return _pack(doc)

    def write(self, path: Path, contents: Iterable[bytes]) -> None:
        docbin = DocBin(store_user_data=True)
        for content in contents:
            docbin.merge(DocBin(store_user_data=True).from_bytes(content))
        docbin.to_disk(path)

    def count(self, path: Path) -> int:
        return len(DocBin().from_disk(path))


def _pack(doc: Doc) -> bytes:
    return DocBin(store_user_data=True, docs=[doc]).to_bytes()


def _unpack(content: bytes, vocab: Vocab) -> Doc:
    return next(DocBin(store_user_data=True).from_bytes(content).get_docs(vocab))
