"""Datasets of Hugging Face `datasets` on disk."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import spans_of
from spacy.util import registry
from typer.testing import CliRunner

from spacy_binder.cli import binder_cli
from spacy_binder.corpora import huggingface
from spacy_binder.corpora.huggingface import read_huggingface
from spacy_binder.corpora.problems import Problems

NLP = spacy.blank("en")
TAGS = ["O", "B-GPE", "I-GPE", "B-PER"]
WORDS = ["Anna", "left", "New", "York"]


@pytest.fixture(scope="module")
def datasets() -> Any:
    """The package, if it is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("datasets", reason="the extra `datasets` isn't installed")
    found.disable_progress_bars()
    return found


@pytest.fixture
def save(datasets: Any, tmp_path: Path) -> Any:
    """Writes columns of the given types to a folder."""

    def save_columns(features: dict, *rows: dict) -> Path:
        dataset = datasets.Dataset.from_list(list(rows), features=datasets.Features(features))
        dataset.save_to_disk(tmp_path / "data")
        return tmp_path / "data"

    return save_columns


def span(start: int, end: int, label: Any) -> dict:
    """RETURNS (dict): A span as in a row."""
    return {"start": start, "end": end, "label": label}


def span_type(datasets: Any, label: Any) -> dict:
    """RETURNS (dict): The types of a span's parts."""
    return {"start": datasets.Value("int32"), "end": datasets.Value("int32"), "label": label}


def test_tags_that_a_class_label_names(datasets: Any, save: Any) -> None:
    """A row is a document. A tag in a wrong place counts as a problem, with its row as line."""
    features = {
        "tokens": datasets.List(datasets.Value("string")),
        "ner_tags": datasets.List(datasets.ClassLabel(names=TAGS)),
    }
    rows = [{"tokens": WORDS, "ner_tags": [3, 0, 1, 2]}, {"tokens": ["It", "Riga"], "ner_tags": [0, 2]}]
    problems = Problems()
    docs = list(read_huggingface(save(features, *rows, {"tokens": [], "ner_tags": []}), NLP, problems=problems))
    assert [spans_of(doc) for doc in docs] == [[(0, 1, "PER"), (2, 4, "GPE")], [(1, 2, "GPE")], []]
    assert [token.text for token in docs[0]] == WORDS
    assert [(p.kind, p.line, p.text) for p in problems.first["tag order"]] == [("tag order", 2, "Riga")]


def test_tags_that_are_strings_in_other_columns(datasets: Any, save: Any) -> None:
    features = {name: datasets.List(datasets.Value("string")) for name in ("words", "tags")}
    path = save(features, {"words": ["New", "York", "Oslo"], "tags": ["B", "I", "B"]})
    options = {"token_column": "words", "tag_column": "tags", "label": "GPE"}
    [doc] = read_huggingface(path, NLP, spans_key="gold", problems=Problems(strict=True), **options)
    assert spans_of(doc, "gold") == [(0, 2, "GPE"), (2, 3, "GPE")]


@pytest.mark.parametrize("kind", ["list of dicts", "dict of lists"])
@pytest.mark.parametrize("named", [True, False])
def test_spans_by_tokens(datasets: Any, save: Any, kind: str, named: bool) -> None:
    """Nested spans. Spans that do not fit are counted."""
    label = datasets.ClassLabel(names=["GPE", "PER"]) if named else datasets.Value("string")
    parts = span_type(datasets, label)
    found = [span(2, 4, 0 if named else "GPE"), span(0, 4, 1 if named else "PER"), span(3, 5, 1 if named else "PER")]
    value: Any = found
    feature: Any = datasets.List(parts)
    if kind == "dict of lists":
        value = {name: [row[name] for row in found] for name in parts}
        feature = {name: datasets.List(of) for name, of in parts.items()}
    path = save(
        {"tokens": datasets.List(datasets.Value("string")), "entities": feature}, {"tokens": WORDS, "entities": value}
    )
    problems = Problems()
    [doc] = read_huggingface(path, NLP, problems=problems)
    assert spans_of(doc) == [(0, 4, "PER"), (2, 4, "GPE")]
    assert problems.counts == {"out of range": 1}


def test_spans_by_characters(datasets: Any, save: Any) -> None:
    """Spans of rows without tokens."""
    features = {
        "text": datasets.Value("string"),
        "spans": datasets.List(span_type(datasets, datasets.Value("string"))),
    }
    path = save(features, {"text": "In Riga.", "spans": [span(3, 7, "GPE"), span(3, 6, "GPE")]})
    problems = Problems()
    [doc] = read_huggingface(path, NLP, problems=problems)
    assert (spans_of(doc), problems.counts) == ([(1, 2, "GPE")], {"misaligned": 1})


def test_splits(datasets: Any, tmp_path: Path) -> None:
    """A split has to be named, so that test data can't become training data by mistake."""
    row = {"tokens": ["Riga"], "ner_tags": ["B-GPE"]}
    split = datasets.Dataset.from_list([row])
    datasets.DatasetDict({"train": split, "test": split}).save_to_disk(tmp_path)
    [doc] = read_huggingface(tmp_path, NLP, split="test", problems=Problems())
    assert spans_of(doc) == [(0, 1, "GPE")]
    assert len(list(read_huggingface(tmp_path / "train", NLP, problems=Problems()))) == 1
    with pytest.raises(ValueError, match=r"B039\] .* several datasets: test, train\. .* is ''"):
        list(read_huggingface(tmp_path, NLP, problems=Problems()))


def test_a_split_of_another_split(datasets: Any, tmp_path: Path) -> None:
    """`train_test_split` leaves the name of what it splits."""
    rows = [{"tokens": ["Riga"], "ner_tags": ["B-GPE"]}] * 4
    whole = datasets.Dataset.from_list(rows, split="train")
    whole.train_test_split(0.5).save_to_disk(tmp_path / "parts")
    assert len(list(read_huggingface(tmp_path / "parts", NLP, split="test", problems=Problems()))) == 2


def test_command_and_registered_reader(datasets: Any, save: Any, tmp_path: Path) -> None:
    texts = datasets.List(datasets.Value("string"))
    path = save({"tokens": texts, "ner_tags": texts}, {"tokens": ["Riga"], "ner_tags": ["B-GPE"]})
    arguments = ["convert", str(path), str(tmp_path / "x.spacy"), "--format", "huggingface"]
    result = CliRunner().invoke(binder_cli, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "x.spacy").exists()
    [example] = registry.readers.get("spacy_binder.huggingface.v1")(path)(NLP)
    assert spans_of(example.reference) == [(0, 1, "GPE")]


@pytest.mark.parametrize(
    "row, options, message",
    [
        (
            {"words": ["a"]},
            {},
            r"B038\] .* columns words\. Expected 'tokens' with 'ner_tags', or .*'spans' or 'entities'",
        ),
        ({"tokens": ["a"], "ner_tags": ["O"]}, {"span_column": "x"}, r"B038\] .* with 'x'"),
        ({"tokens": ["a"], "ner_tags": [1]}, {}, r"B013\] .*, line 1: the tag 1\. Expected .* a ClassLabel names"),
        ({"tokens": ["a"], "ner_tags": ["B"]}, {}, r"B013\] .*: the tag 'B'\. .* the option `label`"),
        ({"tokens": ["a"], "ner_tags": ["O", "O"]}, {}, r"B013\] .*: 1 tokens and 2 tags\. Expected one tag per token"),
        ({"tokens": [""], "ner_tags": ["O"]}, {}, r"B013\] .*: the tokens \[''\]\. Expected"),
        ({"tokens": ["a"], "spans": [{"start": 0, "label": "X"}]}, {}, r"B013\] .*: the span .* Expected \{\"start\""),
        ({"tokens": ["a"], "spans": [span(0, 1, 7)]}, {}, r"B013\] .*: the span .* Expected \{\"start\""),
        ({"tokens": "a", "spans": []}, {}, r"B013\] .*: the tokens 'a'\. Expected a list of strings"),
    ],
)
def test_other_columns(datasets: Any, tmp_path: Path, row: dict, options: dict, message: str) -> None:
    datasets.Dataset.from_list([row]).save_to_disk(tmp_path)
    with pytest.raises(ValueError, match=message):
        list(read_huggingface(tmp_path, NLP, problems=Problems(), **options))


def test_wrong_rows(datasets: Any, save: Any) -> None:
    """A row costs itself: it is counted with its number. Unlabelled and true as an offset are no spans."""
    features = {
        "tokens": datasets.List(datasets.Value("string")),
        "ner_tags": datasets.List(datasets.Value("string")),
    }
    wrong = [(None, ["O"]), (["a", ""], ["O", "O"]), (["a"], None), (["a"], ["X"]), (["a"], ["O", "O"])]
    rows = [(["Riga"], ["B-GPE"]), *wrong]
    problems = Problems()
    path = save(features, *({"tokens": words, "ner_tags": tags} for words, tags in rows))
    assert [spans_of(doc) for doc in read_huggingface(path, NLP, problems=problems)] == [[(0, 1, "GPE")]]
    assert problems.counts == {"wrong record": 5}
    assert [p.line for p in problems.first["wrong record"]] == [2, 3, 4]


def test_wrong_spans(datasets: Any, tmp_path: Path) -> None:
    parts = {"start": [0, 3], "end": [2, 7]}
    rows = [
        {"text": "In Riga.", "spans": {**parts, "label": ["X", None]}},
        {"text": None, "spans": {**parts, "label": ["X", "X"]}},
        {"text": "In Riga.", "spans": {**parts, "label": ["X"]}},
    ]
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path)
    problems = Problems()
    assert [spans_of(doc) for doc in read_huggingface(tmp_path, NLP, problems=problems)] == [[(0, 1, "X")]]
    assert problems.counts == {"no label": 1, "wrong record": 2}
    datasets.Dataset.from_list([{"text": "a", "spans": [{"start": False, "end": True, "label": "X"}]}]).save_to_disk(
        tmp_path / "bool"
    )
    with pytest.raises(ValueError, match=r"B013\] .*line 1: the span "):
        list(read_huggingface(tmp_path / "bool", NLP, problems=Problems()))


def test_misspelt_names(datasets: Any, tmp_path: Path) -> None:
    """A chosen column or split that isn't there is an error, also where others could be read."""
    row = {"text": "In Riga.", "tokens": ["Riga"], "ner_tags": ["O"], "spans": [span(0, 1, "GPE")]}
    datasets.Dataset.from_list([row], split="train").save_to_disk(tmp_path)
    for options in ({"token_column": "tokns"}, {"tag_column": "ner"}, {"span_column": "span"}):
        with pytest.raises(ValueError, match=r"B038\]"):
            list(read_huggingface(tmp_path, NLP, problems=Problems(), **options))
    assert len(list(read_huggingface(tmp_path, NLP, problems=Problems(), split="train"))) == 1
    with pytest.raises(ValueError, match=r"B039\] .*: train\. .* is 'trian'"):
        list(read_huggingface(tmp_path, NLP, problems=Problems(), split="trian"))


@pytest.mark.parametrize("name", ["state.json", "dataset_info.json", "data-00000-of-00001.arrow"])
def test_damaged_dataset(datasets: Any, tmp_path: Path, name: str) -> None:
    datasets.Dataset.from_list([{"tokens": ["a"], "ner_tags": ["O"]}]).save_to_disk(tmp_path)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(ValueError, match=r"B044\] .* can't be read: "):
        list(read_huggingface(tmp_path, NLP, problems=Problems()))


def test_no_dataset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"B037\] .*state\.json"):
        list(read_huggingface(tmp_path, NLP, problems=Problems()))
    (tmp_path / "state.json").touch()
    monkeypatch.setattr(huggingface, "is_installed", lambda _: False)
    with pytest.raises(ImportError, match=r'B036\] .*pip install "spacy-binder\[datasets\]"'):
        list(read_huggingface(tmp_path, NLP, problems=Problems()))
