"""Rows in DocBins: each doc is a row. It keeps its tokens and annotations, and gets a span group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
from spacy.tokens import Doc, DocBin, SpanGroup
from spacy.vocab import Vocab

from ..corpora.docbins import SUFFIX, read_docbin
from .rows import FoundSpan, Row, RowFormat


@dataclass(frozen=True)
class DocBinRows(RowFormat):
    """Rows in DocBins. The content of a row is a DocBin with one doc.

    spans_field (str): Key of doc.spans that receives the spans.
    """

    spans_field: str
    name = "docbin"
    suffixes = (SUFFIX,)
    shard_suffix = SUFFIX

    def read(self, path: Path, place: str) -> Iterator[Row]:
        for number, doc in enumerate(read_docbin(path, Vocab()), start=1):
            at = f"{place}:{number}"
            yield Row(at, at, _pack(doc))

    def fields(self, content: bytes) -> list[str]:
        return list(_unpack(content, Vocab()).spans)

    def given(self, content: bytes, vocab: Vocab) -> str | Doc:
        return _unpack(content, vocab)

    def annotated(self, content: bytes, spans: Sequence[FoundSpan], vocab: Vocab) -> bytes:
        # The pipeline may have changed the doc that it was given. This is the one that was read.
        doc = _unpack(content, vocab)
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
