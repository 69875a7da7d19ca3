"""Writing documents to DocBins while they are read, and counting them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spacy.tokens import Doc, DocBin

from ..scorer import inside_another

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
