"""`spacy binder convert`."""

import json
from pathlib import Path

import pytest
import spacy
from conftest import spans_of
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_binder.cli import binder_cli
from spacy_binder.cli.convert import parse_options
from spacy_binder.corpora.formats import FORMATS

NLP = spacy.blank("en")


def run(*arguments: object, exit_code: int = 0) -> str:
    """Run the command, and return what it prints."""
    result = CliRunner().invoke(binder_cli, ["convert", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return " ".join(result.output.split())


def read(path: Path) -> list[Doc]:
    """RETURNS (list[Doc]): The documents of a DocBin."""
    return list(DocBin().from_disk(path).get_docs(NLP.vocab))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of two documents of inline markup, one with a span that doesn't fit."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("[ORG Bank of [GPE Riga]] fell.\nIt rained.\n", encoding="utf8")
    (folder / "b.txt").write_text("[X no]thing\n", encoding="utf8")
    return folder


def test_convert_to_one_file(source: Path, tmp_path: Path) -> None:
    """The counts and the problems are printed."""
    printed = run(source, tmp_path / "out.spacy", "--format", "inline", "--spans-key", "gold")
    assert "Documents Sentences Tokens Spans Inside another" in printed
    assert " 2 3 9 2 1 " in printed
    assert "misaligned 1 begins or ends inside a token, and is left out 'no' (b.txt, line 1)" in printed
    docs = read(tmp_path / "out.spacy")
    assert [spans_of(doc, "gold") for doc in docs] == [[(0, 3, "ORG"), (2, 3, "GPE")], []]


def test_convert_to_a_folder(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out", "-f", "inline", "--shard", 1)
    assert [len(read(tmp_path / "out" / name)) for name in ("00001.spacy", "00002.spacy")] == [1, 1]
    assert "already contains DocBins" in run(source, tmp_path / "out", "-f", "inline", exit_code=1)


def test_convert_strict(source: Path, tmp_path: Path) -> None:
    """After an error no file is left."""
    printed = run(source, tmp_path / "out.spacy", "-f", "inline", "--strict", exit_code=1)
    assert "B028" in printed
    assert "line 1: 'no' begins or ends inside a token" in printed
    run(source, tmp_path / "out", "-f", "inline", "--strict", "--shard", 1, exit_code=1)
    assert not list(tmp_path.rglob("*.spacy"))


def test_convert_another_format(source: Path, tmp_path: Path) -> None:
    """The message names the line and the expected content."""
    printed = run(source / "a.txt", tmp_path / "out.spacy", "-f", "litbank", exit_code=1)
    assert "Can't read" in printed
    assert "line 1: 1 column(s). Expected a token and 4 tags" in printed


def test_convert_unknown_format(source: Path, tmp_path: Path) -> None:
    printed = run(source, tmp_path / "out.spacy", "-f", "?", exit_code=1)
    assert all(name in printed for name in FORMATS)


def test_convert_options(tmp_path: Path) -> None:
    """Options of the format, and a language's tokenizer."""
    path = tmp_path / "x.tsv"
    path.write_text("Riga\tB\n\nOslo\tB\n", encoding="utf8")
    run(path, tmp_path / "out.spacy", "-f", "conll", "--set", "sentences_per_doc=1", "--set", "label=GPE")
    assert [spans_of(doc) for doc in read(tmp_path / "out.spacy")] == [[(0, 1, "GPE")]] * 2
    printed = run(path, tmp_path / "x.spacy", "-f", "conll", "--set", "labels=GPE", exit_code=1)
    assert "B016" in printed
    assert "token_column=0, tag_column=-1" in printed
    text = tmp_path / "x.jsonl"
    text.write_text(json.dumps({"text": "l'acqua"}), encoding="utf8")
    run(text, tmp_path / "it.spacy", "-f", "jsonl", "--lang", "it")
    assert [token.text for token in read(tmp_path / "it.spacy")[0]] == ["l'", "acqua"]


def test_parse_options() -> None:
    """A value that is not JSON is a string."""
    settings = ["tag_column=2", "scheme=iob1", "label="]
    assert parse_options("conll", settings) == {"tag_column": 2, "scheme": "iob1", "label": ""}
