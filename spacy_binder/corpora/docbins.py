"""Writing documents to DocBins while they are read, and counting them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from spacy.tokens import Doc, DocBin
from srsly.msgpack import Packer

from ..scorer import inside_another

# srsly looks its encoders up among all entry points for each call, which takes longer than all the rest of a short doc.
PACKER = Packer(use_bin_type=True)

# Measured: a DocBin takes some 500 bytes a token while it is written, so a file of this size 250 MB.
MAX_TOKENS = 500_000


@dataclass
class Counts:
    """What was written.

    documents, sentences, tokens, spans, inside (int): How many; `inside` counts the spans inside another one, and
        sentences are 0 where the format has none.
    """

    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    spans: int = 0
    inside: int = 0

    def add(self, doc: Doc, spans_key: str) -> None:
        """Count a doc and the spans of one of its groups."""
        self.documents += 1
        self.sentences += sum(1 for _ in doc.sents) if doc.has_annotation("SENT_START") else 0
        self.tokens += len(doc)
        self.spans += len(doc.spans[spans_key])
        self.inside += inside_another(doc, spans_key)

    def row(self) -> tuple[str, ...]:
        """RETURNS (tuple[str, ...]): The counts for a table with the header HEADER."""
        return tuple(f"{n:,}" for n in (self.documents, self.sentences, self.tokens, self.spans, self.inside))


HEADER = ("Documents", "Sentences", "Tokens", "Spans", "Inside another")


def pack_spans(doc: Doc) -> bytes:
    """RETURNS (bytes): The same as `doc.spans.to_bytes()`, ten times as fast."""
    groups: dict[bytes, list[str]] = {}
    for key, group in doc.spans.items():
        spans = [
            struct.pack(">QQQllll", s.id, s.kb_id, s.label, s.start, s.end, s.start_char, s.end_char) for s in group
        ]
        packed = PACKER.pack({"name": group.name, "attrs": group.attrs, "spans": spans})
        groups.setdefault(packed, []).append(key)
    return PACKER.pack(groups)


class SpansDocBin(DocBin):
    """A DocBin that packs spans with `pack_spans`."""

    def __init__(self) -> None:
        """Start without docs."""
        super().__init__()
        self._is_same: Optional[bool] = None

    def add(self, doc: Doc) -> None:
        """Add a doc.

        doc (Doc): The doc. Is without its span groups meanwhile.
        """
        groups = dict(doc.spans)
        packed = pack_spans(doc)
        if groups and self._is_same is None:
            # A spaCy that packs spans in another way than this one is left to do so.
            self._is_same = packed == doc.spans.to_bytes()
        if not groups or not self._is_same:
            super().add(doc)
            return
        doc.spans.clear()
        try:
            super().add(doc)
        finally:
            doc.spans.update(groups)
        self.span_groups[-1] = packed
        for group in groups.values():
            for span in group:
                self.strings.update((span.label_, span.kb_id_, span.id_))


def write_docbins(docs: Iterable[Doc], output: Path, *, spans_key: str = "sc", shard: int = 1000) -> Counts:
    """Write documents as they come.

    docs (Iterable[Doc]): The documents; only those of the current file are held, packed.
    output (Path): A file that ends in .spacy, which gets them all, or a folder, which gets files 00001.spacy and on.
        spaCy's own reader takes either.
    spans_key (str): Key of the spans to count.
    shard (int): The most documents of a file in a folder. It also ends at half a million tokens.
    RETURNS (Counts): What was written. After an error nothing is.
    """
    single = output.suffix == ".spacy"
    (output.parent if single else output).mkdir(parents=True, exist_ok=True)
    counts = Counts()
    docbin = SpansDocBin()
    written: list[Path] = []
    n_tokens = 0

    def write() -> None:
        nonlocal docbin, n_tokens
        written.append(output if single else output / f"{len(written) + 1:05}.spacy")
        docbin.to_disk(written[-1])
        docbin, n_tokens = SpansDocBin(), 0

    try:
        for doc in docs:
            docbin.add(doc)
            counts.add(doc, spans_key)
            n_tokens += len(doc)
            if not single and (len(docbin) >= shard or n_tokens >= MAX_TOKENS):
                write()
        if len(docbin) or not written:
            write()
    except BaseException:
        # Half a corpus looks like a whole one.
        for path in written:
            path.unlink()
        raise
    return counts
