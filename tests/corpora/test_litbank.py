"""LitBank."""

from pathlib import Path

import pytest
import spacy
from conftest import SHARED, spans_of

from spacy_binder.corpora.litbank import read_litbank
from spacy_binder.corpora.problems import Problem, Problems
from spacy_binder.scorer import inside_another

NLP = spacy.blank("en")


def tsv(*rows: str) -> str:
    """RETURNS (str): Lines with tabs for spaces, and four O tags after a token without tags."""
    lines = [row if " " in row or not row else f"{row} O O O O" for row in rows]
    return "\n".join(line.replace(" ", "\t") for line in lines) + "\n"


def test_litbank_document(tmp_path: Path) -> None:
    """Four layers of BIO tags, an empty last column, and an entity of two layers that is kept once."""
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
    [doc] = read_litbank(path, NLP, spans_key="gold", problems=(problems := Problems()))
    assert doc.text.strip() == "The house of Ines Koh Riga Tallinn rained"
    assert [token.i for token in doc if token.is_sent_start] == [0, 5]
    expected = [(0, 5, "FAC"), (3, 5, "PER"), (4, 5, "PER"), (5, 6, "GPE"), (6, 7, "GPE")]
    assert sorted(spans_of(doc, "gold")) == expected
    assert problems.first == {"duplicate": [Problem("duplicate", path, 4, "Ines Koh")]}


def test_litbank_entity_at_the_end_of_a_file(tmp_path: Path) -> None:
    """The last entity ends with the file, with or without a line break."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("in", "Riga B-GPE O O O", "city I-GPE O O O").rstrip(), encoding="utf8")
    assert [spans_of(doc) for doc in read_litbank(path, NLP, problems=Problems())] == [[(1, 3, "GPE")]]


def test_litbank_without_entities(tmp_path: Path) -> None:
    """The group is empty, so that false positives count."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("It", "rained"), encoding="utf8")
    assert [spans_of(doc) for doc in read_litbank(path, NLP, problems=Problems())] == [[]]


@pytest.mark.parametrize(
    "row, problem",
    [
        ("Riga B-GPE", r"2 column\(s\) in 'Riga.*B-GPE'. Expected a token and 4 tags"),
        (" O O O O", r"5 column\(s\) in '.*O'. Expected a token and 4 tags"),
        ("Riga O O O O B-GPE", r"6 column\(s\) in 'Riga.*B-GPE'. Expected a token and 4 tags"),
        ("Riga GPE O O O", r"the tag 'GPE'. Expected O, B-LABEL or I-LABEL"),
        ("Riga O B- O O", r"the tag 'B-'. Expected O"),
        ("Riga O O E-GPE O", r"the tag 'E-GPE'. Expected O"),
        ("Riga O I-GPE O O", r"the tag 'I-GPE' in layer 2. Expected B-GPE before it"),
        ("Riga I-PER O O O", r"the tag 'I-PER' in layer 1. Expected B-PER before it"),
    ],
)
def test_litbank_errors(tmp_path: Path, row: str, problem: str) -> None:
    """The message names the file, the line and the expected content."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("It", "", "the B-GPE O O O", row), encoding="utf8")
    with pytest.raises(ValueError, match=rf"B013\] .*x_brat.tsv, line 4: {problem}"):
        list(read_litbank(path, NLP, problems=Problems()))


def test_litbank_entities_end_with_their_sentence(tmp_path: Path) -> None:
    """An I tag can't continue an entity after a blank line."""
    path = tmp_path / "x_brat.tsv"
    path.write_text(tsv("the B-GPE O O O", "", "city I-GPE O O O"), encoding="utf8")
    with pytest.raises(ValueError, match=r"line 3: the tag 'I-GPE' in layer 1"):
        list(read_litbank(path, NLP, problems=Problems()))


def test_litbank_split(tmp_path: Path) -> None:
    """The documents of a list of names, in its order."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}_brat.tsv").write_text(tsv(name), encoding="utf8")
    (tmp_path / "dev.txt").write_text("c\na\n", encoding="utf8")
    docs = read_litbank(tmp_path, NLP, names=tmp_path / "dev.txt", problems=Problems())
    assert [doc[0].text for doc in docs] == ["c", "a"]


@pytest.mark.parametrize(
    "names, error",
    [
        ("a\nb_brat\nd\n", r"B034\] 2 of the documents that .*dev.txt lists are not under .*: b_brat.*, d"),
        ("../x\n", r"B034\] 1 of the documents .*: \.\./x"),
        ("c\n", r"B035\] The document c_brat.tsv is in .*corpus and in .*sub"),
        ("a\nc\na\n", r"B013\] .*dev.txt, line 3: 'a' for the second time"),
        (" \n", r"B013\] .*dev.txt, line 1: no names"),
        (None, r"B030\] There is no file or folder .*dev.txt"),
    ],
)
def test_litbank_wrong_names(tmp_path: Path, names: str | None, error: str) -> None:
    """A name that is missing, outside the folder, in two folders; a list that is empty or missing."""
    for name in ("x", "corpus/a", "corpus/c", "corpus/sub/c"):
        path = tmp_path / f"{name}_brat.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tsv(name), encoding="utf8")
    if names is not None:
        (tmp_path / "dev.txt").write_text(names, encoding="utf8")
    with pytest.raises(ValueError, match=error):
        list(read_litbank(tmp_path / "corpus", NLP, names=tmp_path / "dev.txt", problems=Problems()))


@pytest.mark.skipif(not (SHARED / "litbank").exists(), reason="LitBank is not in the repository")
@pytest.mark.parametrize(
    "part, counts",
    [("train", (169_240, 11_132, 1_689)), ("dev", (20_919, 1_421, 233)), ("test", (20_373, 1_359, 221))],
)
def test_litbank_counts(part: str, counts: tuple[int, int, int]) -> None:
    """Tokens, spans, and spans inside another one."""
    folder = SHARED / "litbank"
    docs = list(read_litbank(folder / "tsv", NLP, names=folder / f"{part}.txt", problems=Problems()))
    n_spans = sum(len(doc.spans["sc"]) for doc in docs)
    assert (sum(map(len, docs)), n_spans, sum(inside_another(doc, "sc") for doc in docs)) == counts
