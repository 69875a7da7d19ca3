"""Rows to annotate: the sentences of DocBins, again and again."""

import json
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from spacy.tokens import DocBin
from spacy.vocab import Vocab


def write_rows(paths: list[Path], n: int, output: Path) -> None:
    """Write rows in JSONL.

    paths (list[Path]): The DocBins. Docs without sentence starts are one sentence.
    n (int): How many rows. The first sentence follows the last one.
    output (Path): The file.
    """
    texts = [text for path in paths for text in _sentences(path) if text.strip()]
    with output.open("w", encoding="utf8") as file:
        for i, text in enumerate(islice(cycle(texts), n)):
            file.write(json.dumps({"id": i, "text": text}, ensure_ascii=False) + "\n")


def read_texts(path: Path) -> Iterator[str]:
    """YIELDS (str): The texts of rows."""
    with path.open(encoding="utf8") as file:
        for line in file:
            yield json.loads(line)["text"]


def _sentences(path: Path) -> Iterator[str]:
    for doc in DocBin().from_disk(path).get_docs(Vocab()):
        sentences = doc.sents if doc.has_annotation("SENT_START") else [doc]
        yield from (sentence.text for sentence in sentences)
