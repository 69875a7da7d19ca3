"""Texts with character offsets in JSON: Prodigy, doccano, Label Studio; and DocBins with entities."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from spacy_binder.corpora.ents import read_ents
from spacy_binder.corpora.jsonl import read_jsonl
from spacy_binder.corpora.label_studio import read_label_studio
from spacy_binder.corpora.problems import Problem, Problems

NLP = spacy.blank("en")
TEXT = "In Riga it rained."
SPAN = {"start": 3, "end": 7, "label": "GPE"}


def write(folder: Path, *values: dict, array: bool = False) -> Path:
    """Write objects, one per line or as an array."""
    path = folder / "x.json"
    path.write_text(json.dumps(values, indent=1) if array else "\n".join(map(json.dumps, values)), encoding="utf8")
    return path


@pytest.mark.parametrize(
    "value",
    [
        {"text": TEXT, "spans": [{"start": 3, "end": 7, "label": "GPE", "token_start": 1}], "answer": "accept"},
        {"text": TEXT, "label": [[3, 7, "GPE"]]},
        {"id": 1, "text": TEXT, "labels": [[3, 7, "GPE"]]},
        {"text": TEXT, "entities": [[3, 7, "GPE"]]},
        {"text": TEXT, "entities": [{"id": 9, "start_offset": 3, "end_offset": 7, "label": "GPE"}], "relations": []},
    ],
    ids=["Prodigy", "doccano", "doccano labels", "spaCy", "doccano entities"],
)
def test_jsonl_dialects(tmp_path: Path, value: dict) -> None:
    [doc] = read_jsonl(write(tmp_path, value), NLP, spans_key="gold", problems=Problems(strict=True))
    assert (doc.text, spans_of(doc, "gold")) == (TEXT, [(1, 2, "GPE")])


@pytest.mark.parametrize("value", [{"spans": []}, {"spans": None}, {"spans": [], "labels": ["WEATHER"], "label": 1}])
def test_jsonl_without_spans(tmp_path: Path, value: dict) -> None:
    """The group is empty. A label that is no list of spans describes the whole text."""
    [doc] = read_jsonl(write(tmp_path, {"text": TEXT, **value}), NLP, problems=Problems(strict=True))
    assert spans_of(doc) == []


@pytest.mark.parametrize("other", [{"spans": {"sc": [], "found": [SPAN]}}, {"spans": {"sc": []}, "ents": [SPAN]}])
def test_an_empty_group_stays_empty(tmp_path: Path, other: dict) -> None:
    """The gold group of a text without entities is not filled from another group, such as a prediction."""
    problems = Problems()
    [doc] = read_jsonl(write(tmp_path, {"text": TEXT, **other}), NLP, problems=problems)
    assert spans_of(doc) == [] and problems.counts == {"second annotation": 1}


def test_jsonl_tokens(tmp_path: Path) -> None:
    """Prodigy's own tokens are kept, with their spaces."""
    tokens = [{"text": text, "start": 0, "end": 0, "id": 0} for text in ("In", "Ri", "ga", "it", "rained.")]
    value = {"text": TEXT, "tokens": tokens, "spans": [{"start": 3, "end": 5, "label": "X"}]}
    [doc] = read_jsonl(write(tmp_path, value), NLP, problems=Problems(strict=True))
    assert ([token.text for token in doc], doc.text) == (["In", "Ri", "ga", "it", "rained."], TEXT)
    assert spans_of(doc) == [(1, 2, "X")]


def test_jsonl_counts_what_it_leaves_out(tmp_path: Path) -> None:
    """Rejected documents, and spans inside a token. Only the spans are an error if strict."""
    values = [
        {"text": "no", "spans": [], "answer": "reject"},
        {"text": "no", "spans": [], "answer": "ignore"},
        {"text": TEXT, "spans": [{"start": 3, "end": 5, "label": "X"}]},
    ]
    path, problems = write(tmp_path, *values), Problems()
    [doc] = read_jsonl(path, NLP, problems=problems)
    assert spans_of(doc) == []
    assert problems.counts == {"not accepted": 2, "misaligned": 1}
    with pytest.raises(ValueError, match=r"B028\] .*x.json, line 3: 'Ri' begins"):
        list(read_jsonl(path, NLP, problems=Problems(strict=True)))


def test_jsonl_compares_the_text_of_a_span(tmp_path: Path) -> None:
    """Offsets of bytes, or of another version of the text, would train on other words. Whitespace may differ."""
    text = "\u00c9t\u00e9: In  Riga it rained."
    places = [(9, 13, "Riga"), (11, 15, "Riga"), (5, 13, "In Riga"), (9, 13, ""), (9, 13, None)]
    spans = [{"start": start, "end": end, "label": f"L{i}", "text": of} for i, (start, end, of) in enumerate(places)]
    path, problems = write(tmp_path, {"text": text, "spans": spans}), Problems()
    [doc] = read_jsonl(path, NLP, problems=problems)
    found = [(span.text, span.label_) for span in doc.spans["sc"]]
    assert found == [("In  Riga", "L2"), ("Riga", "L0"), ("Riga", "L3"), ("Riga", "L4")]
    assert problems.counts == {"other text": 1}
    assert problems.first["other text"] == [Problem("other text", path, 1, "Riga")]


@pytest.mark.parametrize(
    "value, problem",
    [
        ({"spans": []}, "an object with spans"),
        ({}, "an object with nothing"),
        ({"text": TEXT, "spans": "x"}, "the spans 'x'"),
        ({"text": TEXT, "spans": 0}, "the spans 0"),
        ({"text": TEXT, "spans": [{"start": 3, "label": "X"}]}, "the span {'label': 'X', 'start': 3}"),
        ({"text": TEXT, "spans": [{"start": 3, "end": None, "label": "X"}]}, "the span .*"),
        ({"text": TEXT, "spans": [{"start": True, "end": 7, "label": "X"}]}, "the span .*"),
        ({"text": TEXT, "spans": [[3, 7, 5]]}, r"the span \[3, 7, 5\]"),
        ({"text": TEXT, "tokens": [{"text": "In"}], "spans": []}, "tokens that don't make up the text"),
        ({"text": TEXT, "tokens": ["In"], "spans": []}, "tokens that don't make up the text"),
        ({"text": "Riga \ud800", "spans": []}, r"a lone surrogate.*\\ud800'"),
        ({"text": TEXT, "spans": [{**SPAN, "label": "\udc00"}]}, r"a lone surrogate.*\\udc00'"),
    ],
)
def test_jsonl_wrong_record(tmp_path: Path, value: dict, problem: str) -> None:
    """It costs itself: it is counted with its line. A file of nothing else is an error."""
    right = {"text": TEXT, "spans": [SPAN]}
    problems = Problems()
    docs = list(read_jsonl(write(tmp_path, right, value, right), NLP, problems=problems))
    assert [spans_of(doc) for doc in docs] == [[(1, 2, "GPE")]] * 2
    assert [(p.line, p.kind) for found in problems.first.values() for p in found] == [(2, "wrong record")]
    with pytest.raises(ValueError, match=r"B028\] .*x.json, line 2: .*does not fit the format"):
        list(read_jsonl(write(tmp_path, right, value), NLP, problems=Problems(strict=True)))
    with pytest.raises(ValueError, match=rf"B013\] .*x.json, line 1: {problem}\. Expected "):
        list(read_jsonl(write(tmp_path, value), NLP, problems=Problems()))


def result(start: int, end: int, *labels: str, **more: Any) -> dict:
    """RETURNS (dict): A result of Label Studio."""
    return {"type": "labels", "value": {"start": start, "end": end, "labels": list(labels), **more}}


def task(text: str, *results: dict) -> dict:
    """RETURNS (dict): A task with one annotation."""
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": list(results)}], "predictions": []}


@pytest.mark.parametrize("array", [True, False])
def test_label_studio(tmp_path: Path, array: bool) -> None:
    """A result with two labels is two spans. Results without spans are skipped."""
    other = {"type": "choices", "value": {"choices": ["x"]}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    value = task(TEXT, result(3, 7, "GPE", "LOC", text="Riga"), other, relation)
    docs = read_label_studio(write(tmp_path, value, task(TEXT), array=array), NLP, problems=Problems(strict=True))
    assert [spans_of(doc) for doc in docs] == [[(1, 2, "GPE"), (1, 2, "LOC")], []]


def test_label_studio_min(tmp_path: Path) -> None:
    """JSON-MIN, under the names of the labelling interface."""
    value = {"id": 1, "body": TEXT, "ner": [{"start": 3, "end": 7, "text": "Riga", "labels": ["GPE"]}], "annotator": 1}
    path = write(tmp_path, value, {"id": 2, "body": TEXT}, array=True)
    docs = read_label_studio(path, NLP, problems=Problems(strict=True), text_name="body", label_name="ner")
    assert [spans_of(doc) for doc in docs] == [[(1, 2, "GPE")], []]


def test_label_studio_counts_emoji_twice(tmp_path: Path) -> None:
    """A browser's offsets are used if they fit the quoted text. If neither way fits, it is a problem."""
    text = "\U0001f600 In Riga \U0001f600"
    value = task(
        text, result(6, 10, "GPE", text="Riga"), result(5, 9, "X", text="Riga"), result(0, 4, "Y", text="Oslo")
    )
    problems = Problems()
    [doc] = read_label_studio(write(tmp_path, value), NLP, problems=problems)
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [("Riga", "GPE"), ("Riga", "X")]
    assert [p.text for p in problems.first["other text"]] == ["Oslo"]


def test_label_studio_counts_all_regions_of_a_task_alike(tmp_path: Path) -> None:
    """A word that comes again would fit in both ways, at another place."""
    text = "\U0001f602\U0001f602\U0001f602 ha ha Riga"
    value = task(text, result(7, 9, "L", text="ha"), result(13, 17, "GPE", text="Riga"))
    [doc] = read_label_studio(write(tmp_path, value), NLP, problems=Problems(strict=True))
    assert [(span.start_char, span.text) for span in doc.spans["sc"]] == [(4, "ha"), (10, "Riga")]


def test_label_studio_shows_several_spaces_as_one(tmp_path: Path) -> None:
    value = task("In New  York it rained.", result(3, 12, "GPE", text="New York"))
    [doc] = read_label_studio(write(tmp_path, value), NLP, problems=Problems(strict=True))
    assert [span.text for span in doc.spans["sc"]] == ["New  York"]


def test_label_studio_min_has_a_record_for_each_annotation(tmp_path: Path) -> None:
    def record(id_: int, annotation_id: int, label: str) -> dict:
        return {"id": id_, "annotation_id": annotation_id, "text": TEXT, "label": [{**SPAN, "labels": [label]}]}

    problems = Problems()
    path = write(tmp_path, record(1, 11, "GPE"), record(1, 12, "ORG"), record(2, 13, "LOC"), array=True)
    docs = list(read_label_studio(path, NLP, problems=problems))
    assert [spans_of(doc) for doc in docs] == [[(1, 2, "GPE")], [(1, 2, "LOC")]]
    assert problems.counts == {"second annotation": 1}


def test_label_studio_regions_of_one_tag(tmp_path: Path) -> None:
    value = task(TEXT, {**result(3, 7, "GPE"), "from_name": "ner"}, {**result(8, 10, "PRON"), "from_name": "pos"})
    path = write(tmp_path, value)
    [doc] = read_label_studio(path, NLP, problems=Problems(strict=True), label_name="ner")
    assert spans_of(doc) == [(1, 2, "GPE")]
    with pytest.raises(ValueError, match=r"B045\] .* ner, pos"):
        list(read_label_studio(path, NLP, problems=Problems(), label_name="typo"))


def test_label_studio_annotations(tmp_path: Path) -> None:
    """The first annotation that was not skipped is read. A task without annotations is left out."""
    several = task(TEXT, result(3, 7, "GPE"))
    several["annotations"] = [{"was_cancelled": True, "result": []}, *several["annotations"], {"result": []}]
    problems = Problems()
    path = write(tmp_path, several, {"data": {"text": TEXT}, "annotations": []}, array=True)
    assert [spans_of(doc) for doc in read_label_studio(path, NLP, problems=problems)] == [[(1, 2, "GPE")]]
    assert problems.counts == {"second annotation": 1, "not annotated": 1}


@pytest.mark.parametrize(
    "value, problem",
    [
        ({"annotations": []}, "a task with annotations"),
        (
            {"data": {"body": TEXT}, "annotations": []},
            r"a task with data, annotations, its data with body\. .*text_name",
        ),
        ({"text": TEXT, "label": [{"start": 3, "labels": ["X"]}]}, "the span {'labels': .*'start': 3}"),
        ({"text": TEXT, "label": "x"}, "label is 'x'"),
        ({"data": {"text": TEXT}, "annotations": [14, 15]}, r"annotations is \[14, 15\]"),
        ({"data": {"text": TEXT}, "annotations": {"result": []}}, "annotations is {'result': .*}"),
        ({"data": {"text": TEXT}, "annotations": [{"result": ["x"]}]}, r"result is \['x'\]"),
        (task(TEXT, result(3, 7, 5)), r"the labels \[5\]"),  # type: ignore[arg-type]
    ],
)
def test_label_studio_wrong_record(tmp_path: Path, value: dict, problem: str) -> None:
    """It costs itself: it is counted with its line. A file of nothing else is an error."""
    problems = Problems()
    docs = list(read_label_studio(write(tmp_path, task(TEXT, result(3, 7, "GPE")), value), NLP, problems=problems))
    assert [spans_of(doc) for doc in docs] == [[(1, 2, "GPE")]]
    assert [(p.line, p.kind) for found in problems.first.values() for p in found] == [(2, "wrong record")]
    with pytest.raises(ValueError, match=rf"B013\] .*x.json, line 1: {problem}"):
        list(read_label_studio(write(tmp_path, value), NLP, problems=Problems()))


TOKENS = st.lists(st.sampled_from(["Riga", "x", "\u00e9t\u00e9", "\U0001f600", "42"]), min_size=1, max_size=8)


@st.composite
def docs_with_spans(draw: st.DrawFn) -> Doc:
    """A doc of words with nested and crossing spans."""
    doc = NLP.make_doc(" ".join(draw(TOKENS)))
    extent = st.tuples(st.integers(0, len(doc) - 1), st.integers(1, 4), st.sampled_from(["X", "Y"]))
    spans = {(start, min(start + n, len(doc)), label) for start, n, label in draw(st.lists(extent, max_size=5))}
    doc.spans["sc"] = [Span(doc, *span) for span in sorted(spans, key=lambda s: (s[0], -s[1], s[2]))]
    return doc


@settings(max_examples=60, deadline=None, database=None)
@given(
    docs=st.lists(docs_with_spans(), max_size=4),
    dialect=st.sampled_from(["prodigy", "doccano", "label studio", "json-min"]),
    array=st.booleans(),
)
def test_round_trip(docs: list[Doc], dialect: str, array: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Texts and spans are the same after writing and reading, in each dialect."""
    values = []
    for doc in docs:
        spans = [(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]]
        if dialect == "prodigy":
            values.append(
                {"text": doc.text, "spans": [dict(zip(("start", "end", "label"), s, strict=True)) for s in spans]}
            )
        elif dialect == "doccano":
            values.append({"text": doc.text, "label": spans})
        elif dialect == "label studio":
            values.append(task(doc.text, *(result(*span) for span in spans)))
        else:
            values.append({"text": doc.text, "label": [result(*span)["value"] for span in spans]})
    read = read_jsonl if dialect in ("prodigy", "doccano") else read_label_studio
    path = write(tmp_path_factory.mktemp("json"), *values, array=array)
    found = list(read(path, NLP, problems=Problems(strict=True)))
    assert [(doc.text, spans_of(doc)) for doc in found] == [(doc.text, spans_of(doc)) for doc in docs]


def test_ents(tmp_path: Path) -> None:
    """Entities are added to the existing spans. Documents without entities have an empty group."""
    doc = NLP.make_doc(TEXT)
    doc.ents = [Span(doc, 1, 2, "GPE")]
    nested = NLP.make_doc(TEXT)
    nested.ents = [Span(nested, 1, 2, "GPE")]
    nested.spans["sc"] = [Span(nested, 0, 2, "X"), Span(nested, 1, 2, "GPE")]
    DocBin(docs=[doc, nested, NLP.make_doc(TEXT)]).to_disk(tmp_path / "x.spacy")
    problems = Problems()
    docs = list(read_ents(tmp_path, NLP, problems=problems))
    assert [spans_of(doc) for doc in docs] == [[(1, 2, "GPE")], [(0, 2, "X"), (1, 2, "GPE")], []]
    assert [len(doc.ents) for doc in docs] == [1, 1, 0]
    assert problems.counts == {"duplicate": 1}


def test_ents_errors(tmp_path: Path) -> None:
    """The message is that of spaCy."""
    (tmp_path / "x.spacy").write_text("no DocBin", encoding="utf8")
    with pytest.raises(ValueError, match=r"E1014"):
        list(read_ents(tmp_path, NLP, problems=Problems()))
