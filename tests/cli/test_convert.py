"""`spacy binder convert`."""

import json
import os
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import spacy
from conftest import spans_of
from spacy.cli.convert import convert
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_binder.cli import binder_cli
from spacy_binder.cli.convert import VALUES, files_of_parts, parse_options
from spacy_binder.corpora.formats import FORMATS
from spacy_binder.corpora.source import reader_options

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
    assert "Can't convert" in printed
    assert "fell.'. Expected a token and 4 tags" in printed


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
    text.write_text(json.dumps({"text": "l'acqua", "spans": [{"start": 2, "end": 7, "label": "X"}]}), encoding="utf8")
    run(text, tmp_path / "it.spacy", "-f", "jsonl", "--lang", "it")
    assert [token.text for token in read(tmp_path / "it.spacy")[0]] == ["l'", "acqua"]


def said(path: Path) -> list[Any]:
    """RETURNS (list): What the documents of a DocBin say was annotated in them."""
    return [doc.spans["sc"].attrs.get("labels") for doc in read(path)]


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ([], None),
        (["--annotated", "ORG, GPE,LOC"], ["ORG", "GPE", "LOC"]),
        (["--annotated", '["GPE", "ORG", "a,b"]'], ["GPE", "ORG", "a,b"]),
        (["--annotated", "labels.json"], ["GPE", "ORG"]),
        (["--annotated-found"], ["ORG", "GPE"]),
        (["-A", "-a", "LOC,GPE"], ["LOC", "GPE", "ORG"]),
    ],
)
def test_convert_says_what_was_annotated(
    options: list[str], labels: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each document. A type that does not occur can be named, one that does not fit (X) was not found."""
    monkeypatch.chdir(tmp_path)
    Path("labels.json").write_text('{"GPE": "countries", "ORG": "companies"}', encoding="utf8")
    printed = run(source, "out", "--format", "inline", "--shard", 1, *options)
    assert [said(Path("out") / f"0000{i}.spacy") for i in (1, 2)] == [[labels], [labels]]
    assert "misaligned 1 " in printed
    assert ("were annotated in all documents: " + ", ".join(labels or []) in printed) is bool(labels)
    # Documents that say it stay as they are.
    run("out", "again.spacy", "--format", "ents", "--annotated", "ORG,GPE,PER")
    assert said(Path("again.spacy")) == [labels or ["ORG", "GPE", "PER"]] * 2


def test_convert_other_types_than_the_annotated_ones(source: Path, tmp_path: Path) -> None:
    printed = run(source, tmp_path / "out.spacy", "--format", "inline", "--annotated", "GPE", exit_code=1)
    assert "B068" in printed and "'Bank of Riga' (tokens 0:3) has the label 'ORG'" in printed
    assert not list(tmp_path.rglob("*.spacy"))


@pytest.mark.parametrize("labels", ["", " , ", "[]", "[1]", "3.json", "words.json", "none.json"])
def test_convert_annotated_with_what(labels: str, source: Path, tmp_path: Path) -> None:
    for name, content in (("3.json", "3"), ("words.json", "no JSON")):
        (tmp_path / name).write_text(content, encoding="utf8")
    given = tmp_path / labels if labels.endswith(".json") else labels
    printed = run(source, tmp_path / "out.spacy", "--format", "inline", "--annotated", given, exit_code=1)
    assert ("B044" if labels == "none.json" else "B049") in printed
    assert not list(tmp_path.rglob("*.spacy"))


@pytest.mark.parametrize("output", ["out.spacy", "out"])
def test_convert_without_documents(tmp_path: Path, output: str) -> None:
    """What was left out is shown. What was there before is still there."""
    path, before = tmp_path / "x.jsonl", tmp_path / "out.spacy"
    path.write_text(json.dumps({"text": "Riga", "spans": [], "answer": "reject"}), encoding="utf8")
    before.write_bytes(b"before")
    printed = run(path, tmp_path / output, "-f", "jsonl", exit_code=1)
    assert "not accepted 1 was not accepted by its annotator" in printed
    assert f"B047] There is no document to write to {tmp_path / output}" in printed
    assert [file for file in sorted(tmp_path.rglob("*")) if file.is_file()] == [before, path]
    assert before.read_bytes() == b"before"


@pytest.mark.parametrize(
    "spans, found",
    [
        ({}, r"doc.ents (0). Another format, or another option of the format (`--set`), may fit"),
        ({"gold": 2, "sc": 0}, "doc.spans['gold'] (2), doc.spans['sc'] (0), doc.ents (0). Name one of these groups"),
    ],
)
def test_convert_without_spans(tmp_path: Path, spans: dict[str, int], found: str) -> None:
    """The groups and entities of the documents are named."""
    doc = NLP.make_doc("In Riga it rained.")
    for key, n in spans.items():
        doc.spans[key] = [doc[i : i + 1] for i in range(n)]
    DocBin(docs=[doc]).to_disk(tmp_path / "x.spacy")
    printed = run(tmp_path / "x.spacy", tmp_path / "out.spacy", "-f", "ents", exit_code=1)
    assert "B048] None of the 1 document(s) has a span under doc.spans['sc']" in printed
    assert found in printed
    assert not (tmp_path / "out.spacy").exists()


def test_convert_replaces_a_file(source: Path, tmp_path: Path) -> None:
    """As `spacy convert` does, but only by a complete one. It may be the source."""
    path = tmp_path / "x.spacy"
    for _ in range(2):
        run(source, path, "-f", "inline")
    run(path, path, "-f", "ents")
    assert len(read(path)) == 2
    run(source, path, "-f", "inline", "--strict", exit_code=1)
    assert len(read(path)) == 2


def test_convert_can_not_write(source: Path, tmp_path: Path) -> None:
    """The output is looked at before anything is read."""
    (tmp_path / "folder.spacy").mkdir()
    assert "B051" in run(source, tmp_path / "folder.spacy", "-f", "inline", exit_code=1)
    assert "B051" in run(source, source / "a.txt" / "out", "-f", "inline", exit_code=1)


def test_convert_other_names_of_files(source: Path, tmp_path: Path) -> None:
    """Names that are not UTF-8 can be printed. A link to nothing is an error."""
    strange = Path(os.fsdecode(os.fsencode(source) + b"\xff"))
    try:
        source.rename(strange)
    except OSError:
        pytest.skip("The file system takes only names in UTF-8")
    (strange / "a.txt").rename(strange / "b\udcff.txt")
    printed = run(strange, tmp_path / "out.spacy", "-f", "inline")
    assert "Wrote 2 documents" in printed
    (strange / "c.txt").symlink_to("nowhere")
    printed = run(strange, tmp_path / "out.spacy", "-f", "inline", exit_code=1)
    assert "c.txt can't be read: it is a link to a missing file" in printed
    assert "in\\udcff" in printed


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train.txt", "dev.txt", "test.txt"], "dev.txt, test.txt, train.txt"),
        (["eng.train", "eng.testa", "eng.testb"], "eng.testa, eng.testb, eng.train"),
        (["train", "valid"], "train, valid"),
        (["train.txt", "trainer.txt"], ""),
        (["test.txt", "contest.txt", "dev.txt"], ""),
    ],
)
def test_convert_says_that_parts_were_joined(tmp_path: Path, names: list[str], parts: str) -> None:
    """Files or folders of a training part and of another part. A file of its own is right."""
    for name in names:
        path = tmp_path / "in" / (name if "." in name else f"{name}/a.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Riga B-GPE\n", encoding="utf8")
    printed = run(tmp_path / "in", tmp_path / "out.spacy", "-f", "conll")
    assert ("has files of several parts" in printed) == bool(parts)
    found = files_of_parts(tmp_path / "in").values()
    assert sorted(path.name for path in found) == (parts.split(", ") if parts else [])
    assert files_of_parts(tmp_path / "in" / names[0]) == {}


CONLLU = "1\tRiga\tRiga\tPROPN\tNNP\t_\t0\troot\t_\t{}\n\n"


@pytest.mark.parametrize(
    "text", ["# newdoc id = GUM_bio_emperor\n", "# sent_id = 1\n", CONLLU.format("Entity=(1-place")]
)
def test_conllu_is_named(tmp_path: Path, text: str) -> None:
    """Its comments and the last column are no tags."""
    path = tmp_path / "x.conllu"
    path.write_text(text + CONLLU.format("_"), encoding="utf8")
    for options in ((), ("--set", "comment=#")):
        printed = run(path, tmp_path / "out.spacy", "-f", "conll", *options, exit_code=1)
        assert "this is CoNLL-U, which has no column of tags" in printed


def test_conllu_with_tags_is_read_as_the_message_says(tmp_path: Path) -> None:
    path = tmp_path / "x.conllu"
    path.write_text("# sent_id = 1\n" + CONLLU.format("name=B-GPE") * 2, encoding="utf8")
    convert(path, tmp_path, file_type="spacy", converter="conllu")
    run(tmp_path / "x.spacy", tmp_path / "out.spacy", "-f", "ents")
    assert [span[2] for doc in read(tmp_path / "out.spacy") for span in spans_of(doc)] == ["GPE"] * 2


def test_lines_of_jsonl_are_sentences(tmp_path: Path) -> None:
    """If the option says so, and the record has no sentences of its own."""
    path = tmp_path / "x.jsonl"
    tokens = [{"text": text, "start": start, "end": start + 2} for text, start in (("It", 0), ("is", 3), ("so", 6))]
    records = [{"text": "It\nis so", "spans": [{"start": 0, "end": 2, "label": "X"}]}]
    records += [{**records[0], "tokens": tokens, "sents": [{"start": 0, "end": 8}]}]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf8")
    for value, expected in (("true", [["It\n", "is so"], ["It\nis so"]]), ("false", [None, ["It\nis so"]])):
        run(path, tmp_path / "out.spacy", "-f", "jsonl", "--set", f"sentences={value}")
        docs = read(tmp_path / "out.spacy")
        found = [[s.text_with_ws for s in doc.sents] if doc.has_annotation("SENT_START") else None for doc in docs]
        assert found == expected


@pytest.mark.parametrize("name", FORMATS)
def test_every_option_has_a_type_that_is_known(name: str) -> None:
    """Defaults fit their types."""
    types = get_type_hints(FORMATS[name])
    for option, default in reader_options(FORMATS[name]).items():
        _, fits = VALUES[types[option]]
        assert fits(default)


@pytest.mark.parametrize(
    "name, setting, value",
    [
        ("conll", "tag_column=2", 2),
        ("conll", "scheme=iob1", "iob1"),
        ("conll", 'label="X"', "X"),
        ("conll", "label=", ""),
        ("conll", "label=5", "5"),
        ("conll", "label=null", "null"),
        ("conll", "comment=#", "#"),
        ("conll", "tag_columns=[2, 3]", [2, 3]),
        ("conll", "tag_columns=null", None),
        ("genia", "join=false", False),
        ("litbank", "names=1", "1"),
    ],
)
def test_parse_options(name: str, setting: str, value: Any) -> None:
    """By the type of the option. A text need not be JSON."""
    assert parse_options(name, [setting]) == {setting.split("=")[0]: value}


@pytest.mark.parametrize(
    "name, setting, expected",
    [
        ("conll", "token_column=first", "has to be a whole number, but is 'first'"),
        ("conll", "token_column=true", "has to be a whole number, but is 'true'"),
        ("conll", "tag_columns=2", r"has to be a list of whole numbers such as \[1, 2\], but is '2'"),
        ("genia", "join=no", "has to be true or false, but is 'no'"),
    ],
)
def test_options_of_another_type(name: str, setting: str, expected: str) -> None:
    option = setting.split("=")[0]
    with pytest.raises(ValueError, match=rf"B049\] The option `{option}` of format '{name}' {expected}"):
        parse_options(name, [setting])
