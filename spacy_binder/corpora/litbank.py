"""Read LitBank: one token and four columns of BIO tags per line, one column per nesting layer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Optional

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from .files import numbered_lines, read_names, require_names, source_files
from .problems import SHOWN_TEXT, Problems, shorten, wrong_format
from .spans import Annotation, set_spans_by_tokens
from .tags import Tag, parse_tag, spans_of_tags

N_LAYERS = 4
SUFFIX = "_brat.tsv"


def read_litbank(
    path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems, names: Optional[Path] = None
) -> Iterator[Doc]:
    """Read LitBank's `entities/tsv`.

    path (Path): A file or folder. Each file is a document. A blank line ends a sentence.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the entities. Defaults to "sc".
    problems (Problems): Counts entities that are in several layers. They are kept once.
    names: See `make_litbank_corpus`.
    YIELDS (Doc): The documents, with sentence starts. Tokens are joined by single spaces.
    RAISES (ValueError): If a listed document is missing, a column is missing, or a tag is wrong.
    """
    files = source_files(path, (".tsv",))
    if names is not None:
        files = _select(files, names, path)
    for file in files:
        yield _read_file(file, nlp, spans_key, problems)


def _select(files: list[Path], names: Path, path: Path) -> list[Path]:
    """RETURNS (list[Path]): The files of the listed documents, in the order of the list."""
    listed = [f"{name}{SUFFIX}" for name in read_names(names)]
    found: dict[str, Path] = {}
    for file in files:
        if file.name in listed and file.name in found:
            first = found[file.name].parent
            raise ValueError(Errors.B035.format(name=file.name, first=first, second=file.parent))
        found[file.name] = file
    require_names(listed, found, listed=names, path=path)
    return [found[name] for name in listed]


def _read_file(path: Path, nlp: Language, spans_key: str, problems: Problems) -> Doc:
    words: list[str] = []
    sent_starts: list[bool | int | None] = []
    annotations: list[Annotation] = []
    # Of the current sentence: one list of tags per layer, and one line number per token.
    layers: list[list[Tag]] = [[] for _ in range(N_LAYERS)]
    lines: list[int] = []
    # A blank line ends the last sentence.
    for number, line in chain(numbered_lines(path), [(0, "")]):
        columns = line.split("\t")
        if not line.strip("\t "):
            for layer, tags in enumerate(layers, start=1):
                spans, wrong = spans_of_tags(tags, lines, len(words) - len(lines), "iob2")
                for _, span in wrong:
                    problem = f"the tag 'I-{span.label}' in layer {layer}"
                    raise wrong_format(path, span.line, problem, f"B-{shorten(span.label, SHOWN_TEXT)} before it")
                annotations += spans
                tags.clear()
            lines.clear()
            continue
        word, texts, more = columns[0].strip(" "), columns[1 : N_LAYERS + 1], columns[N_LAYERS + 1 :]
        if not word or len(texts) < N_LAYERS or not {"", "O"}.issuperset(more):
            expected = f"a token and {N_LAYERS} tags, separated by tabs"
            raise wrong_format(path, number, f"{len(columns)} column(s) in {line!r}", expected)
        for tags, text in zip(layers, texts, strict=True):
            tag = parse_tag(text) if text[:2] in ("B-", "I-", "O") else None
            if tag is None:
                raise wrong_format(path, number, f"the tag {text!r}", "O, B-LABEL or I-LABEL")
            tags.append(tag)
        words.append(word)
        sent_starts.append(not lines)
        lines.append(number)
    doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
    set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=path, problems=problems)
    return doc
