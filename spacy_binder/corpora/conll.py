"""Read columns as in CoNLL 2003, BLURB or WNUT 2017: one token and its tag per line, blank lines between sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from .files import numbered_lines, source_files
from .problems import Problems, wrong_format
from .spans import Annotation, set_spans_by_tokens
from .tags import SCHEMES, Tag, parse_tag, recognise_scheme, spans_of_tags

SUFFIXES = (".conll", ".tsv", ".txt", ".iob", ".iob2", ".bio", ".train", ".dev", ".test", ".testa", ".testb")
BORDER = "-DOCSTART-"


class Sentence(NamedTuple):
    """A sentence.

    words (list[str]): Its tokens.
    tags (list[Tag]): One tag per token.
    lines (list[int]): One line number per token.
    opens_document (bool): Whether a document border comes before it.
    """

    words: list[str]
    tags: list[Tag]
    lines: list[int]
    opens_document: bool


def read_conll(
    path: Path,
    nlp: Language,
    *,
    spans_key: str = "sc",
    problems: Problems,
    token_column: int = 0,
    tag_column: int = -1,
    scheme: str = "auto",
    sentences_per_doc: int = 10,
    label: str = "",
) -> Iterator[Doc]:
    """Read columns of tokens and tags.

    path (Path): A file or folder. Columns are separated by tabs, or by other whitespace in lines without tabs.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts tags that can't follow the tag before them.
    token_column, tag_column, scheme, sentences_per_doc, label: See `make_conll_corpus`.
    YIELDS (Doc): The documents, with sentence starts. Tokens are joined by single spaces.
    RAISES (ValueError): If a column is missing, a tag is wrong, or the scheme is unknown.
    """
    if scheme not in SCHEMES:
        raise ValueError(Errors.B016.format(kind="scheme", name=scheme, known=", ".join(SCHEMES)))
    columns = (token_column, tag_column, label)
    for file in source_files(path, SUFFIXES):
        own_scheme = scheme
        if scheme == "auto":
            own_scheme = recognise_scheme(sentence.tags for sentence in _sentences(file, *columns))
        for document in _documents(_sentences(file, *columns), sentences_per_doc):
            yield _make_doc(document, own_scheme, nlp, spans_key, file, problems)


def _sentences(path: Path, token_column: int, tag_column: int, label: str) -> Iterator[Sentence]:
    opens_document = False
    sentence = Sentence([], [], [], opens_document)
    for number, line in numbered_lines(path):
        is_border = line.startswith(BORDER)
        if is_border or not line.strip():
            if sentence.words:
                yield sentence
                opens_document = False
            opens_document = opens_document or is_border
            sentence = Sentence([], [], [], opens_document)
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        try:
            word, text = fields[token_column], fields[tag_column]
        except IndexError:
            word = text = ""
        if len(fields) < 2 or not word:
            raise wrong_format(path, number, f"{len(fields)} column(s) in {line!r}", "a token and a tag")
        tag = parse_tag(text.strip(), label)
        if tag is None:
            hint = "" if len(text) > 1 else ", or the option `label` for tags without one"
            raise wrong_format(path, number, f"the tag {text!r}", f"O, or a tag such as B-LABEL or I-LABEL{hint}")
        sentence.words.append(word)
        sentence.tags.append(tag)
        sentence.lines.append(number)
    if sentence.words:
        yield sentence


def _documents(sentences: Iterator[Sentence], size: int) -> Iterator[list[Sentence]]:
    document: list[Sentence] = []
    has_borders = False
    for sentence in sentences:
        has_borders = has_borders or sentence.opens_document
        is_full = not has_borders and size and len(document) >= size
        if document and (sentence.opens_document or is_full):
            yield document
            document = []
        document.append(sentence)
    if document:
        yield document


def _make_doc(
    document: list[Sentence], scheme: str, nlp: Language, spans_key: str, path: Path, problems: Problems
) -> Doc:
    words: list[str] = []
    sent_starts: list[bool | int | None] = []
    annotations: list[Annotation] = []
    for sentence in document:
        spans, mended = spans_of_tags(sentence.tags, sentence.lines, len(words), scheme)
        words += sentence.words
        sent_starts += [i == 0 for i in range(len(sentence.words))]
        annotations += spans
        for kind, span in mended:
            problems.add(kind, path, span.line, " ".join(words[span.start : span.end]))
    doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
    set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=path, problems=problems)
    return doc
