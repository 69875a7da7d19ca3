"""Read ACE 2004 and ACE 2005 as the Linguistic Data Consortium distributes them: texts in SGML, annotations in APF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Optional

import numpy
from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc

from ..errors import Errors
from .ace_apf import read_apf
from .ace_sgml import OUTSIDE, Source, read_sgml
from .files import read_names, require_names, source_files
from .problems import Problems
from .sentences import set_sentence_starts
from .spans import Annotation, set_spans_by_characters, trim

TYPES = ("FAC", "GPE", "LOC", "ORG", "PER", "VEH", "WEA")
MENTIONS = ("extent", "head")
SOURCE = ".sgm"
# On the discs of 2004 names are in capitals and have no other dots. Some suffixes are shortened to _A.XML.
FILE_NAME = re.compile(r"(.+?)(\.sgm|[._]apf\.xml|_a\.xml)", re.IGNORECASE)
SUFFIXES = (SOURCE, ".SGM", ".apf.xml", "_APF.XML", "_A.XML")
# 2005 has each document in several folders: first and second annotation, adjudicated, and with normalized times.
FIRST_PASSES = ("fp1", "fp2")
BEST_FOLDERS = ("timex2norm", "adj")


def read_ace(
    path: Path,
    nlp: Language,
    *,
    spans_key: str = "sc",
    problems: Problems,
    mention: str = "extent",
    documents: Optional[Path] = None,
    headlines: bool = False,
) -> Iterator[Doc]:
    """Read the English part of ACE 2004 or ACE 2005.

    The text of a document is the content of <TEXT>, including speakers and posters, as in the preprocessing of most
    papers. Tags and blank lines end a paragraph and its sentence. Lines of a paragraph are joined by a space. No
    sentence begins inside a mention.

    path (Path): The distribution, its folder data/English, a folder inside it, or a file. For ACE 2005, timex2norm is
        read, or adj for documents that timex2norm lacks. fp1 and fp2 are never read.
    nlp (Language): Makes the tokens with its tokenizer, and the sentences with its sentencizer or a default one.
    spans_key (str): Key of doc.spans that receives the mentions. Their labels are the entity types. Defaults to "sc".
    problems (Problems): Counts mentions outside the text, with a different quoted text, with borders inside tokens, or
        with the extent and type of an earlier one.
    mention, documents, headlines: See `make_ace_corpus`.
    YIELDS (Doc): The documents, with sentence starts.
    RAISES (ValueError): If a file is missing or not in the format.
    """
    if mention not in MENTIONS:
        raise ValueError(Errors.B016.format(kind="value of `mention`", name=mention, known=", ".join(MENTIONS)))
    files = _find_files(path)
    names = list(files)
    if documents is not None:
        listed = read_names(documents)
        require_names(listed, (name for name in listed if _key(name) in files), listed=documents, path=path)
        names = [_key(name) for name in listed]
    sentencizer = next((pipe for _, pipe in nlp.pipeline if isinstance(pipe, Sentencizer)), None) or Sentencizer()
    for name in names:
        source_path, annotation_path = files[name]
        source = read_sgml(source_path, headlines=headlines)
        doc = sentencizer(nlp.tokenizer(source.text))
        mentions = read_apf(annotation_path, mention)
        found = (_locate(m, quoted, source, annotation_path, problems) for m, quoted in mentions)
        annotations = [annotation for annotation in found if annotation is not None]
        set_spans_by_characters(doc, annotations, spans_key=spans_key, path=annotation_path, problems=problems)
        _mend_sentences(doc, source.paragraphs, spans_key)
        yield doc


def _key(name: str) -> str:
    """RETURNS (str): The name of a document in one normalized spelling."""
    name = name.rsplit("/", maxsplit=1)[-1]
    match = FILE_NAME.fullmatch(name)
    return (match[1] if match else name).replace(".", "_").upper()


def _find_files(path: Path) -> dict[str, tuple[Path, Path]]:
    """RETURNS (dict): The source file and the annotation file of each document, sorted by path."""
    if path.is_file():
        folder = path.parent
        candidates = [file for file in sorted(folder.iterdir()) if _key(file.name) == _key(path.name)]
    else:
        folder = path
        candidates = source_files(path, SUFFIXES)
        english = [file for file in candidates if "english" in str(file.parent.relative_to(folder)).lower()]
        candidates = english or candidates
    found: dict[tuple[str, Path], dict[bool, Path]] = {}
    for file in candidates:
        match = FILE_NAME.fullmatch(file.name)
        if match and file.parent.name.lower() not in FIRST_PASSES:
            found.setdefault((_key(file.name), file.parent), {})[match[2].lower() == SOURCE] = file
    if not found:
        raise ValueError(Errors.B029.format(path=path, suffixes=f"{SOURCE} outside {' and '.join(FIRST_PASSES)}"))
    files: dict[str, tuple[Path, Path]] = {}
    for (name, parent), pair in sorted(found.items(), key=lambda item: (_rank(item[0][1]), item[0][1], item[0][0])):
        known = files.get(name)
        if known is not None:
            if _rank(known[0].parent) == _rank(parent):
                raise ValueError(Errors.B035.format(name=name, first=known[0].parent, second=parent))
        elif len(pair) < 2:
            [(is_source, file)] = pair.items()
            raise ValueError(Errors.B033.format(path=file, missing=".apf.xml" if is_source else SOURCE))
        else:
            files[name] = (pair[True], pair[False])
    return dict(sorted(files.items(), key=lambda item: item[1][0]))


def _rank(folder: Path) -> int:
    """RETURNS (int): 0 for the folder to prefer."""
    name = folder.name.lower()
    return BEST_FOLDERS.index(name) if name in BEST_FOLDERS else 0


def _locate(mention: Annotation, quoted: str, source: Source, path: Path, problems: Problems) -> Annotation | None:
    """RETURNS (Optional[Annotation]): The mention in the text, or None for a mention with a problem."""
    start, end, label, line, *_ = mention
    if label not in TYPES:
        kind = "other type"
    elif end < start:
        kind = "inverted"
    elif start < 0 or end >= len(source.positions):
        kind = "out of range"
    elif OUTSIDE in source.positions[start : end + 1]:
        kind = "outside the text"
    else:
        first, after = source.positions[start], source.positions[end] + 1
        # Whitespace at the ends does not belong to the mention. It differs between file and text anyway.
        first, after = trim(source.text[first:after], first)
        if "".join(source.text[first:after].split()) == "".join(unescape(quoted).split()):
            return Annotation(first, after, label, line)
        kind = "other text"
    problems.add(kind, path, line, quoted, intended=kind == "outside the text")
    return None


def _mend_sentences(doc: Doc, paragraphs: set[int], spans_key: str) -> None:
    """Start sentences at paragraphs and never inside mentions. Whitespace belongs to the sentence before it."""
    inside = numpy.zeros(len(doc), dtype=bool)
    for span in doc.spans[spans_key]:
        inside[span.start + 1 : span.end] = True
    is_due = True
    starts = []
    for token, is_inside in zip(doc, inside.tolist(), strict=True):
        is_due |= bool(token.is_sent_start) or token.idx in paragraphs
        starts.append(is_due and not token.is_space and not is_inside)
        is_due &= token.is_space
    set_sentence_starts(doc, starts)
