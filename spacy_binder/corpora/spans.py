"""Make a span group of a doc from annotations by characters or by tokens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc, Span, SpanGroup

from .problems import Problems


class Annotation(NamedTuple):
    """A labelled part of a document.

    start (int): First character or token.
    end (int): End, exclusive.
    label (str): The label.
    line (int): Its line in the file, or 0 for formats without lines.
    id (str): What it is a mention of, or "" if the format doesn't say it. It becomes `span.id_`.
    text (str): Its text as the file has it, or "" if it doesn't. If the document has another text there, apart from
        whitespace, it is a problem. Annotations by tokens have none.
    """

    start: int
    end: int
    label: str
    line: int
    id: str = ""
    text: str = ""


def set_spans_by_characters(
    doc: Doc, annotations: Iterable[Annotation], *, spans_key: str, path: Path, problems: Problems
) -> None:
    """Add a span group to a doc, from annotations by characters.

    doc (Doc): The doc. Without annotations its group is empty.
    annotations (Iterable[Annotation]): Offsets into doc.text, end exclusive.
    spans_key (str): Key of doc.spans.
    path (Path): The file of the annotations.
    problems (Problems): Counts the annotations that do not fit.
    RAISES (ValueError): If there is a problem and `problems` is strict.
    """
    # spaCy computes doc.text at each access.
    whole = doc.text
    spans = []
    for annotation in annotations:
        start, end, label, line, entity, quoted = annotation
        text = whole[max(start, 0) : max(end, 0)]
        if _is_possible(annotation, len(whole), text, path, problems):
            if quoted and quoted.split() != text.split():
                problems.add("other text", path, line, quoted)
                continue
            is_trimmed = text[0].isspace() or text[-1].isspace()
            span = doc.char_span(*trim(text, start), label=label, span_id=entity) if is_trimmed else None
            if span is not None:
                problems.add("trimmed", path, line, text)
            else:
                # Also where the whitespace is part of a token.
                span = doc.char_span(start, end, label=label, span_id=entity)
            if span is None:
                problems.add("misaligned", path, line, text)
                continue
            spans.append((span, line))
    _set_group(doc, spans, spans_key, path, problems)


def trim(text: str, start: int) -> tuple[int, int]:
    """Leave out the whitespace at both ends of a text.

    text (str): The text.
    start (int): Place of its first character in the document.
    RETURNS (tuple[int, int]): Start and end in the document. They are the same if there is only whitespace.
    """
    start += len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def set_spans_by_tokens(
    doc: Doc, annotations: Iterable[Annotation], *, spans_key: str, path: Path, problems: Problems
) -> None:
    """Add a span group to a doc, from annotations by tokens.

    doc (Doc): The doc. Without annotations its group is empty.
    annotations (Iterable[Annotation]): Offsets into the doc's tokens, end exclusive.
    spans_key (str): Key of doc.spans.
    path (Path): The file of the annotations.
    problems (Problems): Counts the annotations that do not fit.
    RAISES (ValueError): If there is a problem and `problems` is strict.
    """
    spans = []
    for annotation in annotations:
        start, end, label, line, entity, _ = annotation
        if _is_possible(annotation, len(doc), "", path, problems):
            if doc[start].is_space or doc[end - 1].is_space:
                text = doc[start:end].text
                words = [i for i in range(start, end) if not doc[i].is_space]
                problems.add("trimmed" if words else "empty", path, line, text)
                if not words:
                    continue
                start, end = words[0], words[-1] + 1
            spans.append((Span(doc, start, end, label=label, span_id=entity), line))
    _set_group(doc, spans, spans_key, path, problems)


def _is_possible(annotation: Annotation, length: int, text: str, path: Path, problems: Problems) -> bool:
    start, end, label, line, *_ = annotation
    if end < start:
        kind = "inverted"
    elif start < 0 or end > length:
        kind = "out of range"
    elif start == end or text.isspace():
        kind = "empty"
    elif not label:
        kind = "no label"
    else:
        return True
    problems.add(kind, path, line, text or f"{label} at {start}:{end}")
    return False


def _set_group(doc: Doc, spans: list[tuple[Span, int]], key: str, path: Path, problems: Problems) -> None:
    seen: set[tuple[int, int, str]] = set()
    group = []
    for span, line in sorted(spans, key=lambda item: (item[0].start, -item[0].end, item[0].label_)):
        extent = (span.start, span.end, span.label_)
        if extent in seen:
            problems.add("duplicate", path, line, span.text)
        else:
            seen.add(extent)
            group.append(span)
    doc.spans[key] = SpanGroup(doc, name=key, spans=group)
