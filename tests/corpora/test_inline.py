"""Inline markup."""

from pathlib import Path

import pytest
import spacy
from conftest import spans_of
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.corpora.inline import parse_line, read_inline
from spacy_binder.corpora.problems import Problem, Problems

NLP = spacy.blank("en")

# A node is a text, or a label with the nodes inside it.
Node = str | tuple[str, list]


def write(nodes: list[Node], start: int = 0) -> tuple[str, str, list[tuple[int, int, str]]]:
    """Write markup.

    RETURNS (tuple): The markup, the text without it, and first character, end and label of each span.
    """
    markup = text = ""
    spans = []
    for node in nodes:
        if isinstance(node, str):
            markup += node
            text += node
        else:
            label, inner = node
            inner_markup, inner_text, inner_spans = write(inner, start + len(text))
            spans += [(start + len(text), start + len(text) + len(inner_text), label), *inner_spans]
            markup += f"[{label} {inner_markup}]"
            text += inner_text
    return markup, text, spans


def test_spans_in_comments_are_counted(tmp_path: Path) -> None:
    """Without a space after the #, it may be the first word of a sentence."""
    lines = ["# [PER Anna] is left out.", "#note", "#[PER Anna] won.", "#1 [PER Bo] lost.", "She left."]
    (tmp_path / "x.txt").write_text("\n".join(lines), encoding="utf8")
    problems = Problems()
    [doc] = read_inline(tmp_path, NLP, problems=problems)
    assert doc.text == "She left." and problems.counts == {"in a comment": 2}
    assert [problem.line for problem in problems.first["in a comment"]] == [3, 4]


TEXT = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=8)
LABEL = st.from_regex(r"[A-Za-z_\-]{1,5}", fullmatch=True)
NODE = st.recursive(TEXT, lambda inner: st.tuples(LABEL, st.lists(inner, min_size=1, max_size=3)), max_leaves=6)


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(NODE, max_size=4))
def test_inline_round_trip(nodes: list[Node]) -> None:
    """The text and all spans are the same after writing and reading. Spans are sorted by start, outer spans first."""
    markup, text, spans = write(nodes)
    found_text, found = parse_line(markup)
    assert found_text == text
    assert found == sorted(spans, key=lambda span: (span[0], -span[1], span[2]))


@pytest.mark.parametrize(
    "line, text, spans",
    [
        ("Plain text.", "Plain text.", []),
        ("[GPE Riga]", "Riga", [(0, 4, "GPE")]),
        (
            "The [ORG University of [GPE Vermont]].",
            "The University of Vermont.",
            [(4, 25, "ORG"), (18, 25, "GPE")],
        ),
        ("[PER [ORG [GPE Leeds] FC]'s] x", "Leeds FC's x", [(0, 10, "PER"), (0, 8, "ORG"), (0, 5, "GPE")]),
    ],
    ids=["no span", "one", "nested", "three deep"],
)
def test_inline_line(line: str, text: str, spans: list[tuple[int, int, str]]) -> None:
    """Lines as an annotator writes them."""
    assert parse_line(line) == (text, spans)


def test_inline_document(tmp_path: Path) -> None:
    """Each line is a sentence, a blank line ends a paragraph, and # begins a comment."""
    path = tmp_path / "doc.txt"
    path.write_text("# title: x\n\nIn [GPE Riga] it rained.  \nIt did.\n\n\n[PER Ines] left.\n", encoding="utf8")
    [doc] = read_inline(path, NLP, spans_key="gold", problems=Problems())
    assert doc.text == "In Riga it rained. It did.\n\nInes left."
    assert spans_of(doc, "gold") == [(1, 2, "GPE"), (9, 10, "PER")]
    assert [sentence.text.strip() for sentence in doc.sents] == ["In Riga it rained.", "It did.", "Ines left."]


def test_inline_document_without_spans(tmp_path: Path) -> None:
    """It has an empty group, so that its false positives count."""
    path = tmp_path / "doc.txt"
    path.write_text("It rained.\n", encoding="utf8")
    assert [spans_of(doc) for doc in read_inline(path, NLP, problems=Problems())] == [[]]


@pytest.mark.parametrize(
    "line, problem",
    [
        ("In [GPE Riga", r"1 unclosed \["),
        ("[ORG [GPE Riga", r"2 unclosed \["),
        ("In Riga] it", r"a \] without a \[ at column 8"),
        ("In [GPE] it", r"no label after the \[ at column 4"),
        ("In [ Riga] it", r"no label after the \[ at column 4"),
        ("In [GPE ] it", r"an empty span that ends at column 9"),
        ("[[GPE Riga]", r"no label after the \[ at column 1"),
        ("In [] GPE] it", r"no label after the \[ at column 4"),
    ],
)
def test_inline_errors(tmp_path: Path, line: str, problem: str) -> None:
    """The message names the file, the line, the column and the expected content."""
    path = tmp_path / "doc.txt"
    path.write_text(f"# title: x\n\nA line that is right.\n{line}\n", encoding="utf8")
    with pytest.raises(ValueError, match=rf"B013\] .*doc.txt, line 4: {problem}.*Expected"):
        list(read_inline(path, NLP, problems=Problems()))


def test_inline_span_inside_a_token(tmp_path: Path) -> None:
    """It is counted. The others are read."""
    path = tmp_path / "doc.txt"
    path.write_text("# title: x\n\nIn [GPE Ri]ga [PER Ines] slept.\n", encoding="utf8")
    problems = Problems()
    [doc] = read_inline(path, NLP, problems=problems)
    assert spans_of(doc) == [(2, 3, "PER")]
    assert problems.first == {"misaligned": [Problem("misaligned", path, 3, "Ri")]}


def test_inline_folder(tmp_path: Path) -> None:
    """A file is a document."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.txt").write_text(f"[X {name}]\n", encoding="utf8")
    docs = read_inline(tmp_path, NLP, problems=Problems(strict=True))
    assert [doc.text for doc in docs] == ["a", "b"]


def test_inline_long_text(tmp_path: Path) -> None:
    """A text may be longer than spaCy's parsers take."""
    (tmp_path / "a.txt").write_text("It rained. " * 100_000 + "[GPE Riga]", encoding="utf8")
    [doc] = read_inline(tmp_path, NLP, problems=Problems(strict=True))
    assert spans_of(doc) == [(300_000, 300_001, "GPE")]
