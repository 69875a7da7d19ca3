"""LitBank: a token and four columns of BIO tags a line, one column a nesting layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..errors import Errors

N_LAYERS = 4


def read_litbank(path: Path, vocab: Vocab, *, spans_key: str = "sc") -> Doc:
    """Read one document of LitBank's `entities/tsv`.

    path (Path): The file. A blank line ends a sentence.
    vocab (Vocab): The vocabulary of the doc.
    spans_key (str): Key of doc.spans to write the entities to; those in several layers are kept once.
    RETURNS (Doc): The document, with sentence starts; its tokens are joined by single spaces.
    RAISES (ValueError): If a line has not the columns or tags of the format.
    """
    words: list[str] = []
    sent_starts: list[bool | int | None] = []
    spans: set[tuple[int, int, str]] = set()
    open_spans: list[tuple[int, str] | None] = [None] * N_LAYERS
    at_start = True
    for number, line in enumerate(_lines(path), start=1):
        columns = line.split("\t")
        if not line:
            _close(open_spans, range(N_LAYERS), len(words), spans)
            at_start = True
            continue
        if len(columns) < N_LAYERS + 1:
            problem = f"{len(columns)} column(s)"
            expected = f"a token and {N_LAYERS} tags, separated by tabs"
            raise ValueError(Errors.B013.format(path=path, line=number, problem=problem, expected=expected))
        for layer, tag in enumerate(columns[1 : N_LAYERS + 1]):
            prefix, _, label = tag.partition("-")
            if tag != "O" and (prefix not in ("B", "I") or not label):
                problem, expected = f"the tag {tag!r}", "O, B-LABEL or I-LABEL"
                raise ValueError(Errors.B013.format(path=path, line=number, problem=problem, expected=expected))
            current = open_spans[layer]
            if prefix == "I" and (current is None or current[1] != label):
                problem, expected = f"the tag {tag!r} in layer {layer + 1}", f"B-{label} before it"
                raise ValueError(Errors.B013.format(path=path, line=number, problem=problem, expected=expected))
            if prefix != "I":
                _close(open_spans, [layer], len(words), spans)
            if prefix == "B":
                open_spans[layer] = (len(words), label)
        words.append(columns[0])
        sent_starts.append(at_start)
        at_start = False
    _close(open_spans, range(N_LAYERS), len(words), spans)
    doc = Doc(vocab, words=words, sent_starts=sent_starts)
    doc.spans[spans_key] = [Span(doc, a, b, label=label) for a, b, label in sorted(spans)]
    return doc


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf8") as file:
        for line in file:
            yield line.strip("\n\t ")


def _close(
    open_spans: list[tuple[int, str] | None], layers: range | list[int], end: int, spans: set[tuple[int, int, str]]
) -> None:
    for layer in layers:
        span = open_spans[layer]
        if span is not None:
            spans.add((span[0], end, span[1]))
            open_spans[layer] = None


def read_litbank_split(folder: Path, names: Path, vocab: Vocab, *, spans_key: str = "sc") -> Iterator[Doc]:
    """Read the documents of one part of LitBank.

    folder (Path): Folder of the tsv files.
    names (Path): File with one document name a line.
    vocab (Vocab): The vocabulary of the docs.
    spans_key (str): Key of doc.spans to write the entities to.
    YIELDS (Doc): The documents, in the order of the names.
    """
    for name in names.read_text(encoding="utf8").split():
        yield read_litbank(folder / f"{name}_brat.tsv", vocab, spans_key=spans_key)
