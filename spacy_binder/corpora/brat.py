"""Read and write brat's standoff format: a text file, and beside it a file of entities by character offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..errors import Errors
from .files import numbered_lines, source_files, whole_text
from .problems import Problems, wrong_format
from .sentences import start_sentences_at_lines
from .spans import Annotation, set_spans_by_characters

TEXT, ANNOTATIONS = ".txt", ".ann"
# Python refuses to read a number of thousands of digits.
ENTITY = re.compile(r"T\S*\t(\S+) (\d{1,12} \d{1,12}(?:;\d{1,12} \d{1,12})*)(?:\t(.*))?", re.DOTALL)
# Relations, events, attributes (M in old files), normalizations, notes, equivalences: not read.
OTHER_KIND = re.compile(r"(?:[REAMN#]\S*|\*)\t")
LINE_BREAK = re.compile(r"[\r\n]+")


def read_brat(
    path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems, sentences: bool = False
) -> Iterator[Doc]:
    """Read the standoff format of brat: pairs of .txt and .ann files.

    path (Path): A folder, read with its subfolders, or one of the two files of a document.
    nlp (Language): Makes the tokens with its tokenizer.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts spans of several parts with text between them, spans with a different quoted text, and
        spans with borders inside tokens.
    sentences: See `make_brat_corpus`.
    YIELDS (Doc): The documents, sorted by name.
    RAISES (ValueError): If a file is missing or not in the format.
    """
    files = source_files(path, (TEXT, ANNOTATIONS))
    if path.is_file():
        files = [file for file in path.parent.iterdir() if file.stem == path.stem and file.is_file()]
    # Endings may have capitals.
    pairs: dict[Path, dict[str, Path]] = {}
    for file in sorted(files):
        pairs.setdefault(file.with_suffix(TEXT), {}).setdefault(file.suffix.lower(), file)
    for named, pair in sorted(pairs.items()):
        for ending, other in ((TEXT, ANNOTATIONS), (ANNOTATIONS, TEXT)):
            if ending not in pair:
                raise ValueError(Errors.B031.format(path=pair[other], missing=named.with_suffix(ending).name))
        text_path, annotations_path = pair[TEXT], pair[ANNOTATIONS]
        text = whole_text(text_path)
        doc = nlp.tokenizer(text)
        annotations = list(_read_annotations(annotations_path, text, problems))
        set_spans_by_characters(doc, annotations, spans_key=spans_key, path=annotations_path, problems=problems)
        if sentences:
            start_sentences_at_lines(doc)
        yield doc


def write_brat(doc: Doc, path: Path, *, spans_key: str = "sc") -> None:
    """Write a document in the standoff format of brat.

    doc (Doc): The document.
    path (Path): The files to write, without the suffixes .txt and .ann.
    spans_key (str): Key of the spans to write. A doc without this key has no spans. Defaults to "sc".
    RAISES (ValueError): If a label is empty or contains whitespace. The format has no way to write it.
    """
    lines = []
    for number, span in enumerate(doc.spans.get(spans_key, ()), start=1):
        if not span.label_ or len(span.label_.split()) != 1 or span.label_ != span.label_.strip():
            raise ValueError(Errors.B032.format(label=span.label_, text=span.text))
        parts = ";".join(f"{start} {end}" for start, end in _parts(span))
        lines.append(f"T{number}\t{span.label_} {parts}\t{LINE_BREAK.sub(' ', span.text)}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((TEXT, doc.text), (ANNOTATIONS, "".join(lines))):
        path.with_name(path.name + suffix).write_text(content, encoding="utf-8", newline="")


def _parts(span: Span) -> list[tuple[int, int]]:
    """RETURNS (list): Start and end of each part. brat breaks a span at the end of a line."""
    text, start = span.text, span.start_char
    if text[0] in "\r\n" or text[-1] in "\r\n":
        # These line breaks belong to the span. Without them the span would be shorter.
        return [(start, span.end_char)]
    breaks = [match.span() for match in LINE_BREAK.finditer(text)]
    starts = [0, *(end for _, end in breaks)]
    ends = [*(begin for begin, _ in breaks), len(text)]
    return [(start + a, start + b) for a, b in zip(starts, ends, strict=True)]


def _read_annotations(path: Path, text: str, problems: Problems) -> Iterator[Annotation]:
    for number, line in numbered_lines(path):
        if not line.strip() or OTHER_KIND.match(line):
            continue
        match = ENTITY.fullmatch(line)
        if match is None:
            problem = f"the annotation {line[:60]!r}"
            raise wrong_format(path, number, problem, "T1, a tab, LABEL START END, a tab, and the text")
        label, parts, quoted = match.groups()
        borders = [(int(start), int(end)) for start, end in map(str.split, parts.split(";"))]
        start, end = borders[0][0], borders[-1][1]
        between = zip((end for _, end in borders[:-1]), (start for start, _ in borders[1:]), strict=True)
        if any(a > b or text[a:b].strip() for a, b in between):
            problems.add("discontinuous", path, number, quoted or parts)
        else:
            yield Annotation(start, end, label, number, text=quoted or "")
