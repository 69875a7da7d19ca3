"""Write documents to DocBins while they are read, count them, and read DocBins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy
from spacy.attrs import DEP, ENT_ID, ENT_KB_ID, ENT_TYPE, LEMMA, MORPH, NORM, ORTH, TAG
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import Errors
from ..gold import GoldCounts
from ..scorer import inside_another
from .files import open_file
from .problems import SHOWN_PROBLEM, shorten

SUFFIX = ".spacy"
# Attributes of a token that are strings.
STRINGS = [ORTH, NORM, LEMMA, TAG, DEP, MORPH, ENT_TYPE, ENT_KB_ID, ENT_ID]
ELSEWHERE = "Another format, or another option of the format (`--set`), may fit the files."

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
    """Write documents as they come. Only those of the current file are in memory. After an error no file is written.

    docs (Iterable[Doc]): The documents.
    output (Path): A file that ends in .spacy, for all documents, or a folder, which receives files 00001.spacy and so
        on. `spacy.Corpus` reads both. A file of the same name is replaced.
    spans_key (str): Key of the spans to count. Defaults to "sc".
    shard (int): Maximum number of documents per file in a folder. A file also ends at half a million tokens. Defaults
        to 1000.
    RETURNS (Counts): What was written.
    RAISES (ValueError): If there is no document, or no document has a span.
    """
    single = output.suffix == SUFFIX
    folder = output.parent if single else output
    folder.mkdir(parents=True, exist_ok=True)
    counts, gold = Counts(), GoldCounts(spans_key)
    docbin = DocBin()
    n_tokens = 0
    # Half a corpus looks like a whole one. So the files are moved to their place when all are complete.
    with TemporaryDirectory(dir=folder, prefix=".") as temporary:
        written: list[Path] = []
        for doc in docs:
            if not single and (len(docbin) >= shard or n_tokens >= MAX_TOKENS):
                written.append(_write(docbin, Path(temporary), len(written)))
                docbin, n_tokens = DocBin(), 0
            _add(docbin, doc)
            counts.add(doc, spans_key)
            gold.add(doc)
            n_tokens += len(doc)
        if not counts.documents:
            raise ValueError(Errors.B047.format(place=f"to write to {output}", left_out=""))
        if not counts.spans:
            others = [key for key, n in gold.groups.most_common() if n]
            advice = f"Name one of these groups by `--spans-key`, such as {others[0]}." if others else ELSEWHERE
            raise ValueError(Errors.B048.format(n=gold.docs, key=spans_key, found=gold.found(), advice=advice))
        written.append(_write(docbin, Path(temporary), len(written)))
        for path in written:
            os.replace(path, output if single else output / path.name)
    return counts


def _add(docbin: DocBin, doc: Doc) -> None:
    """Add a doc with its user data. To write none takes as long as to write some, a third of the time of a doc."""
    docbin.store_user_data = bool(doc.user_data)
    docbin.add(doc)
    if not doc.user_data:
        docbin.user_data.append(None)


def _write(docbin: DocBin, folder: Path, number: int) -> Path:
    docbin.store_user_data = True
    path = folder / f"{number + 1:05}{SUFFIX}"
    docbin.to_disk(path)
    return path


def read_docbin(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read the documents of a DocBin one at a time.

    path (Path): The file. It is held in memory.
    vocab (Vocab): The vocabulary of the docs.
    YIELDS (Doc): The documents.
    RAISES (ValueError): If the file can't be read or is not a DocBin.
    """
    with open_file(path) as file:
        content = file.read()
    try:
        for doc in DocBin().from_bytes(content).get_docs(vocab):
            _check(doc)
            yield doc
    # The bytes may be anything, and so may the error.
    except Exception as error:
        raise ValueError(Errors.B050.format(path=path, cause=shorten(repr(error), SHOWN_PROBLEM))) from error


def _check(doc: Doc) -> None:
    """Decode what spaCy decodes later, and check what it doesn't."""
    for number in numpy.unique(doc.to_array(STRINGS)):
        _ = doc.vocab.strings[number]
    _ = (doc.text, doc.ents)
    for key, group in doc.spans.items():
        for span in group:
            if not 0 <= span.start <= span.end <= len(doc):
                raise ValueError(f"a span of {len(doc)} tokens in doc.spans['{key}'] is at {span.start}:{span.end}")
            _ = (span.label_, span.kb_id_, span.id_)
