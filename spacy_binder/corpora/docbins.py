"""Write documents to DocBins while they are read, and count them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spacy.tokens import Doc, DocBin

from ..scorer import inside_another

# Measured: a DocBin needs about 500 bytes per token while it is written, so 250 MB for a file of this size.
MAX_TOKENS = 500_000


@dataclass
class Counts:
    """Numbers of what was written.

    documents (int): Documents.
    sentences (int): Sentences, 0 for formats without sentences.
    tokens (int): Tokens.
    spans (int): Spans.
    inside (int): Spans inside another span.
    """

    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    spans: int = 0
    inside: int = 0

    def add(self, doc: Doc, spans_key: str) -> None:
        """Add a doc and the spans of one of its groups."""
        self.documents += 1
        self.sentences += sum(1 for _ in doc.sents) if doc.has_annotation("SENT_START") else 0
        self.tokens += len(doc)
        self.spans += len(doc.spans[spans_key])
        self.inside += inside_another(doc, spans_key)

    def row(self) -> tuple[str, ...]:
        """RETURNS (tuple[str, ...]): The counts as a row of a table with the header HEADER."""
        return tuple(f"{n:,}" for n in (self.documents, self.sentences, self.tokens, self.spans, self.inside))


HEADER = ("Documents", "Sentences", "Tokens", "Spans", "Inside another")


def write_docbins(docs: Iterable[Doc], output: Path, *, spans_key: str = "sc", shard: int = 1000) -> Counts:
    """Write documents as they come. Only those of the current file are in memory. After an error no file is left.

    docs (Iterable[Doc]): The documents.
    output (Path): A file that ends in .spacy, for all documents, or a folder, which receives files 00001.spacy and so
        on. `spacy.Corpus` reads both.
    spans_key (str): Key of the spans to count. Defaults to "sc".
    shard (int): Maximum number of documents per file in a folder. A file also ends at half a million tokens. Defaults
        to 1000.
    RETURNS (Counts): What was written.
    """
    single = output.suffix == ".spacy"
    (output.parent if single else output).mkdir(parents=True, exist_ok=True)
    counts = Counts()
    docbin = DocBin()
    written: list[Path] = []
    n_tokens = 0

    def write() -> None:
        nonlocal docbin, n_tokens
        written.append(output if single else output / f"{len(written) + 1:05}.spacy")
        docbin.to_disk(written[-1])
        docbin, n_tokens = DocBin(), 0

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
