"""brat."""

from pathlib import Path

import pytest
import spacy
from conftest import SHARED, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, SpanGroup

from spacy_binder.corpora.brat import read_brat, write_brat
from spacy_binder.corpora.problems import Problem, Problems

NLP = spacy.blank("en")


def write(folder: Path, name: str, text: str, *annotations: str) -> Path:
    """Write the two files of a document. RETURNS (Path): The file with the annotations."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(text, encoding="utf8", newline="")
    path = folder / f"{name}.ann"
    path.write_text("".join(f"{line}\n" for line in annotations), encoding="utf8")
    return path


def test_brat_document(tmp_path: Path) -> None:
    """Nested entities are read, other annotations are not. Offsets count code points."""
    write(
        tmp_path,
        "x",
        "\U0001f985 The mayor of Łódź met Ines Koh.\n",
        "T1\tPER 2 19\tThe mayor of Łódź",
        "R1\tMet Arg1:T1 Arg2:T3",
        "T2\tGPE 15 19\tŁódź",
        "E1\tMeet:T4 Who:T1",
        "A1\tConfident T1",
        "N1\tReference T2 Wikidata:1 Łódź",
        "#1\tAnnotatorNotes T1\tunsure",
        "*\tEquiv T1 T3",
        "",
        "T3\tPER 24 32\tInes Koh",
    )
    [doc] = read_brat(tmp_path, NLP, spans_key="gold", problems=Problems(strict=True))
    assert doc.text == "\U0001f985 The mayor of Łódź met Ines Koh.\n"
    assert spans_of(doc, "gold") == [(1, 5, "PER"), (4, 5, "GPE"), (6, 8, "PER")]
    assert not doc.has_annotation("SENT_START")


def test_brat_parts_of_a_span(tmp_path: Path) -> None:
    """A span is discontinuous if there is text between its parts, but not if brat broke it at the end of a line."""
    path = write(
        tmp_path,
        "x",
        "North and South\nKorea agreed.",
        "T1\tGPE 0 5;16 21\tNorth Korea",
        "T2\tGPE 10 15;16 21\tSouth Korea",
    )
    problems = Problems()
    [doc] = read_brat(tmp_path, NLP, problems=problems)
    assert [span.text for span in doc.spans["sc"]] == ["South\nKorea"]
    assert problems.first == {"discontinuous": [Problem("discontinuous", path, 1, "North Korea")]}


def test_brat_problems(tmp_path: Path) -> None:
    """Annotations that do not fit are counted. The others are read."""
    path = write(
        tmp_path,
        "x",
        "Ines Koh left Riga.",
        "T1\tPER 0 8\tInes  Koh",
        "T2\tPER 0 8\tInes Kohl",
        "T3\tGPE 14 16\tRi",
        "T4\tGPE 14 30\tRiga, Latvia",
        "T5\tPER 0 8\tInes Koh",
        "T6\tGPE 18 14\tRiga",
        "T7\tGPE 14 18",
    )
    problems = Problems()
    [doc] = read_brat(tmp_path, NLP, problems=problems)
    assert spans_of(doc) == [(0, 2, "PER"), (3, 4, "GPE")]
    assert {kind: [problem.line for problem in found] for kind, found in problems.first.items()} == {
        "other text": [2],
        "misaligned": [3],
        "out of range": [4],
        "duplicate": [5],
        "inverted": [6],
    }
    assert problems.first["other text"] == [Problem("other text", path, 2, "Ines Kohl")]
    with pytest.raises(ValueError, match=r"B028\] .*x.ann, line 2: 'Ines Kohl' is not the text"):
        list(read_brat(tmp_path, NLP, problems=Problems(strict=True)))


def test_brat_sentences(tmp_path: Path) -> None:
    """With `sentences`, each line is a sentence. Blank lines belong to the line before."""
    write(tmp_path, "x", "One rose. Two fell.\n \n\tThree stood.\r\nFour.\n")
    [doc] = read_brat(tmp_path, NLP, problems=Problems(), sentences=True)
    assert [sentence.text.strip() for sentence in doc.sents] == ["One rose. Two fell.", "Three stood.", "Four."]


def test_brat_endings_in_capitals(tmp_path: Path) -> None:
    path = write(tmp_path, "x", "Riga", "T1\tGPE 0 4\tRiga")
    path.rename(tmp_path / "x.ANN")
    (tmp_path / "x.txt").rename(tmp_path / "x.TXT")
    for place in (tmp_path, tmp_path / "x.ANN", tmp_path / "x.TXT"):
        [doc] = read_brat(place, NLP, problems=Problems(strict=True))
        assert spans_of(doc) == [(0, 1, "GPE")]


def test_brat_folders(tmp_path: Path) -> None:
    """Subfolders and names with dots. A document without annotations has an empty group."""
    write(tmp_path / "b", "x.1", "Riga.", "T1\tGPE 0 4\tRiga")
    write(tmp_path / "a" / "deep", "y", "Rain.")
    (tmp_path / "annotation.conf").write_text("[entities]\n", encoding="utf8")
    docs = list(read_brat(tmp_path, NLP, problems=Problems(strict=True)))
    assert [(doc.text, spans_of(doc)) for doc in docs] == [("Rain.", []), ("Riga.", [(0, 1, "GPE")])]
    for suffix in (".txt", ".ann"):
        [doc] = read_brat(tmp_path / "b" / f"x.1{suffix}", NLP, problems=Problems(strict=True))
        assert doc.text == "Riga."


@pytest.mark.parametrize("suffix, other", [(".txt", ".ann"), (".ann", ".txt")])
def test_brat_missing_file(tmp_path: Path, suffix: str, other: str) -> None:
    """The message names both files."""
    write(tmp_path, "x", "Riga.")
    (tmp_path / f"x{suffix}").unlink()
    with pytest.raises(ValueError, match=rf"B031\] There is no x\{suffix} beside .*x\{other}"):
        list(read_brat(tmp_path, NLP, problems=Problems()))


@pytest.mark.parametrize(
    "line",
    [
        "T1\tGPE 0\tRiga",
        "T1 GPE 0 4 Riga",
        "T1\tGPE a b\tRiga",
        "GPE 0 4",
        "T1\tGPE 0 4;\tx",
        f"T1\tGPE 0 {'4' * 5000}\tRiga",
        "Riga is no relation",
    ],
)
def test_brat_errors(tmp_path: Path, line: str) -> None:
    """The message names the file, the line and the expected content."""
    write(tmp_path, "x", "Riga.", "T1\tGPE 0 4\tRiga", line)
    with pytest.raises(ValueError, match=r"B013\] .*x.ann, line 2: the annotation '.*Expected T1, a tab"):
        list(read_brat(tmp_path, NLP, problems=Problems()))


def test_brat_encoding(tmp_path: Path) -> None:
    """A text that is not UTF-8 is an error that names the line."""
    write(tmp_path, "x", "")
    (tmp_path / "x.txt").write_bytes(b"One\nm\xe9tro\n")
    with pytest.raises(ValueError, match=r"B013\] .*x.txt, line 2: .*Expected text in UTF-8"):
        list(read_brat(tmp_path, NLP, problems=Problems()))


@st.composite
def documents(draw: st.DrawFn) -> Doc:
    """RETURNS (Doc): A doc from the tokenizer, with any overlapping spans."""
    alphabet = st.one_of(st.sampled_from("aB. \n\r\t'é\U0001f985\u2028\x0b"), st.characters(exclude_categories=["Cs"]))
    doc = NLP.make_doc(draw(st.text(alphabet, max_size=40)))
    group = set()
    if len(doc):
        border = st.integers(0, len(doc) - 1)
        for a, b in draw(st.lists(st.tuples(border, border), max_size=6)):
            group.add((min(a, b), max(a, b) + 1, draw(st.sampled_from(["GPE", "a-b", "Ł;1", "0"]))))
    spans = [doc[a:b].char_span(0, len(doc[a:b].text), label=label) for a, b, label in sorted(group)]
    # The reader leaves out whitespace at the ends.
    kept = [span for span in spans if span is not None and not (span[0].is_space or span[-1].is_space)]
    doc.spans["gold"] = SpanGroup(doc, name="gold", spans=kept)
    return doc


@settings(max_examples=150, deadline=None, database=None)
@given(doc=documents())
def test_brat_round_trip(doc: Doc, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The text and all spans are the same after writing and reading."""
    path = tmp_path_factory.mktemp("brat") / "a.b"
    write_brat(doc, path, spans_key="gold")
    [found] = read_brat(path.parent, NLP, spans_key="gold", problems=Problems(strict=True))
    assert found.text == doc.text
    assert sorted(spans_of(found, "gold")) == sorted(spans_of(doc, "gold"))


def test_brat_writes_what_brat_does(tmp_path: Path) -> None:
    """A span on two lines has two parts, and one line of quoted text."""
    doc = NLP.make_doc("In South\nKorea.")
    doc.spans["sc"] = [doc.char_span(3, 14, label="GPE")]
    write_brat(doc, tmp_path / "new" / "x")
    assert (tmp_path / "new" / "x.ann").read_text(encoding="utf8") == "T1\tGPE 3 8;9 14\tSouth Korea\n"
    write_brat(NLP.make_doc("Rain."), tmp_path / "y")
    assert (tmp_path / "y.ann").read_text(encoding="utf8") == ""


@pytest.mark.parametrize("label", ["", "two words", " GPE", "a\tb"])
def test_brat_label_that_cannot_be_written(tmp_path: Path, label: str) -> None:
    """The message names label and span."""
    doc = NLP.make_doc("In Riga.")
    doc.spans["sc"] = [doc.char_span(3, 7, label=label)]
    with pytest.raises(ValueError, match=r"B032\] The label '.*' of the span 'Riga'"):
        write_brat(doc, tmp_path / "x")


@pytest.mark.skipif(not (SHARED / "litbank").exists(), reason="LitBank is not in the repository")
def test_brat_litbank() -> None:
    """All annotations are read or counted as problems."""
    folder = SHARED / "litbank" / "brat"
    problems = Problems()
    docs = list(read_brat(folder, NLP, problems=problems))
    lines = [line for path in folder.glob("*.ann") for line in path.read_bytes().split(b"\n") if line[:1] == b"T"]
    assert len(docs) == 100
    assert sum(len(doc.spans["sc"]) for doc in docs) + problems.counts.total() == len(lines) == 13_912
    assert set(problems.counts) <= {"misaligned", "duplicate"}
