"""Inline nested markup: `[ORG University of [GPE Vermont]]`, one sentence a line."""

from __future__ import annotations

import re
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from ..errors import Errors

OPENING = re.compile(r"\[([^\s\[\]]+) ")


def parse_line(line: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Take the markup out of a line.

    line (str): Text with spans as `[LABEL text]`, which may nest.
    RETURNS (tuple): The plain text, and first character, end and label of each span, by start, outer first.
    RAISES (ValueError): If brackets don't match, or an opening one has no label; the message says what and where.
    """
    text = ""
    stack: list[tuple[int, str]] = []
    spans: list[tuple[int, int, str]] = []
    i = 0
    while i < len(line):
        if line[i] == "[":
            opening = OPENING.match(line, i)
            if opening is None:
                raise ValueError(f"no label after the [ at column {i + 1}")
            stack.append((len(text), opening[1]))
            i = opening.end()
        elif line[i] == "]":
            if not stack:
                raise ValueError(f"a ] without a [ at column {i + 1}")
            start, label = stack.pop()
            if start == len(text):
                raise ValueError(f"an empty span that ends at column {i + 1}")
            spans.append((start, len(text), label))
            i += 1
        else:
            text += line[i]
            i += 1
    if stack:
        raise ValueError(f"{len(stack)} unclosed [")
    return text, sorted(spans, key=lambda span: (span[0], -span[1], span[2]))


def read_inline(path: Path, nlp: Language, *, spans_key: str = "sc") -> Doc:
    """Read one document of inline markup.

    path (Path): The file. A line is a sentence, a blank line ends a paragraph, a line that begins with # is none
        of the text.
    nlp (Language): Its tokenizer makes the tokens.
    spans_key (str): Key of doc.spans to write the spans to.
    RETURNS (Doc): The document, with sentence starts.
    RAISES (ValueError): If the markup is wrong, or a span's borders are not those of tokens.
    """
    text = ""
    sentence_starts: set[int] = set()
    spans: list[tuple[int, int, str, int]] = []
    gap = ""
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), start=1):
        line = line.strip()
        if line.startswith("#"):
            continue
        if not line:
            gap = "\n\n" if text else ""
            continue
        try:
            sentence, found = parse_line(line)
        except ValueError as error:
            expected = "spans as [LABEL text], which may nest"
            raise ValueError(Errors.B013.format(path=path, line=number, problem=error, expected=expected)) from None
        text += gap
        sentence_starts.add(len(text))
        spans.extend((len(text) + start, len(text) + end, label, number) for start, end, label in found)
        text += sentence
        gap = " "
    doc = nlp.make_doc(text)
    for token in doc:
        token.is_sent_start = token.idx in sentence_starts
    group: list[Span] = []
    for start, end, label, number in spans:
        span = doc.char_span(start, end, label=label)
        if span is None:
            problem = f"the span {text[start:end]!r} begins or ends inside a token"
            expected = "borders of spans at those of tokens"
            raise ValueError(Errors.B013.format(path=path, line=number, problem=problem, expected=expected))
        group.append(span)
    doc.spans[spans_key] = SpanGroup(doc, name=spans_key, spans=group)
    return doc
