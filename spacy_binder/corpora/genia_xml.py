"""Read GENIA 3.02 as XML: sentences with nested `cons` elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from spacy.language import Language
from spacy.tokens import Doc

from .files import LINE, source_files, xml_events
from .problems import Problems, wrong_format
from .sentences import set_sentence_starts
from .spans import Annotation, set_spans_by_characters

# The five types of the usual evaluation. GENIA's ontology has 36 classes.
FAMILIES = ("DNA", "RNA", "protein", "cell_line", "cell_type")
CLASS = re.compile(r"G#([^\s()]+)")
EXPECTED = "GENIA's XML"


def read_genia_xml(
    path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems, all_types: bool = False
) -> Iterator[Doc]:
    """Read the XML of GENIA 3.02.

    path (Path): A file or folder.
    nlp (Language): Makes the tokens with its tokenizer.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts coordinated entities (several entities that share words), entities of other types, and
        entities that begin or end inside a token.
    all_types: See `make_genia_xml_corpus`.
    YIELDS (Doc): The title and abstract of an article, with sentence starts.
    RAISES (ValueError): If a file is not such XML.
    """
    for file in source_files(path, (".xml",)):
        n_articles = 0
        for number, article in _articles(file):
            n_articles += 1
            yield _make_doc(article, number, nlp, spans_key, file, problems, all_types)
        if not n_articles:
            raise wrong_format(file, 1, "no <article>", EXPECTED)


def _articles(path: Path) -> Iterator[tuple[int, Element]]:
    """YIELDS (tuple[int, Element]): Line and element of each article. Only the current article is in memory."""
    root: Element | None = None
    for event, element in xml_events(path, EXPECTED):
        root = element if root is None else root
        if event == "end" and element.tag == "article":
            yield int(element.get(LINE, 0)), element
            if root is not element:
                root.clear()


def _make_doc(
    article: Element, number: int, nlp: Language, spans_key: str, path: Path, problems: Problems, all_types: bool
) -> Doc:
    parts: list[str] = []
    length = 0
    sentence_starts: set[int] = set()
    annotations: list[Annotation] = []
    n_sections = 0
    for section in article:
        if section.tag not in ("title", "abstract"):
            continue
        n_sections += 1
        gap = "\n" if parts else ""
        for sentence in section.iter("sentence"):
            text, found = _read(sentence, "")
            text = text.rstrip()
            if not text and not found:
                continue
            length += len(gap)
            sentence_starts.add(length)
            for element, start, end in found:
                label = _label(element, text[start:end], path, problems, all_types)
                if label:
                    annotations.append(Annotation(length + start, length + end, label, int(element.get(LINE, 0))))
            length += len(text)
            parts += [gap, text]
            gap = " "
    if not n_sections:
        raise wrong_format(path, number, "an <article> without <title> and <abstract>", EXPECTED)
    doc = nlp.tokenizer("".join(parts))
    set_sentence_starts(doc, (token.idx in sentence_starts for token in doc))
    set_spans_by_characters(doc, annotations, spans_key=spans_key, path=path, problems=problems)
    return doc


def _read(element: Element, text: str) -> tuple[str, list[tuple[Element, int, int]]]:
    """RETURNS (tuple): The text plus that of the element, whitespace collapsed, and each `cons` with start and end."""
    found = []
    text = _append(text, element.text)
    for child in element:
        start = len(text)
        text, inner = _read(child, text)
        end = len(text)
        if child.tag == "cons":
            while start < end and text[start].isspace():
                start += 1
            while end > start and text[end - 1].isspace():
                end -= 1
            found.append((child, start, end))
        found += inner
        text = _append(text, child.tail)
    return text, found


def _append(text: str, more: str | None) -> str:
    """RETURNS (str): The text plus more text, with single spaces."""
    words = " ".join((more or "").split())
    if not more:
        return text
    before = " " if more[0].isspace() and text and not text[-1].isspace() else ""
    after = " " if words and more[-1].isspace() else ""
    return f"{text}{before}{words}{after}"


def _label(element: Element, text: str, path: Path, problems: Problems, all_types: bool) -> str:
    """RETURNS (str): The label of an element, or "" for none."""
    sem = element.get("sem", "")
    line = int(element.get(LINE, 0))
    if not sem:
        # A part of a coordinated entity.
        return ""
    names = CLASS.findall(sem)
    labels = names if all_types else [label for label in map(_family, names) if label]
    if not labels:
        problems.add("other type", path, line, text, intended=True)
    elif len(names) > 1:
        problems.add("coordinated", path, line, text)
    else:
        return labels[0]
    return ""


def _family(name: str) -> str:
    """RETURNS (str): The type, one of five, of a class of the ontology, or "" for none."""
    return next((family for family in FAMILIES if name == family or name.startswith(f"{family}_")), "")
