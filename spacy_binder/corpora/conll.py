"""Read columns as in CoNLL 2003, BLURB or WNUT 2017: one token and its tag per line, blank lines between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from .files import numbered_lines, source_files
from .problems import Problems, wrong_format
from .spans import Annotation, set_spans_by_tokens
from .tags import SCHEMES, Tag, parse_tag, recognise_scheme, spans_of_tags

SUFFIXES = (".conll", ".tsv", ".txt", ".iob", ".iob2", ".bio", ".train", ".dev", ".test", ".testa", ".testb")
BORDER = "-DOCSTART-"
SEPARATORS = " \t"
SPACES = re.compile(" +")
# A comment of CoNLL-U, or a line of it: the number of a token and nine other columns.
CONLLU = re.compile(r"# ?(?:newdoc|newpar|sent_id|text|global\.columns|meta::)|\d+(?:[-.]\d+)?(?:\t[^\t]*){9,}$")
NO_CONLLU = (
    "a token and its tag per line. `--format conllu` reads entities such as Entity=(1-person in the last column. "
    "`spacy convert` reads tags such as name=B-PER there: convert its output by `--format ents`"
)


class Sentence(NamedTuple):
    """A sentence.

    words (list[str]): Its tokens.
    levels (list[list[Tag]]): For each column of tags, one tag per token.
    lines (list[int]): One line number per token.
    opens_document (bool): Whether a document border comes before it.
    """

    words: list[str]
    levels: list[list[Tag]]
    lines: list[int]
    opens_document: bool


class Columns(NamedTuple):
    """Where the parts of a line are.

    token (int): Column of the token.
    tags (tuple[int, ...]): Columns of tags.
    label (str): Label of tags that name none.
    comment (str): Beginning of comment lines, or "" for none.
    empty_token (str): What stands for an empty token, or "" if there may be none.
    """

    token: int
    tags: tuple[int, ...]
    label: str
    comment: str
    empty_token: str


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
    comment: str = "",
    tag_columns: Optional[list[int]] = None,
    empty_token: str = "",
) -> Iterator[Doc]:
    """Read columns of tokens and tags.

    path (Path): A file or folder. Columns are separated by tabs, or by spaces in lines without tabs.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts tags that can't follow the tag before them, and spans that several columns have.
    token_column, tag_column, scheme, sentences_per_doc, label, comment, tag_columns, empty_token: See
        `make_conll_corpus`.
    YIELDS (Doc): The documents, with sentence starts. Tokens are joined by single spaces.
    RAISES (ValueError): If a column is missing, a tag is wrong, or the scheme is unknown.
    """
    if scheme not in SCHEMES:
        raise ValueError(Errors.B016.format(kind="scheme", name=scheme, known=", ".join(SCHEMES)))
    if sentences_per_doc < 0:
        raise ValueError(Errors.B007.format(setting="sentences_per_doc", least=0, value=sentences_per_doc))
    columns = Columns(token_column, tuple(tag_columns or [tag_column]), label, comment, empty_token)
    for file in source_files(path, SUFFIXES):
        own_scheme = scheme
        if scheme == "auto":
            own_scheme = recognise_scheme(tags for sentence in _sentences(file, columns) for tags in sentence.levels)
        for document in _documents(_sentences(file, columns), sentences_per_doc):
            yield _make_doc(document, own_scheme, nlp, spans_key, file, problems)


def _sentences(path: Path, columns: Columns) -> Iterator[Sentence]:
    def new_sentence(opens_document: bool) -> Sentence:
        return Sentence([], [[] for _ in columns.tags], [], opens_document)

    sentence = new_sentence(False)
    for number, line in numbered_lines(path):
        is_border = line.startswith(BORDER)
        if is_border or not line.strip(SEPARATORS):
            # A border or several before a sentence open one document.
            opens_document = is_border or (sentence.opens_document and not sentence.words)
            if sentence.words:
                yield sentence
            sentence = new_sentence(opens_document)
            continue
        # Other whitespace, such as a no-break space, can be a part of a token.
        fields = line.split("\t") if "\t" in line else _split_at_spaces(line)
        try:
            word, texts = (
                fields[columns.token] or columns.empty_token,
                [fields[column].strip() for column in columns.tags],
            )
        except IndexError:
            word, texts = "", []
        tags = [parse_tag(text, columns.label) for text in texts]
        if columns.comment and line.startswith(columns.comment) and (not tags or None in tags):
            continue
        fits = len(fields) > len(columns.tags) and word
        if (not fits or None in tags) and CONLLU.match(line):
            raise wrong_format(path, number, "this is CoNLL-U, which has no column of tags for entities", NO_CONLLU)
        if not fits:
            expected = "a token and a tag" if len(columns.tags) == 1 else f"a token and {len(columns.tags)} tags"
            raise wrong_format(path, number, f"{len(fields)} column(s) in {line!r}", expected)
        for level, tag, text in zip(sentence.levels, tags, texts, strict=True):
            if tag is None:
                hint = "" if len(text) > 1 else ", or the option `label` for tags without one"
                raise wrong_format(path, number, f"the tag {text!r}", f"O, or a tag such as B-LABEL or I-LABEL{hint}")
            level.append(tag)
        sentence.words.append(word)
        sentence.lines.append(number)
    if sentence.words:
        yield sentence


def _split_at_spaces(line: str) -> list[str]:
    line = line.rstrip(" ")
    # Columns can be padded. A space at the beginning ends an empty column.
    return SPACES.split(line) if "  " in line else line.split(" ")


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
        first = len(words)
        words += sentence.words
        sent_starts += [i == 0 for i in range(len(sentence.words))]
        for tags in sentence.levels:
            spans, mended = spans_of_tags(tags, sentence.lines, first, scheme)
            annotations += spans
            for kind, span in mended:
                problems.add(kind, path, span.line, " ".join(words[span.start : span.end]))
    doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
    set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=path, problems=problems)
    return doc
