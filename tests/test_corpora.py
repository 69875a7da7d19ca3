"""Readers: inline markup and LitBank; the demo corpus is what it has to be."""

from pathlib import Path

import pytest
import spacy
from conftest import DEMO, SHARED, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_binder.corpora.inline import parse_line, read_inline
from spacy_binder.corpora.litbank import read_litbank, read_litbank_split
from spacy_binder.scorer import inside_another

NLP = spacy.blank("en")
LABELS = {"PER", "ORG", "GPE", "LOC", "FAC", "VEH", "DATE", "WORK"}
PARTS = ("train", "dev", "test")

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


TEXT = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=8)
LABEL = st.from_regex(r"[A-Za-z_\-]{1,5}", fullmatch=True)
NODE = st.recursive(TEXT, lambda inner: st.tuples(LABEL, st.lists(inner, min_size=1, max_size=3)), max_leaves=6)


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(NODE, max_size=4))
def test_inline_round_trip(nodes: list[Node]) -> None:
    """What is written is read: the text, and every span, by start, outer before inner."""
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
    """A line is a sentence, a blank line a paragraph, and # begins what is no text."""
    path = tmp_path / "doc.txt"
    path.write_text("# title: x\n\nIn [GPE Riga] it rained.  \nIt did.\n\n\n[PER Ines] left.\n", encoding="utf8")
    doc = read_inline(path, NLP, spans_key="gold")
    assert doc.text == "In Riga it rained. It did.\n\nInes left."
    assert spans_of(doc, "gold") == [(1, 2, "GPE"), (9, 10, "PER")]
    assert [sentence.text.strip() for sentence in doc.sents] == ["In Riga it rained.", "It did.", "Ines left."]


def test_inline_document_without_spans(tmp_path: Path) -> None:
    """It has the key all the same: its false positives count."""
    path = tmp_path / "doc.txt"
    path.write_text("It rained.\n", encoding="utf8")
    assert spans_of(read_inline(path, NLP)) == []


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
        ("In [GPE Ri]ga it", r"the span 'Ri' begins or ends inside a token"),
    ],
)
def test_inline_errors(tmp_path: Path, line: str, problem: str) -> None:
    """The message names file, line and column, and what is expected."""
    path = tmp_path / "doc.txt"
    path.write_text(f"# title: x\n\nA line that is right.\n{line}\n", encoding="utf8")
    with pytest.raises(ValueError, match=rf"B013\] .*doc.txt, line 4: {problem}.*Expected"):
        read_inline(path, NLP)


def part_names(part: str) -> list[str]:
    """RETURNS (list[str]): The documents of a part of the demo corpus."""
    return (DEMO / f"{part}.txt").read_text(encoding="utf8").split()


@pytest.fixture(scope="module")
def demo() -> dict[str, list[Doc]]:
    """The demo corpus by part."""
    return {part: [read_inline(DEMO / "documents" / f"{name}.txt", NLP) for name in part_names(part)] for part in PARTS}


def test_demo_parts() -> None:
    """Every document is in just one part."""
    names = [name for part in PARTS for name in part_names(part)]
    assert sorted(names) == sorted(path.stem for path in (DEMO / "documents").iterdir())


def test_demo_is_large_enough(demo: dict[str, list[Doc]]) -> None:
    """Documents, sentences, labels and entities, and how many of them are inside another."""
    docs = [doc for part in demo.values() for doc in part]
    assert len(docs) >= 40
    assert sum(len(list(doc.sents)) for doc in docs) >= 500
    n_entities = sum(len(doc.spans["sc"]) for doc in docs)
    assert n_entities >= 1500
    assert sum(inside_another(doc, "sc") for doc in docs) >= 0.3 * n_entities
    for part in demo.values():
        assert {span.label_ for doc in part for span in doc.spans["sc"]} == LABELS


def test_demo_test_part_is_new(demo: dict[str, list[Doc]]) -> None:
    """At least half of the test part's entity strings never occur as entities in train."""
    known = {span.text for doc in demo["train"] for span in doc.spans["sc"]}
    tested = {span.text for doc in demo["test"] for span in doc.spans["sc"]}
    assert len(tested - known) >= 0.5 * len(tested)


@pytest.mark.parametrize("part", PARTS)
def test_demo_follows_its_guidelines(demo: dict[str, list[Doc]], part: str) -> None:
    """Spans never cross, never have the extent of another, and stay inside their sentence."""
    for doc in demo[part]:
        spans = [(span.start, span.end) for span in doc.spans["sc"]]
        assert len({*spans}) == len(spans)
        assert not [(a, b) for a in spans for b in spans if a[0] < b[0] < a[1] < b[1]]
        sentences = [(sentence.start, sentence.end) for sentence in doc.sents]
        assert all(any(a <= start and end <= b for a, b in sentences) for start, end in spans)


def tsv(*rows: str) -> str:
    """RETURNS (str): Lines with tabs for spaces; four tags O where only a token is given."""
    lines = [row if " " in row or not row else f"{row} O O O O" for row in rows]
    return "\n".join(line.replace(" ", "\t") for line in lines) + "\n"


def test_litbank_document(tmp_path: Path) -> None:
    """Four layers of BIO, the last column of the files empty, an entity of two layers kept once."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(
        tsv(
            "The B-FAC O O O ",
            "house I-FAC O O O ",
            "of I-FAC O O O ",
            "Ines I-FAC B-PER O B-PER ",
            "Koh I-FAC I-PER B-PER I-PER ",
            "",
            "",
            "Riga B-GPE O O O ",
            "Tallinn B-GPE O O O ",
            "rained",
        ),
        encoding="utf8",
    )
    doc = read_litbank(path, NLP.vocab, spans_key="gold")
    assert doc.text.strip() == "The house of Ines Koh Riga Tallinn rained"
    assert [token.i for token in doc if token.is_sent_start] == [0, 5]
    expected = [(0, 5, "FAC"), (3, 5, "PER"), (4, 5, "PER"), (5, 6, "GPE"), (6, 7, "GPE")]
    assert sorted(spans_of(doc, "gold")) == expected


def test_litbank_entity_at_the_end_of_a_file(tmp_path: Path) -> None:
    """The last entity ends with the file, whether or not a line break does."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("in", "Riga B-GPE O O O", "city I-GPE O O O").rstrip(), encoding="utf8")
    assert spans_of(read_litbank(path, NLP.vocab)) == [(1, 3, "GPE")]


def test_litbank_without_entities(tmp_path: Path) -> None:
    """The key is there: false positives count."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("It", "rained"), encoding="utf8")
    assert spans_of(read_litbank(path, NLP.vocab)) == []


@pytest.mark.parametrize(
    "row, problem",
    [
        ("Riga B-GPE", r"2 column\(s\). Expected a token and 4 tags"),
        ("Riga GPE O O O", r"the tag 'GPE'. Expected O, B-LABEL or I-LABEL"),
        ("Riga O B- O O", r"the tag 'B-'. Expected O"),
        ("Riga O O E-GPE O", r"the tag 'E-GPE'. Expected O"),
        ("Riga O I-GPE O O", r"the tag 'I-GPE' in layer 2. Expected B-GPE before it"),
        ("Riga I-PER O O O", r"the tag 'I-PER' in layer 1. Expected B-PER before it"),
    ],
)
def test_litbank_errors(tmp_path: Path, row: str, problem: str) -> None:
    """The message names file and line, and what is expected there."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("It", "", "the B-GPE O O O", row), encoding="utf8")
    with pytest.raises(ValueError, match=rf"B013\] .*x_brat.tsv, line 4: {problem}"):
        read_litbank(path, NLP.vocab)


def test_litbank_entities_end_with_their_sentence(tmp_path: Path) -> None:
    """An I tag can't go on over a blank line."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("the B-GPE O O O", "", "city I-GPE O O O"), encoding="utf8")
    with pytest.raises(ValueError, match=r"line 3: the tag 'I-GPE' in layer 1"):
        read_litbank(path, NLP.vocab)


def test_litbank_split(tmp_path: Path) -> None:
    """The documents of a list of names, in its order."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}_brat.tsv").write_text(tsv(name), encoding="utf8")
    (tmp_path / "dev.txt").write_text("c\na\n", encoding="utf8")
    docs = read_litbank_split(tmp_path, tmp_path / "dev.txt", NLP.vocab)
    assert [doc[0].text for doc in docs] == ["c", "a"]


@pytest.mark.skipif(not (SHARED / "litbank").exists(), reason="LitBank is not in the repository")
@pytest.mark.parametrize(
    "part, counts",
    [("train", (169_240, 11_132, 1_689)), ("dev", (20_919, 1_421, 233)), ("test", (20_373, 1_359, 221))],
)
def test_litbank_counts(part: str, counts: tuple[int, int, int]) -> None:
    """Tokens, spans, and spans inside another one."""
    folder = SHARED / "litbank"
    docs = list(read_litbank_split(folder / "tsv", folder / f"{part}.txt", NLP.vocab))
    n_spans = sum(len(doc.spans["sc"]) for doc in docs)
    assert (sum(map(len, docs)), n_spans, sum(inside_another(doc, "sc") for doc in docs)) == counts
