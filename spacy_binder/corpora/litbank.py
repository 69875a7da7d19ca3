"""LitBank: a token and four columns of BIO tags a line, one column a nesting layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from spacy.language import Language
from spacy.tokens import Doc

from .files import numbered_lines, source_files
from .problems import Problems, wrong_format
from .spans import Annotation, set_spans_by_tokens

N_LAYERS = 4


def read_litbank(
    path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems, names: Optional[Path] = None
) -> Iterator[Doc]:
    """Read LitBank's `entities/tsv`.

    path (Path): A file, which is a document, or a folder. A blank line ends a sentence.
    nlp (Language): Its vocabulary is that of the docs.
    spans_key (str): Key of doc.spans to write the entities to; those in several layers are kept once.
    problems (Problems): Counts the entities that are in several layers.
    names (Path): File with one document name a line: only these are read, in this order.
    YIELDS (Doc): The documents, with sentence starts; tokens are joined by single spaces.
    RAISES (ValueError): If a line has not the columns or tags of the format.
    """
    if names is None:
        files = source_files(path, (".tsv",))
    else:
        files = [path / f"{name}_brat.tsv" for name in Path(names).read_text(encoding="utf8").split()]
    for file in files:
        yield _read_file(file, nlp, spans_key, problems)


def _read_file(path: Path, nlp: Language, spans_key: str, problems: Problems) -> Doc:
    words: list[str] = []
    sent_starts: list[bool | int | None] = []
    annotations: list[Annotation] = []
    open_spans: list[tuple[int, str, int] | None] = [None] * N_LAYERS
    at_start = True

    def close(layers: range | list[int]) -> None:
        for layer in layers:
            span = open_spans[layer]
            if span is not None:
                start, label, line = span
                annotations.append(Annotation(start, len(words), label, line))
                open_spans[layer] = None

    for number, line in numbered_lines(path):
        columns = line.strip("\n\t ").split("\t")
        if columns == [""]:
            close(range(N_LAYERS))
            at_start = True
            continue
        if len(columns) < N_LAYERS + 1:
            expected = f"a token and {N_LAYERS} tags, separated by tabs"
            raise wrong_format(path, number, f"{len(columns)} column(s)", expected)
        for layer, tag in enumerate(columns[1 : N_LAYERS + 1]):
            prefix, _, label = tag.partition("-")
            if tag != "O" and (prefix not in ("B", "I") or not label):
                raise wrong_format(path, number, f"the tag {tag!r}", "O, B-LABEL or I-LABEL")
            current = open_spans[layer]
            if prefix == "I" and (current is None or current[1] != label):
                raise wrong_format(path, number, f"the tag {tag!r} in layer {layer + 1}", f"B-{label} before it")
            if prefix != "I":
                close([layer])
            if prefix == "B":
                open_spans[layer] = (len(words), label, number)
        words.append(columns[0])
        sent_starts.append(at_start)
        at_start = False
    close(range(N_LAYERS))
    doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
    set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=path, problems=problems)
    return doc
