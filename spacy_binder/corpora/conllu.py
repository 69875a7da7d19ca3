"""Read CoNLL-U with entities as brackets in the last column: `Entity=(3-person-new` ... `3)`, as in CorefUD and GUM."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional
from urllib.parse import unquote

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from .conllu_syntax import TokenSyntax, Word, make_doc, sentence_syntax
from .files import numbered_lines, read_names, require_names, source_files
from .problems import SHOWN_TEXT, Problems, wrong_format
from .spans import Annotation, set_spans_by_tokens

SUFFIXES = (".conllu",)
N_COLUMNS = 10
EXPECTED = "ten columns of CoNLL-U, separated by tabs: a number, a word, and eight others"
# A word, the words of a multiword token, or an empty node, which has no text.
NUMBER = re.compile(r"([0-9]{1,9})(?:(-)([0-9]{1,9})|(\.)[0-9]{1,9})?")
COMMENT = re.compile(r"#\s*(newdoc|global\.Entity)(?:\s+id)?\s*(?:=(.*))?")
# Of a cell, what opens or closes a mention. It has a match everywhere, so that it reads a cell in one pass.
BRACKET = re.compile(r"(\(?)([^()]*)(\)?)")
# The id of a part of a discontinuous mention, such as e7[1/2].
PART = re.compile(r"(.*)\[([0-9]+)/[0-9]+\]")
ID_FIELDS, TYPE_FIELDS = ("eid", "GRP"), ("etype", "entity")


class Fields(NamedTuple):
    """Where the parts of an opening bracket are.

    id (int): Place of the id.
    type (int): Place of the type.
    n (int): Number of the fields. The last one can contain hyphens.
    """

    id: int
    type: int
    n: int


class Row(NamedTuple):
    """A line of a sentence.

    line (int): Number of the line.
    kind (str): "-" for a multiword token, "." for an empty node, "" for a word.
    first (int): Number of the word, or of the first one of a multiword token.
    last (int): The same of the last one.
    form (str): The text.
    is_pronoun (bool): Whether its part of speech is PRON.
    space (bool): Whether a space follows.
    brackets (str): What opens and closes here.
    word (Word): Lemma, part of speech and head.
    """

    line: int
    kind: str
    first: int
    last: int
    form: str
    is_pronoun: bool
    space: bool
    brackets: str
    word: Word


class Place(NamedTuple):
    """Where a row is in a document.

    start (int): The token that a mention begins at if it opens here.
    end (int): The end, exclusive, of a mention that closes here.
    begins (bool): Whether the row is the beginning of this token.
    ends (bool): Whether it is the end.
    """

    start: int
    end: int
    begins: bool
    ends: bool


class Sentence(NamedTuple):
    """A sentence.

    rows (list[Row]): Its lines.
    fields (Optional[Fields]): The fields of brackets, if they were named before.
    """

    rows: list[Row]
    fields: Fields | None


class Open(NamedTuple):
    """A bracket that isn't closed yet.

    row (int): Index of its row in the sentence.
    label (str): The type.
    is_part (bool): Whether it is a part of a discontinuous mention.
    """

    row: int
    label: str
    is_part: bool


def read_conllu(
    path: Path,
    nlp: Language,
    *,
    spans_key: str = "sc",
    problems: Problems,
    type_field: str = "",
    pronouns: bool = True,
    names: Optional[Path] = None,
    syntax: bool = False,
) -> Iterator[Doc]:
    """Read CoNLL-U with `Entity=` in the last column. A comment `# global.Entity = ...` names the fields of a bracket.

    A multiword token such as "don't" becomes its words if they make up its text, and otherwise one token. Empty nodes
    are left out. The id of a mention, which those of the same entity share, is in `span.id_`.

    path (Path): A file or folder. A comment `# newdoc` begins a document. A file without it is one document.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the mentions. Defaults to "sc".
    problems (Problems): Counts mentions that do not fit, and those that the options leave out.
    type_field, pronouns, names, syntax: See `make_conllu_corpus`.
    YIELDS (Doc): The documents, with sentence starts and the spaces of the text.
    RAISES (ValueError): If the file is not in the format, or a listed document is missing or there twice. With
        `syntax`, also if a sentence is no tree.
    """
    listed = [] if names is None else read_names(names)
    wanted: set[str] = set(listed)
    found: dict[str, Path] = {}
    for file in source_files(path, SUFFIXES):
        for name, sentences in _documents(file, type_field):
            if names is not None:
                if name not in wanted:
                    continue
                if name in found:
                    raise ValueError(Errors.B035.format(name=name, first=found[name], second=file))
                found[name] = file
            yield _make_doc(sentences, nlp, spans_key, file, problems, pronouns, syntax)
    if names is not None:
        require_names(listed, found, listed=names, path=path)


def _documents(path: Path, type_field: str) -> Iterator[tuple[str, list[Sentence]]]:
    """YIELDS (tuple[str, list[Sentence]]): Name and sentences of each document that has a sentence."""
    name, fields = path.stem, None
    sentences: list[Sentence] = []
    rows: list[Row] = []
    for number, line in numbered_lines(path):
        comment = COMMENT.fullmatch(line)
        value = (comment[2] or "").strip() if comment else ""
        is_blank = not line.strip(" \t")
        if rows and (comment or is_blank):
            sentences.append(_complete(rows, fields, path))
            rows = []
        if comment and comment[1] == "newdoc":
            if sentences:
                yield name, sentences
            name, sentences = value or path.stem, []
        elif comment:
            fields = _read_fields(value, type_field, path, number)
        elif not is_blank and not line.startswith("#"):
            rows.append(_read_row(line, rows, path, number))
    if rows:
        sentences.append(_complete(rows, fields, path))
    if sentences:
        yield name, sentences


def _read_fields(text: str, type_field: str, path: Path, line: int) -> Fields:
    names = text.split("-")
    types = [type_field] if type_field else TYPE_FIELDS
    [type_place] = [names.index(name) for name in types if name in names][:1] or [-1]
    if type_place < 0:
        expected = f"the field {' or '.join(types)} for the type. The option `type_field` names another one"
        raise wrong_format(path, line, f"the fields {', '.join(names)}", expected)
    [id_place] = [names.index(name) for name in ID_FIELDS if name in names][:1] or [0]
    return Fields(id_place, type_place, len(names))


def _read_row(line: str, before: list[Row], path: Path, number: int) -> Row:
    columns = line.split("\t")
    match = NUMBER.fullmatch(columns[0])
    if len(columns) != N_COLUMNS or not match or not columns[1]:
        raise wrong_format(path, number, f"{len(columns)} column(s) in {line!r}", EXPECTED)
    kind = match[2] or match[4] or ""
    first, last = int(match[1]), int(match[3] or match[1])
    following = _last_of("", before) + 1
    if kind != "." and first != following:
        raise wrong_format(path, number, f"the number {columns[0]}", f"the word {following} of the sentence")
    if kind == "-" and (last <= first or _last_of("-", before) >= first):
        raise wrong_format(path, number, f"the words {columns[0]}", "at least two words, of no other multiword token")
    misc = columns[-1].split("|")
    brackets = "".join(value.strip().removeprefix("Entity=") for value in misc if value.strip().startswith("Entity="))
    space = not any(value.strip() == "SpaceAfter=No" for value in misc)
    word = Word(number, *(columns[i] for i in (2, 3, 6, 7)))
    return Row(number, kind, first, last, columns[1], columns[3] == "PRON", space, brackets, word)


def _last_of(kind: str, rows: list[Row]) -> int:
    return next((row.last for row in reversed(rows) if row.kind == kind), 0)


def _complete(rows: list[Row], fields: Fields | None, path: Path) -> Sentence:
    """RETURNS (Sentence): The sentence. It is an error if words of its multiword tokens are missing."""
    n_words = max((row.last for row in rows if not row.kind), default=0)
    for row in rows:
        if row.kind == "-" and row.last > n_words:
            raise wrong_format(
                path, row.line, f"a multiword token up to {row.last}", f"its words. {n_words} is the last"
            )
        if row.brackets and fields is None:
            expected = "a comment `# global.Entity = eid-etype-...` before it, which names the fields"
            raise wrong_format(path, row.line, f"'Entity={row.brackets}'", expected)
    return Sentence(rows, fields)


def _make_doc(
    sentences: list[Sentence],
    nlp: Language,
    spans_key: str,
    path: Path,
    problems: Problems,
    pronouns: bool,
    with_syntax: bool,
) -> Doc:
    words: list[str] = []
    spaces: list[bool] = []
    sent_starts: list[bool | int | None] = []
    annotations: list[Annotation] = []
    syntax: dict[int, TokenSyntax] = {}
    for sentence in sentences:
        places = _add_tokens(sentence.rows, words, spaces)
        if with_syntax:
            of_words = [
                (row.word, place.start) for row, place in zip(sentence.rows, places, strict=True) if not row.kind
            ]
            syntax.update(sentence_syntax([word for word, _ in of_words], [token for _, token in of_words], path))
        sent_starts += [i == len(sent_starts) for i in range(len(sent_starts), len(words))]
        for first, last, label, entity in _mentions(sentence, path, problems):
            rows, start, end = sentence.rows, places[first], places[last]
            line = rows[first].line
            if start.start == end.end or all(row.kind for row in rows[first : last + 1]):
                # Such as the subject that many languages leave out. It is nowhere in the text.
                problems.add("empty", path, line, label, intended=True)
            elif not pronouns and all(rows[i].is_pronoun or rows[i].kind for i in range(first, last + 1)):
                problems.add("pronoun", path, line, _text(rows, first, last), intended=True)
            else:
                if not start.begins or not end.ends:
                    problems.add("widened", path, line, _text(rows, first, last))
                annotations.append(Annotation(start.start, end.end, label, line, entity))
    if with_syntax:
        doc = make_doc(nlp.vocab, words, spaces, syntax)
    else:
        doc = Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=sent_starts)
    set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=path, problems=problems)
    return doc


def _add_tokens(rows: list[Row], words: list[str], spaces: list[bool]) -> list[Place]:
    """Add the tokens of a sentence to a document.

    rows (list[Row]): The rows of the sentence.
    words (list[str]): The words of the document so far.
    spaces (list[bool]): For each of them, whether a space follows.
    RETURNS (list[Place]): For each row, where it is in the document.
    """
    places: list[Place] = []
    multiword, is_fused = None, False
    for i, row in enumerate(rows):
        if row.kind == "-":
            multiword, is_fused = row, _words_of(rows, i) != row.form
        if multiword is None or row.kind == "." or row.first > multiword.last:
            is_word, begins, ends, space = not row.kind, True, True, row.space
        else:
            # A multiword token, or a word of it.
            is_word = (row.kind == "-") == is_fused
            begins, ends = not is_fused or row.first == multiword.first, not is_fused or row.last == multiword.last
            space = multiword.space and row.last == multiword.last
        if is_word:
            words.append(row.form)
            spaces.append(space)
        n = len(words)
        if row.kind == "." and multiword is not None and is_fused and row.first < multiword.last:
            # An empty node between words that are one token has the place of that token.
            places.append(Place(n - 1, n, False, False))
        else:
            places.append(Place(n if row.kind else n - 1, n, begins, ends))
    return places


def _words_of(rows: list[Row], i: int) -> str:
    """RETURNS (str): The words of a multiword token, joined."""
    words: list[str] = []
    for j in range(i + 1, len(rows)):
        if not rows[j].kind and rows[j].first > rows[i].last:
            break
        words += [] if rows[j].kind else [rows[j].form]
    return "".join(words)


def _mentions(sentence: Sentence, path: Path, problems: Problems) -> Iterator[tuple[int, int, str, str]]:
    """YIELDS (tuple[int, int, str, str]): Index of the first and of the last row, label and id of each mention."""
    rows, fields = sentence
    if fields is None:
        return
    # By id, because mentions of two entities can cross. The last one of an entity that opened closes first.
    opened: defaultdict[str, list[Open]] = defaultdict(list)
    discontinuous: set[str] = set()
    for i, row in enumerate(rows):
        if row.kind == "-" and row.brackets:
            problems.add("no place", path, row.line, row.form)
            continue
        for opens, text, closes in BRACKET.findall(row.brackets):
            if not (opens or closes):
                if text:
                    problems.add("no place", path, row.line, text)
                continue
            values = text.split("-", fields.n - 1)
            entity = values[fields.id] if len(values) > fields.id else text
            if opens:
                part = PART.fullmatch(entity)
                if part and (part[2] == "1" or part[1] not in discontinuous):
                    problems.add("discontinuous", path, row.line, row.form)
                    discontinuous.add(part[1])
                label = unquote(values[fields.type]) if len(values) > fields.type else ""
                opened[entity].append(Open(i, label, bool(part)))
            if closes and opened[entity]:
                mention = opened[entity].pop()
                if not mention.is_part:
                    yield mention.row, i, mention.label, entity
            elif closes:
                problems.add("no start", path, row.line, f"{text}) at {row.form}")
    for mentions in opened.values():
        for mention in mentions:
            if not mention.is_part:
                text = _text(rows, mention.row, len(rows) - 1)
                problems.add("no end", path, rows[mention.row].line, text)


def _text(rows: list[Row], first: int, last: int) -> str:
    """RETURNS (str): The words of some rows, as many as a report can show."""
    return " ".join(row.form for row in rows[first : min(last + 1, first + SHOWN_TEXT)] if not row.kind)
