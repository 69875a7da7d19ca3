"""Read nested inline markup: `[ORG University of [GPE Vermont]]`, one sentence per line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from .files import numbered_lines, source_files
from .problems import Problems, wrong_format
from .sentences import set_sentence_starts
from .spans import Annotation, set_spans_by_characters

PIECE = re.compile(r"\[(?P<label>[^\s\[\]]+) |[\[\]]|[^\[\]]+")


def parse_line(line: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Split a line into text and spans.

    line (str): Text with spans as `[LABEL text]`, which may nest.
    RETURNS (tuple): The plain text, and start, end and label of each span, sorted by start, outer spans first.
    RAISES (ValueError): If brackets don't match, or a span has no label or no text.
    """
    text = ""
    stack: list[tuple[int, str]] = []
    spans: list[tuple[int, int, str]] = []
    for piece in PIECE.finditer(line):
        column = piece.start() + 1
        if piece["label"]:
            stack.append((len(text), piece["label"]))
        elif piece[0] == "[":
            raise ValueError(f"no label after the [ at column {column}")
        elif piece[0] != "]":
            text += piece[0]
        elif not stack:
            raise ValueError(f"a ] without a [ at column {column}")
        else:
            start, label = stack.pop()
            if start == len(text):
                raise ValueError(f"an empty span that ends at column {column}")
            spans.append((start, len(text), label))
    if stack:
        raise ValueError(f"{len(stack)} unclosed [")
    return text, sorted(spans, key=lambda span: (span[0], -span[1], span[2]))


def read_inline(path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems) -> Iterator[Doc]:
    """Read inline markup.

    path (Path): A file or folder. Each file is a document, and each line a sentence. A blank line ends a paragraph. A
        line that begins with # is a comment.
    nlp (Language): Makes the tokens with its tokenizer.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts spans with borders inside tokens, and comments with spans but no space after the #.
    YIELDS (Doc): The documents, with sentence starts.
    RAISES (ValueError): If the markup is wrong.
    """
    for file in source_files(path, (".txt",)):
        yield _read_file(file, nlp, spans_key, problems)


def _read_file(path: Path, nlp: Language, spans_key: str, problems: Problems) -> Doc:
    text = ""
    sentence_starts: set[int] = set()
    annotations: list[Annotation] = []
    gap = ""
    for number, line in numbered_lines(path):
        line = line.strip()
        if line.startswith("#"):
            # A sentence may begin with a hashtag, and nobody means to lose its spans.
            if line[1:2].strip() and any(piece["label"] for piece in PIECE.finditer(line)):
                problems.add("in a comment", path, number, line)
            continue
        if not line:
            gap = "\n\n" if text else ""
            continue
        try:
            sentence, found = parse_line(line)
        except ValueError as error:
            raise wrong_format(path, number, str(error), "spans as [LABEL text], which may nest") from None
        text += gap
        sentence_starts.add(len(text))
        annotations.extend(Annotation(len(text) + start, len(text) + end, label, number) for start, end, label in found)
        text += sentence
        gap = " "
    doc = nlp.tokenizer(text)
    set_sentence_starts(doc, (token.idx in sentence_starts for token in doc))
    set_spans_by_characters(doc, annotations, spans_key=spans_key, path=path, problems=problems)
    return doc
