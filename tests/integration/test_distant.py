"""The project's workflow `distant`: its dictionary, its labels, and a run that is too short to learn anything."""

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import spacy
import srsly
from conftest import spans_of
from project_copy import PROJECT, copy_project, run_python
from spacy.tokens import Doc, DocBin, Span
from spacy.util import load_config

SCRIPTS = PROJECT / "scripts"
NLP = spacy.blank("en")


def make_doc(text: str, *spans: tuple[int, int, str]) -> Doc:
    """RETURNS (Doc): A doc of words between spaces, with gold spans."""
    doc = Doc(NLP.vocab, words=text.split())
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


@pytest.fixture
def strings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that makes dictionaries."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module("distant.strings")


@pytest.fixture
def ruler(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that labels with them."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module("distant.ruler")


def test_every_string_of_gold_spans_is_accounted_for(strings: ModuleType) -> None:
    docs = [
        # Twice an organization, once a person; "Oslo" and "Bonn" once each of two labels and of one.
        make_doc(
            "Ford Ford Ford Oslo Oslo Bonn", (0, 1, "ORG"), (1, 2, "ORG"), (2, 3, "PER"), (3, 4, "A"), (4, 5, "B")
        ),
        make_doc("Bonn", (0, 1, "GPE")),
        # One of three occurrences, and both of two.
        make_doc("he saw the house , a house and a House", (3, 4, "FAC")),
        make_doc("the Mill and a mill", (1, 2, "FAC"), (4, 5, "FAC")),
        # One of two, and one of three.
        make_doc("in 1911 , not 1911 , but 2 or 2 or 2", (1, 2, "DATE"), (7, 8, "DATE")),
        make_doc("the old town and The Old Town", (0, 3, "LOC"), (4, 7, "LOC")),
    ]
    dictionary = strings.build_dictionary(docs, NLP.vocab, strings.Rules())
    assert dictionary.outcomes == {
        "kept": ["Ford", "1911", "Bonn", "mill", "the old town"],
        "rare": [],
        "ambiguous": ["Oslo"],
        "common word": ["house"],
        "number": ["2"],
        "covered": ["Mill", "The Old Town"],
    }
    assert dictionary.patterns[0] == {"label": "ORG", "pattern": [{"TEXT": "Ford"}]}
    assert dictionary.patterns[-1]["pattern"] == [{"LOWER": "the"}, {"LOWER": "old"}, {"LOWER": "town"}]
    often = strings.build_dictionary(docs, NLP.vocab, strings.Rules(min_count=2))
    assert often.outcomes["rare"] == ["1911", "2", "Bonn", "Mill", "The Old Town", "house", "mill", "the old town"]


def test_words_inside_longer_flat_spans_are_no_counterexamples(strings: ModuleType) -> None:
    """Since the longer string wins there; where spans are nested, it is one of two matches."""
    docs = [make_doc("breast cancer or lung cancer", (0, 2, "D"), (3, 5, "D")), make_doc("a cancer", (1, 2, "D"))]
    assert "cancer" in strings.build_dictionary(docs, NLP.vocab, strings.Rules()).outcomes["kept"]
    docs.append(make_doc("a b", (0, 2, "D"), (1, 2, "D")))
    assert "cancer" in strings.build_dictionary(docs, NLP.vocab, strings.Rules()).outcomes["common word"]


def test_labels_are_those_of_the_dictionary_alone(ruler: ModuleType) -> None:
    patterns = [
        {"label": "LOC", "pattern": [{"LOWER": "the"}, {"LOWER": "old"}, {"LOWER": "town"}]},
        {"label": "LOC", "pattern": "old town"},
        {"label": "X", "pattern": [{"TEXT": "AT"}]},
    ]
    docs = [make_doc("The Old Town at Bonn", (4, 5, "GPE")), make_doc("rain"), make_doc("the old town")]
    found = [spans_of(doc) for doc in ruler.label_docs(ruler.make_ruler(patterns), docs)]
    assert found == [[(0, 3, "LOC")], [], [(0, 3, "LOC"), (1, 3, "LOC")]]
    flat = ruler.make_ruler(patterns, overlap=False, phrase_attribute="LOWER")
    assert [spans_of(doc) for doc in ruler.label_docs(flat, docs)] == [[(0, 3, "LOC")], [], [(0, 3, "LOC")]]


@pytest.mark.parametrize(
    "pattern, problem",
    [
        ({"label": "GPE"}, "an object with label"),
        ({"label": "GPE", "pattern": ["Riga"]}, "an object with label, pattern"),
        ({"label": "TOWN", "pattern": "Riga"}, "the label 'TOWN'"),
    ],
)
def test_given_patterns_are_checked(tmp_path: Path, pattern: dict, problem: str) -> None:
    srsly.write_jsonl(tmp_path / "x.jsonl", [{"label": "GPE", "pattern": "Bonn"}, pattern])
    srsly.write_json(tmp_path / "labels.json", {"GPE": "towns"})
    result = run_python(tmp_path, SCRIPTS / "dictionary.py", "x.jsonl", "labels.json", "out.jsonl")
    assert result.returncode == 1
    assert f"x.jsonl, line 2: {problem}" in " ".join(result.output.split())
    assert not (tmp_path / "out.jsonl").exists()


def test_workflow(tmp_path: Path, tiny_encoder: str) -> None:
    """From patterns of one's own to scores of dictionary and pipeline, without a gold span in what is trained on."""
    project = copy_project(tmp_path, assets=True)
    settings = project / "datasets" / "demo" / "settings.cfg"
    # It would win.
    settings.with_name("settings.binder.cfg").unlink()
    block = "components.binder_ner.model.text_encoder"
    settings.write_text(
        "[training]\nmax_steps = 2\neval_frequency = 2\n\n[training.optimizer]\n\n[training.optimizer.learn_rate]\n"
        "warmup_steps = 1\ntotal_steps = 2\n\n[components]\n\n[components.binder_ner]\n\n"
        f'[components.binder_ner.model]\n\n[{block}]\nname = "{tiny_encoder}"\n',
        encoding="utf8",
    )
    srsly.write_jsonl(
        project / "own.jsonl", [{"label": "GPE", "pattern": "Ghana"}, {"label": "DATE", "pattern": "1929"}]
    )
    arguments = ("run", "distant", ".", "--vars.dictionary", "own.jsonl")
    result = run_python(project, "-m", "spacy", "project", *arguments)
    assert result.returncode == 0, result.output
    assert "PER, ORG, LOC, FAC, VEH, WORK" in result.output
    distant = project / "corpus" / "demo" / "distant"
    for part in ("train", "dev"):
        docs = list(DocBin().from_disk(distant / f"{part}.spacy").get_docs(NLP.vocab))
        assert all("sc" in doc.spans for doc in docs)
        assert {(span.text, span.label_) for doc in docs for span in doc.spans["sc"]} <= {
            ("Ghana", "GPE"),
            ("1929", "DATE"),
        }
    assert load_config(distant / "binder-guideline.cfg")["variables"]["run"] == "demo-distant-binder-guideline"
    metrics = json.loads((project / "metrics" / "demo-distant-binder-guideline.json").read_text(encoding="utf8"))
    gold = project / "corpus" / "demo" / "test.spacy"
    for name, model in {"dictionary": "dictionary", "trained": "distant-binder-guideline/model-best"}.items():
        run_python(
            project, "-m", "spacy", "evaluate", project / "training" / "demo" / model, gold, "--output", "scores.json"
        )
        scores = json.loads((project / "scores.json").read_text(encoding="utf8"))
        assert metrics[name]["f"] == pytest.approx(scores["spans_sc_f"])
    assert metrics["dictionary"]["patterns"] == 2
    assert (metrics["trained"]["seed"], metrics["trained"]["max_steps"]) == (42, 2)
    assert metrics["gold_spans"]["found_by_dictionary"]["n"] + metrics["gold_spans"]["missed_by_dictionary"]["n"] == 696
    assert f"of {metrics['gold_spans']['missed_by_dictionary']['n']} it misses" in result.output
