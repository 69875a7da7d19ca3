"""Columns of tokens and tags: schemes, borders, and the real files."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import SHARED, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_binder.corpora.conll import read_conll
from spacy_binder.corpora.problems import Problems
from spacy_binder.corpora.tags import Tag, parse_tag, recognise_scheme, spans_of_tags

NLP = spacy.blank("en")

CONLL2003 = """\
-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC
Peter NNP B-NP I-PER
Blackburn NNP I-NP I-PER
Ines NNP I-NP B-PER

BRUSSELS NNP I-NP I-LOC
1996-08-22 CD I-NP O

-DOCSTART- -X- -X- O

It PRP I-NP O
rained VBD I-VP O
"""


def read(path: Path, text: str, problems: Problems | None = None, **options: Any) -> list[Doc]:
    """Write a file and read it."""
    path = path / "x.conll" if path.is_dir() else path
    path.write_text(text, encoding="utf8")
    return list(read_conll(path, NLP, problems=problems or Problems(strict=True), **options))


def test_conll_2003(tmp_path: Path) -> None:
    """Document borders, sentences, IOB1 tags in the last of four columns."""
    first, second = read(tmp_path, CONLL2003)
    assert [token.text for token in first][:4] == ["EU", "rejects", "German", "Peter"]
    assert spans_of(first) == [(0, 1, "ORG"), (2, 3, "MISC"), (3, 5, "PER"), (5, 6, "PER"), (6, 7, "LOC")]
    assert [len(sentence) for sentence in first.sents] == [6, 2]
    assert (second.text.strip(), spans_of(second)) == ("It rained", [])


def test_conll_other_columns(tmp_path: Path) -> None:
    """Chunks instead of entities, and tags in a column before the last."""
    first, _ = read(tmp_path, CONLL2003, tag_column=2, spans_key="chunks")
    assert spans_of(first, "chunks")[:3] == [(0, 1, "NP"), (1, 2, "VP"), (2, 3, "NP")]
    [doc] = read(tmp_path, "1 Riga B-GPE x\n", token_column=1, tag_column=2)
    assert (doc[0].text, spans_of(doc)) == ("Riga", [(0, 1, "GPE")])


def test_conll_sentences_of_a_document(tmp_path: Path) -> None:
    """Files without borders. A line with only a tab ends a sentence, as a blank line does (WNUT 2017)."""
    text = "".join(f"w{i}\tO\n{'' if i % 2 else chr(9)}\n" for i in range(5))
    assert [len(doc) for doc in read(tmp_path, text, sentences_per_doc=2)] == [2, 2, 1]
    assert [len(doc) for doc in read(tmp_path, text, sentences_per_doc=0)] == [5]
    assert [len(doc) for doc in read(tmp_path, text)] == [5]


def test_conll_tokens_with_spaces_and_signs(tmp_path: Path) -> None:
    """In lines with tabs, only tabs separate columns. # begins a token, not a comment."""
    [doc] = read(tmp_path, "#riga\tO\nNew York\tB-GPE\n\u200b\tO\n")
    assert [token.text for token in doc] == ["#riga", "New York", "\u200b"]
    assert spans_of(doc) == [(1, 2, "GPE")]


@pytest.mark.parametrize("space", "\u00a0\u2007\u202f\u3000\u2028\x0b\x0c\x1c\x85")
@pytest.mark.parametrize("separator", ["\t", " ", "  "])
def test_conll_only_spaces_and_tabs_separate(tmp_path: Path, space: str, separator: str) -> None:
    """A token with another kind of whitespace stays whole, at any place."""
    tokens = [f"10{space}000", f"{space}x", f"x{space}", space, "EUR"]
    [doc] = read(tmp_path, "".join(f"{token}{separator}B-MONEY\n" for token in tokens), Problems())
    assert [token.text for token in doc] == tokens
    assert spans_of(doc)[0] == (0, 1, "MONEY")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_conll_line_ends(tmp_path: Path, end: str) -> None:
    """Those of all systems. A byte order mark is no part of the first token."""
    text = end.join(["\ufeffIn O", "Riga B-GPE", "", "it\tO", "rained\tO", ""])
    (tmp_path / "x.conll").write_bytes(text.encode())
    [doc] = read_conll(tmp_path / "x.conll", NLP, problems=Problems(strict=True))
    assert [token.text for token in doc] == ["In", "Riga", "it", "rained"]
    assert (spans_of(doc), len(list(doc.sents))) == ([(1, 2, "GPE")], 2)


def test_conll_line_numbers_with_all_line_ends(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_bytes(b"a O\rb O\r\nc O\n\rd\r")
    with pytest.raises(ValueError, match=r"line 5: 1 column\(s\) in 'd'"):
        list(read_conll(tmp_path, NLP, problems=Problems()))


COMMENTS = "# id 5f\tdomain=en\n#riga\tO\n# O\nNew York\tB-GPE\n\n#\thttp://x [2009]\nit\tO\n"


def test_conll_comments(tmp_path: Path) -> None:
    """As in MultiCoNER and GermEval. A line with a tag is no comment. Without the option, comments are errors."""
    [doc] = read(tmp_path, COMMENTS, comment="#")
    assert [token.text for token in doc] == ["#riga", "#", "New York", "it"]
    assert (spans_of(doc), len(list(doc.sents))) == ([(2, 3, "GPE")], 2)
    with pytest.raises(ValueError, match=r"line 1: the tag 'domain=en'"):
        read(tmp_path, COMMENTS)
    with pytest.raises(ValueError, match=r"line 6: the tag 'http.*2009\]'"):
        read(tmp_path, COMMENTS, comment="# id")


def test_conll_empty_tokens(tmp_path: Path) -> None:
    """An error, unless the option says what stands for them. A column of a token alone stays wrong."""
    text = "Riga\tB-GPE\n\tO\n\n\tO\n"
    with pytest.raises(ValueError, match=r"x.conll, line 2: 2 column\(s\) in"):
        read(tmp_path, text)
    [doc] = read(tmp_path, text, empty_token="?")
    assert ([token.text for token in doc], spans_of(doc)) == (["Riga", "?", "?"], [(0, 1, "GPE")])
    with pytest.raises(ValueError, match=r"line 1: 1 column\(s\) in"):
        read(tmp_path, "O\n", empty_token="?")


def test_conll_levels(tmp_path: Path) -> None:
    """As in GermEval: number, token, outer tag, inner tag. A span of both columns is kept once."""
    text = "# x\n1\tBank\tB-ORG\tO\n2\tof\tI-ORG\tO\n3\tRiga\tI-ORG\tB-GPE\n4\tOslo\tB-GPE\tB-GPE\n"
    options = {"token_column": 1, "tag_columns": [2, 3], "comment": "#"}
    [doc] = read(tmp_path, text, problems := Problems(), **options)
    assert spans_of(doc) == [(0, 3, "ORG"), (2, 3, "GPE"), (3, 4, "GPE")]
    assert [(p.line, p.text) for p in problems.first["duplicate"]] == [(5, "Oslo")]
    [doc] = read(tmp_path, text.replace("B-GPE\tB-GPE", "O\tO").replace("B-", "S-"), Problems(), **options)
    assert spans_of(doc) == [(0, 1, "ORG"), (1, 3, "ORG"), (2, 3, "GPE")]


def test_conll_folder(tmp_path: Path) -> None:
    """A document ends with its file. The scheme is found for each file."""
    (tmp_path / "a.tsv").write_text("a I-X\nb B-X", encoding="utf8")
    (tmp_path / "b.tsv").write_text("a S-X\n\nb O\n", encoding="utf8")
    docs = list(read_conll(tmp_path, NLP, problems=Problems(strict=True)))
    assert [spans_of(doc) for doc in docs] == [[(0, 1, "X"), (1, 2, "X")], [(0, 1, "X")]]


@pytest.mark.parametrize(
    "text, options, line, problem",
    [
        ("a O\nb\n", {}, 2, r"1 column\(s\) in 'b'\. Expected a token and a tag"),
        ("a O\nb O\n", {"tag_column": 3}, 1, r"2 column\(s\)"),
        ("\tO\n", {}, 1, r"2 column\(s\)"),
        ("a O\n -X- _ O\n", {}, 2, r"4 column\(s\) in ' -X- _ O'\. Expected a token and a tag"),
        ("a\tB-X\t\n", {}, 1, r"the tag ''"),
        ("a\tO\n", {"tag_columns": [1, 2]}, 1, r"2 column\(s\) in 'a\\tO'\. Expected a token and 2 tags"),
        ("a\tO\tX\n", {"tag_columns": [1, 2]}, 1, r"the tag 'X'"),
        ("a O\n\nb PER\n", {}, 3, r"the tag 'PER'\. Expected O, or a tag such as B-LABEL"),
        ("a B-\n", {}, 1, r"the tag 'B-'"),
        ("a Q-PER\n", {}, 1, r"the tag 'Q-PER'"),
        ("a B\n", {}, 1, r"the tag 'B'.*option `label`"),
    ],
)
def test_conll_errors(tmp_path: Path, text: str, options: dict, line: int, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"B013\] .*x.conll, line {line}: {problem}"):
        read(tmp_path, text, **options)


def test_conll_unknown_scheme(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"B016\] Unknown scheme 'bio'.*iob1, iob2, iobes"):
        read(tmp_path, "a O\n", scheme="bio")


def test_conll_wrong_number_of_sentences(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"B007\] `sentences_per_doc` has to be at least 0, but is -1"):
        read(tmp_path, "a O\n", sentences_per_doc=-1)


def test_conll_tags_without_label(tmp_path: Path) -> None:
    """As in some copies of BC5CDR and NCBI-disease."""
    [doc] = read(tmp_path, "a\tB\nb\tI\nc\tO\nd\tB\n", label="Disease")
    assert spans_of(doc) == [(0, 2, "Disease"), (3, 4, "Disease")]


@pytest.mark.parametrize(
    "tag, expected",
    [
        ("O", Tag("O", "")),
        ("B-PER", Tag("B", "PER")),
        ("I_PER", Tag("I", "PER")),
        ("L-creative-work", Tag("E", "creative-work")),
        ("U-X", Tag("S", "X")),
        ("M-X", Tag("I", "X")),
        ("O-X", None),
        ("", None),
        ("PER", None),
    ],
)
def test_tag(tag: str, expected: Tag | None) -> None:
    assert parse_tag(tag) == expected


def tags(*sentences: str) -> list[list[Tag]]:
    """RETURNS (list): The tags of sentences. A tag without label has X."""
    return [[tag for text in sentence.split() if (tag := parse_tag(text, "X"))] for sentence in sentences]


@pytest.mark.parametrize(
    "sentences, scheme",
    [
        (["B I O", "O B B"], "iob2"),
        (["I I B O"], "iob1"),
        (["I-Y I", "O"], "iob1"),
        (["O B", "O I"], "iob2"),
        (["B I O", "S"], "iobes"),
        (["B E"], "iobes"),
        (["O O"], "iob2"),
        ([], "iob2"),
    ],
)
def test_scheme(sentences: list[str], scheme: str) -> None:
    assert recognise_scheme(tags(*sentences)) == scheme


@pytest.mark.parametrize(
    "sentence, scheme, spans, problems",
    [
        ("B I O B B I", "iob2", [(0, 2), (3, 4), (4, 6)], []),
        ("I I B O I", "iob1", [(0, 2), (2, 3), (4, 5)], []),
        ("B I E S O B E", "iobes", [(0, 3), (3, 4), (5, 7)], []),
        ("O I I", "iob2", [(1, 3)], [("tag order", 1)]),
        ("B I-Y", "iob2", [(0, 1), (1, 2)], [("tag order", 1)]),
        ("B O I E", "iobes", [(0, 1), (2, 4)], [("unclosed", 0), ("tag order", 2)]),
        ("S E", "iobes", [(0, 1), (1, 2)], [("tag order", 1)]),
        ("B I", "iobes", [(0, 2)], [("unclosed", 0)]),
    ],
)
def test_spans_of_tags(sentence: str, scheme: str, spans: list, problems: list) -> None:
    """Tags that break the scheme are read and reported."""
    [sentence_tags] = tags(sentence)
    lines = [10 + i for i in range(len(sentence_tags))]
    found, mended = spans_of_tags(sentence_tags, lines, 100, scheme)
    assert [(span.start, span.end) for span in found] == [(100 + start, 100 + end) for start, end in spans]
    assert [span.line for span in found] == [10 + start for start, _ in spans]
    assert [(kind, span.start - 100) for kind, span in mended] == problems


def test_conll_counts_wrong_tags(tmp_path: Path) -> None:
    problems = Problems()
    [doc] = read(tmp_path, "a B-X\nb O\nc I-X\n", problems)
    assert spans_of(doc) == [(0, 1, "X"), (2, 3, "X")]
    assert [(p.line, p.text) for p in problems.first["tag order"]] == [(3, "c")]


def write(docs: list[list[tuple[int, str]]], scheme: str, separator: str, borders: bool) -> str:
    """RETURNS (str): Documents of one sentence each, from length and label of its entities. No label is no entity."""
    text = ""
    for entities in docs:
        text += "-DOCSTART- O\n\n" if borders else ""
        before = ""
        for length, label in entities:
            for i in range(length):
                letter = "I" if i else "B"
                if scheme == "iob1":
                    letter = "B" if i == 0 and before == label else "I"
                elif scheme == "iobes":
                    letter = "S" if length == 1 else "E" if i == length - 1 else letter
                text += f"w{separator}{f'{letter}-{label}' if label else 'O'}\n"
            before = label
        text += "\n"
    return text


ENTITIES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["", "X", "Y"])), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, database=None)
@given(
    docs=st.lists(ENTITIES, max_size=4),
    scheme=st.sampled_from(["iob1", "iob2", "iobes"]),
    separator=st.sampled_from([" ", "\t"]),
    borders=st.booleans(),
)
def test_conll_round_trip(
    docs: list, scheme: str, separator: str, borders: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Spans are the same after writing and reading, in each scheme."""
    path = tmp_path_factory.mktemp("conll") / "x.txt"
    found = read(path, write(docs, scheme, separator, borders), scheme=scheme, sentences_per_doc=1)
    assert len(found) == len(docs)
    for doc, entities in zip(found, docs, strict=True):
        ends = [sum(length for length, _ in entities[: i + 1]) for i in range(len(entities))]
        expected = [(end - n, end, label) for end, (n, label) in zip(ends, entities, strict=True) if label]
        assert spans_of(doc) == expected


# Sentences, tokens and spans as counted with awk: blocks of lines with two columns, their lines, and B tags.
REAL = [
    ("ncbi-disease/train.tsv", (5424, 135701, 5134)),
    ("ncbi-disease/devel.tsv", (923, 23969, 787)),
    ("ncbi-disease/test.tsv", (940, 24497, 960)),
    ("wnut17/wnut17train.conll", (3394, 62730, 1975)),
    ("wnut17/emerging.dev.conll", (1009, 15733, 836)),
    ("wnut17/emerging.test.annotated", (1287, 23394, 1079)),
]


@pytest.mark.parametrize("name, counts", REAL)
def test_real_files(name: str, counts: tuple[int, int, int]) -> None:
    """Everything is read, and no tag is out of order."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not in the repository")
    docs = list(read_conll(path, NLP, problems=Problems(strict=True)))
    n_sentences = sum(1 for doc in docs for _ in doc.sents)
    n_spans = sum(len(doc.spans["sc"]) for doc in docs)
    assert (n_sentences, sum(map(len, docs)), n_spans) == counts
