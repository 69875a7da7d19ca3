"""What JSON of this world looks like: its dialects, its faults, and what a file can do wrong."""

import json
import os
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import spans_of
from spacy.tokens import Doc, Span

from spacy_binder.corpora.dygie import read_dygie
from spacy_binder.corpora.files import open_file, read_names, source_files
from spacy_binder.corpora.formats import FORMATS
from spacy_binder.corpora.genia import read_genia
from spacy_binder.corpora.json_values import json_objects
from spacy_binder.corpora.jsonl import read_jsonl
from spacy_binder.corpora.label_studio import read_label_studio
from spacy_binder.corpora.problems import Problems

NLP = spacy.blank("en")
TEXT = "Anna Lind left Riga."
SPAN = {"start": 0, "end": 9, "label": "PER"}
FOUND = [(0, 2, "PER")]


def write(folder: Path, *values: Any) -> Path:
    """Write values, one per line."""
    path = folder / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, values)), encoding="utf8")
    return path


def read(path: Path, name: str = "jsonl", problems: Problems | None = None, **options: Any) -> list[Doc]:
    """Read a file. By default, each problem is an error."""
    return list(FORMATS[name](path, NLP, problems=problems or Problems(strict=True), **options))


@pytest.mark.parametrize(
    "value",
    [
        {"text": TEXT, "annotations": [SPAN]},
        {"text": TEXT, "annotations": {"entities": [[0, 9, "PER"]]}},
        {"text": TEXT, "ents": [SPAN]},
        {"text": TEXT, "spans": {"sc": [[0, 9, "PER"]]}},
        {"text": TEXT, "spans": {"other": [[0, 4, "X"]], "sc": [[0, 9, "PER"], [0, 4, "X"]]}},
        {"data": TEXT, "label": [[0, 9, "PER"]]},
        {"text": TEXT, "spans": [], "label": [[0, 9, "PER"]]},
        {"text": TEXT, "spans": {}, "ents": [SPAN]},
        {"text": TEXT, "entities": [SPAN], "labels": ["NEWS", "SPORT"]},
        {"text": TEXT, "entities": [SPAN], "label": "NEWS"},
        {"text": TEXT, "entities": [SPAN], "label": {"NEWS": 0.5}},
    ],
)
def test_jsonl_dialects(tmp_path: Path, value: dict) -> None:
    """A text, and spans under each key that exports use. Labels of the whole text are no spans."""
    [doc] = read(write(tmp_path, value))
    assert FOUND[0] in spans_of(doc)
    assert doc.text == TEXT


@pytest.mark.parametrize("indent", [None, 2])
def test_doc_to_json(tmp_path: Path, indent: int | None) -> None:
    """Tokens, sentences and spans of `Doc.to_json`, also as an object on several lines."""
    doc = Doc(
        NLP.vocab, words=["New York", "is", "it", "Go"], spaces=[True] * 4, sent_starts=[True, False, False, True]
    )
    doc.ents = [Span(doc, 0, 1, "GPE")]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(doc.to_json(), indent=indent), encoding="utf8")
    [ents] = read(path)
    assert [token.text for token in ents] == ["New York", "is", "it", "Go"]
    assert (spans_of(ents), [sentence.start for sentence in ents.sents]) == ([(0, 1, "GPE")], [0, 3])
    doc.spans["gold"] = [Span(doc, 0, 2, "X"), Span(doc, 0, 1, "GPE")]
    path.write_text("\n".join([json.dumps(doc.to_json(), indent=indent)] * 2), encoding="utf8")
    assert [spans_of(found) for found in read(path)] == [[(0, 2, "X"), (0, 1, "GPE")]] * 2


def test_spans_under_two_keys(tmp_path: Path) -> None:
    """The first list is read. A second one that has more is counted."""
    problems = Problems()
    [doc] = read(write(tmp_path, {"text": TEXT, "spans": [SPAN], "ents": [[15, 19, "GPE"]]}), problems=problems)
    assert (spans_of(doc), problems.counts) == (FOUND, {"second annotation": 1})


@pytest.mark.parametrize(
    "name, value, keys",
    [
        ("jsonl", {"text": TEXT, "mentions": [SPAN]}, "text, mentions"),
        ("jsonl", {"text": TEXT, "label": "NEWS"}, "text, label"),
        ("jsonl", {"text": TEXT, "label": ["NEWS"]}, "text, label"),
        ("label_studio", {"id": 1, "text": TEXT, "ner": "PER"}, "id, text, ner"),
    ],
)
def test_no_known_key(tmp_path: Path, name: str, value: dict, keys: str) -> None:
    """Not a corpus without spans, but an error that has the keys. One record of many without a key is counted."""
    with pytest.raises(ValueError, match=rf"B045\] .*x.jsonl: 2 document.* are: {keys}\. Expected "):
        read(write(tmp_path, value, value), name)
    problems = Problems()
    known = {"text": TEXT, "label": []}
    assert len(read(write(tmp_path, value, known), name, problems)) == 2
    assert problems.counts == {"no spans": 1}


def test_rejected_examples_may_be_wrong(tmp_path: Path) -> None:
    """An accepted span without a label is counted."""
    rejected = {"text": TEXT, "spans": [{"start": None}], "answer": "reject"}
    accepted = {"text": TEXT, "spans": [SPAN, {"start": 15, "end": 19}, [15, 19], [15, 19, None]], "answer": "accept"}
    problems = Problems()
    [doc] = read(write(tmp_path, rejected, {"answer": "ignore"}, accepted), problems=problems)
    assert (spans_of(doc), problems.counts) == (FOUND, {"not accepted": 2, "no label": 3})


@pytest.mark.parametrize("name", ["jsonl", "label_studio"])
def test_texts_of_any_length(tmp_path: Path, name: str) -> None:
    """The limit of nlp.max_length is for parsers."""
    text = f"{TEXT} {'x' * 99_000} " * 11
    span = {"start": 0, "end": 9, "labels": ["PER"]} if name == "label_studio" else SPAN
    [doc] = read(write(tmp_path, {"text": text, "label": [span]}), name)
    assert len(doc.text) > NLP.max_length
    assert spans_of(doc) == FOUND


def test_trimmed(tmp_path: Path) -> None:
    """By characters and by tokens."""
    problems = Problems()
    [doc] = read(write(tmp_path, {"text": TEXT, "spans": [[0, 10, "PER"]]}), problems=problems)
    assert (spans_of(doc), problems.first["trimmed"][0].text) == (FOUND, "Anna Lind ")
    sentence = {"tokens": ["In", " ", "Riga", "\n"], "entity_mentions": [{"start": 1, "end": 4, "entity_type": "X"}]}
    blank = {"tokens": [" "], "entity_mentions": [{"start": 0, "end": 1, "entity_type": "X"}]}
    docs = read(write(tmp_path, sentence, blank), "genia", problems)
    assert [spans_of(doc) for doc in docs] == [[(2, 3, "X")], []]
    assert problems.counts == {"trimmed": 2, "empty": 1}


def test_whitespace_in_a_token(tmp_path: Path) -> None:
    """A span is kept whose token has the whitespace."""
    tokens = [{"text": text} for text in ("Anna ", "Lind", "left", "Riga.")]
    [doc] = read(write(tmp_path, {"text": TEXT, "tokens": tokens, "spans": [[0, 5, "PER"]]}))
    assert spans_of(doc) == [(0, 1, "PER")]


def region(start: Any, end: Any, *labels: str, **more: Any) -> dict:
    """RETURNS (dict): The place and labels of a region in Label Studio."""
    return {"start": start, "end": end, **({"labels": list(labels)} if labels else {}), **more}


def task(*values: dict) -> dict:
    """RETURNS (dict): A task of Label Studio with one annotation."""
    return {"data": {"text": TEXT}, "annotations": [{"result": [{"value": value} for value in values]}]}


def test_label_studio_hypertext(tmp_path: Path) -> None:
    """Offsets in the text are used if the quoted text confirms them. Otherwise the region is counted."""
    path = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 9}
    named = {**path, "hypertextlabels": ["PER"]}
    offsets = {"globalOffsets": {"start": 0, "end": 9}}
    problems = Problems()
    values = [{**named, **offsets, "text": "Anna Lind"}, named, {**named, **offsets}, {**named, "text": "Anna"}]
    [doc] = read(write(tmp_path, task(*values, {**named, **offsets, "text": "Oslo"})), "label_studio", problems)
    assert (spans_of(doc), problems.counts) == (FOUND, {"no place": 3, "other text": 1})


@pytest.mark.parametrize("annotations", [None, [], [{"result": None}], [{"was_cancelled": True}]])
def test_label_studio_without_annotation(tmp_path: Path, annotations: Any) -> None:
    value = {"data": {"text": TEXT}, "annotations": annotations}
    problems = Problems(strict=True)
    assert len(read(write(tmp_path, value, task()), "label_studio", problems)) == 1
    assert problems.counts == {"not annotated": 1}


def test_label_studio_texts_and_choices_of_a_region(tmp_path: Path) -> None:
    """They have its place and are no spans. A region without labels is counted."""
    values = [region(0, 9, "PER"), region(0, 9, text=["a comment"]), region(0, 9, choices=["sure"])]
    [doc] = read(write(tmp_path, task(*values)), "label_studio")
    assert spans_of(doc) == FOUND
    problems = Problems()
    [doc] = read(write(tmp_path, task(*values, region(15, 19, choices=["sure"]))), "label_studio", problems)
    assert (spans_of(doc), problems.counts) == (FOUND, {"no label": 1})


def test_label_studio_label_that_is_a_string(tmp_path: Path) -> None:
    [doc] = read(write(tmp_path, task({"start": "0", "end": 9, "labels": "LOC"})), "label_studio")
    assert spans_of(doc) == [(0, 2, "LOC")]


@pytest.mark.parametrize("label_name, labels", [("", {"PER", "GPE"}), ("a", {"PER"})])
def test_label_studio_min_under_other_names(tmp_path: Path, label_name: str, labels: set) -> None:
    """Each key that has spans, or only the one with the given name."""
    value = {"text": TEXT, "a": [region(0, 9, "PER")], "b": [region(15, 19, "GPE")], "c": [region(0, 4, text=["x"])]}
    [doc] = read(write(tmp_path, value), "label_studio", label_name=label_name)
    assert {span.label_ for span in doc.spans["sc"]} == labels
    with pytest.raises(ValueError, match=r"B045\] .* text, a, b, c\. .*label_name"):
        read(write(tmp_path, value), "label_studio", label_name="typo")


def test_spans_stay_in_their_sentence(tmp_path: Path) -> None:
    """An offset outside its sentence must not become a span of another one."""
    mention = {"start": -1, "end": 1, "entity_type": "X"}
    sentences = [{"tokens": ["a"], "entity_mentions": [], "doc_id": 1}]
    sentences.append({"tokens": ["b"], "entity_mentions": [mention, {**mention, "start": 0}], "doc_id": 1})
    problems = Problems()
    [doc] = read_genia(write(tmp_path, *sentences), NLP, problems=problems)
    assert (spans_of(doc), problems.counts) == ([(1, 2, "X")], {"out of range": 1})
    value = {"sentences": [["a"], ["b"]], "ners": [[[0, 1, "X"]], [[-1, 0, "X"], [0, 0, "Y"]]]}
    problems = Problems()
    [doc] = read_dygie(write(tmp_path, value), NLP, problems=problems, offsets="sentence")
    assert (spans_of(doc), problems.counts) == ([(1, 2, "Y")], {"out of range": 2})


def test_genia_listed_names(tmp_path: Path) -> None:
    """A misspelt one is an error. Numbers are names."""
    path = write(tmp_path, {"tokens": ["a"], "entity_mentions": [], "doc_id": 7})
    names = tmp_path / "names.txt"
    names.write_text("7\n", encoding="utf8")
    assert len(read(path, "genia", names=names)) == 1
    names.write_text("7\n8\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"B034\] 1 of .*names.txt.*: 8\."):
        read(path, "genia", names=names)
    with pytest.raises(ValueError, match=r"B030\]"):
        read_names(tmp_path / "typo.txt")
    names.write_text("\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"B013\] .*no names"):
        read_names(names)


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ('[{"a": 1}]\n[{"a": 2}]', 2, r"not JSON \('\[.* instead of the end of the file"),
        ('[{"a": 1}\n{"a": 2}]', 2, r"not JSON \('\{.* instead of a comma"),
        ('[{"a": 1},\n]', 2, "not JSON"),
        ('[{"a": 1},,{"a": 2}]', 1, "not JSON"),
        ('[{"a": 1}', 1, r"not JSON \(the end of the file instead of a comma"),
        ("[", 1, "not JSON"),
        ('{\n"a": }', 2, "not JSON"),
        ("[" * 100_000, 1, "not JSON"),
        ('[{"a": ' + "[" * 100_000, 1, "not JSON"),
        ('{"a": ' + "[" * 100_000 + "}", 1, "not JSON"),
        ('[{"a": ' + "1" * 5000 + "}]", 1, "not JSON"),
        ('{"a": ' + "1" * 5000 + "}", 1, "not JSON"),
        ("[" + json.dumps("x" * 10**6) + "]", 1, r"'xxx"),
        (b'[{"a": 1},\n{"a": 2}, {"a": "\xff"}]', 2, r".*Expected text in UTF-8"),
        (b"\xff\xfe[\x00", 1, r".*Expected text in UTF-8"),
    ],
)
def test_json_errors(tmp_path: Path, text: str | bytes, line: int, problem: str) -> None:
    """They have the line and stay short."""
    path = tmp_path / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=rf"B013\] .*x.json, line {line}: {problem}") as error:
        list(json_objects(path))
    assert len(str(error.value)) < 1000


def test_an_array_on_one_line_is_read_value_by_value(tmp_path: Path) -> None:
    """In far less memory than the file has bytes."""
    path = write(tmp_path, {"text": "x"})
    values = [{"text": "word " * 2000, "spans": []} for _ in range(1600)]
    path.write_text(json.dumps(values), encoding="utf8")
    tracemalloc.start()
    try:
        assert sum(1 for _ in json_objects(path)) == 1600
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 2
    finally:
        tracemalloc.stop()


def test_messages_stay_short(tmp_path: Path) -> None:
    value = {"x" * 10**6: 1} | {f"key {i}": "\ud800" for i in range(10**4)}
    for name in ("jsonl", "label_studio", "genia", "dygie"):
        with pytest.raises(ValueError, match=r"B013\]") as error:
            read(write(tmp_path, value), name, Problems())
        assert len(str(error.value).encode()) < 1000


def test_files_that_are_none(tmp_path: Path) -> None:
    """A pipe would wait for ever. A broken link would vanish from a folder."""
    os.mkfifo(tmp_path / "x.jsonl")
    for path in (tmp_path, tmp_path / "x.jsonl"):
        with pytest.raises(ValueError, match=r"B044\] .*x.jsonl can't be read: it is not a regular file"):
            source_files(path, (".jsonl",))
    (tmp_path / "x.jsonl").unlink()
    (tmp_path / "y.jsonl").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "y.jsonl"):
        with pytest.raises(ValueError, match=r"B044\] .*y.jsonl can't be read: it is a link to a missing file"):
            source_files(path, (".jsonl",))
    with pytest.raises(ValueError, match=r"B044\] .* can't be read: it is a link"), open_file(tmp_path / "y.jsonl"):
        pass


def test_files_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {})

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ValueError, match=r"B044\] .*x.jsonl can't be read: Permission denied"):
        list(json_objects(path))
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match=r"B044\] .* can't be read: Permission denied"):
        source_files(tmp_path, (".jsonl",))


def test_files_in_linked_folders_and_with_other_endings(tmp_path: Path) -> None:
    """No file of the format is left out. A link to a folder above ends."""
    (tmp_path / "corpus" / "up").parent.mkdir()
    (tmp_path / "other").mkdir()
    for name in ("other/a.JSONL", "corpus/b.ndjson", "corpus/c.jsonlines"):
        (tmp_path / name).write_text(json.dumps({"text": TEXT, "spans": [SPAN]}), encoding="utf8")
    (tmp_path / "corpus" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "corpus" / "up").symlink_to(tmp_path / "corpus")
    assert [spans_of(doc) for doc in read_jsonl(tmp_path / "corpus", NLP, problems=Problems())] == [FOUND] * 3


def test_lone_surrogate_in_label_studio(tmp_path: Path) -> None:
    """The record is left out, and its line is known."""
    wrong = task(region(0, 9, "\ud800"))
    problems = Problems()
    docs = read_label_studio(write(tmp_path, task(region(0, 9, "PER")), wrong), NLP, problems=problems)
    assert [spans_of(doc) for doc in docs] == [FOUND]
    [problem] = problems.first["wrong record"]
    assert problem.line == 2
    assert re.search(r"lone surrogate.*\\ud800", problem.text)
