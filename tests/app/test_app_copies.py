"""What a user takes home: JSON that converts, CSV that reads, a config that trains with the same types."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
import spacy
from conftest import binder_config, spans_of
from spacy.language import Language
from spacy.training import Example
from thinc.api import Config

from spacy_binder.app.copies import config_blocks, python_lines, spans_as_csv, spans_as_json
from spacy_binder.app.finding import FoundSpan, types_of, with_types
from spacy_binder.app.given import EntityType
from spacy_binder.corpora.jsonl import read_jsonl
from spacy_binder.corpora.problems import Problems
from spacy_binder.pipeline import BinderNER

TEXT = 'The "mayor", of\nÅlesund'
SPANS = [FoundSpan(0, 23, "PER", 0.87654321), FoundSpan(16, 23, "GPE", 0.5)]
TYPES = [EntityType("PER", "people"), EntityType("GPE", 'places: "towns" = [1]', 0.25)]


def test_json_can_be_converted(tmp_path: Path) -> None:
    written = spans_as_json(TEXT, SPANS, TYPES, 0.4)
    record = json.loads(written)
    assert record["text"] == TEXT and record["threshold"] == 0.4
    assert record["types"] == {"PER": "people", "GPE": 'places: "towns" = [1]'}
    assert record["spans"][1] == {"start": 16, "end": 23, "label": "GPE", "score": 0.5, "text": "Ålesund"}
    (tmp_path / "spans.json").write_text(written, encoding="utf8")
    [doc] = read_jsonl(tmp_path / "spans.json", spacy.blank("en"), problems=Problems(strict=True))
    assert [(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]] == [s[:3] for s in SPANS]
    assert len(spans_of(doc)) == 2


def test_csv() -> None:
    rows = list(csv.DictReader(StringIO(spans_as_csv(TEXT, SPANS), newline="")))
    assert rows[0] == {"start": "0", "end": "23", "label": "PER", "score": "0.8765", "text": TEXT}
    assert len(rows) == 2
    assert spans_as_csv(TEXT, []).splitlines() == ["start,end,label,score,text"]


def test_python_lines_set_only_what_is_different(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    types = [EntityType(*item) for item in pipe.label_data.items()]
    lines = python_lines(tiny_nlp, "binder_ner", "model", TEXT, types, 0.5)
    assert "label(" not in lines and "cfg" not in lines
    lines = python_lines(tiny_nlp, "binder_ner", "model", "x" * 1000, types[1:], 0.3)
    assert lines.count("remove_label") == 1 and 'ner.cfg["threshold"] = 0.3' in lines
    assert 'open("text.txt", encoding="utf8")' in lines
    compile(lines, "lines", "exec")


@pytest.mark.parametrize("odd", [False, True])
def test_config_trains_with_the_same_types(tiny_nlp: Language, tiny_encoder: str, odd: bool, tmp_path: Path) -> None:
    """Labels and descriptions that can't stand in a config come from a file."""
    types = [*TYPES, EntityType("x = [y]:", "costs ${paths.x}", 0.75)] if odd else TYPES
    written = config_blocks(tiny_nlp, "binder_ner", types, 0.4)
    labels = {type_.label: type_.description for type_ in types}
    if odd:
        [line] = [line for line in written.splitlines() if line.startswith("# {")]
        assert json.loads(line[2:]) == labels
        (tmp_path / "labels.json").write_text(line[2:], encoding="utf8")
        written = written.replace('"labels.json"', json.dumps(str(tmp_path / "labels.json")))
    above = ("components", "initialize", "initialize.components", "initialize.components.binder_ner")
    blocks = Config().from_str("".join(f"[{block}]\n\n" for block in above) + written)
    blocks["nlp"] = {"lang": "en", "pipeline": ["binder_ner"]}
    component = blocks["components"]["binder_ner"]
    component.update(binder_config(tiny_encoder))
    nlp = spacy.blank("en").from_config(blocks)
    doc = nlp.make_doc("Anna left Oslo")
    nlp.initialize(lambda: [Example.from_dict(doc, {"spans": {"sc": [(0, 4, "PER")]}})])
    pipe = nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    assert pipe.label_data == labels
    assert pipe.cfg["threshold"] == 0.4 and pipe.cfg["thresholds"] == {"GPE": 0.25}


def test_several_descriptions_and_examples_are_taken_home(tiny_nlp: Language) -> None:
    """The table shows them in one line. What is unchanged there is written as it is in the pipeline."""
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    pipe.add_label("PER", ["people", "families"], examples=[{"text": "Anna left.", "start": 0, "end": 4}])
    pipe.add_label("GPE", ["towns", "states"])
    types = [type_ for type_ in types_of(pipe) if type_.label in ("PER", "GPE")]
    assert {type_.label: type_.description for type_ in types} == {
        "PER": "people; families (and 1 examples)",
        "GPE": "towns; states",
    }
    types = [type_._replace(description="places") if type_.label == "GPE" else type_ for type_ in types]
    written = config_blocks(tiny_nlp, "binder_ner", types, 0.5)
    [line] = [line for line in written.splitlines() if line.startswith("# {")]
    assert json.loads(line[2:]) == {"PER": pipe.label_data["PER"], "GPE": "places"}
    lines = python_lines(tiny_nlp, "binder_ner", "model", TEXT, types, 0.5)
    assert 'add_label("GPE", "places")' in lines and 'add_label("PER"' not in lines
    other = with_types(tiny_nlp, "binder_ner", types)
    assert other.label_data["PER"] == pipe.label_data["PER"] and other.label_data["GPE"] == "places"
