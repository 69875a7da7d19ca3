"""Training for real: nested spans of real text are learned, from Python and from the command line."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import spacy
from conftest import MINILM, ROOT, demo_examples, spans_of, train_by_heart
from project_copy import run_python
from spacy.tokens import DocBin


def test_nested_spans_are_learned(tmp_path: Path) -> None:
    """With the whole MiniLM."""
    learned, examples = train_by_heart(MINILM, n_updates=25, learn_rate=2e-4)
    learned.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    scores = nlp.evaluate(examples)
    assert scores["spans_sc_f"] == 1.0
    assert scores["spans_sc_nested_r"] == 1.0
    for example in examples:
        doc = nlp(example.predicted)
        assert set(spans_of(doc)) == set(spans_of(example.reference))
    # The same words, once as a whole and once as a part of it.
    text = examples[0].predicted.text
    assert "car ferry of the Nordvik Line" in text
    doc = nlp(text)
    found = {(span.text, span.label_) for span in doc.spans["sc"]}
    assert {("car ferry of the Nordvik Line", "VEH"), ("Nordvik Line", "ORG")} <= found


def test_spacy_train_learns_and_reports(tmp_path: Path, tiny_encoder: str) -> None:
    nlp = spacy.blank("en")
    docs = [example.reference for example in demo_examples(nlp, ["news-01"])]
    DocBin(docs=docs).to_disk(tmp_path / "data.spacy")
    labels = ROOT / "project" / "datasets" / "demo" / "labels.json"
    overrides = {
        "paths.train": tmp_path / "data.spacy",
        "paths.dev": tmp_path / "data.spacy",
        "paths.labels": labels,
        "components.binder_ner.model.text_encoder.name": tiny_encoder,
        "training.max_steps": 60,
        "training.eval_frequency": 30,
        "training.accumulate_gradient": 2,
        "training.optimizer.learn_rate.initial_rate": 0.001,
        "training.optimizer.use_averages": "true",
        "training.score_weights.spans_sc_nested_r": 0.5,
    }
    arguments = [str(part) for name, value in overrides.items() for part in (f"--{name}", value)]
    command = ["-m", "spacy", "train", ROOT / "configs" / "binder.cfg", "-o", "out"]
    done = run_python(tmp_path, *command, *arguments)
    assert done.returncode == 0, done.output
    pipe = spacy.load(tmp_path / "out" / "model-last").get_pipe("binder_ner")
    assert pipe.label_data == json.loads(labels.read_text(encoding="utf8"))
    rows = [line.split() for line in done.output.splitlines() if line.strip()[:1].isdigit()]
    losses = [float(row[2]) for row in rows]
    # Losses are those of all steps since the row before.
    assert [int(row[1]) for row in rows] == [0, 30, 60]
    assert losses[2] < losses[1]
    meta = json.loads((tmp_path / "out" / "model-best" / "meta.json").read_text(encoding="utf8"))
    assert {"spans_sc_f", "spans_sc_p", "spans_sc_r", "spans_sc_nested_r"} <= meta["performance"].keys()


@pytest.mark.parametrize("key", ["sc", "entities"])
def test_spacy_train_refuses_a_key_without_score(tmp_path: Path, tiny_encoder: str, key: str) -> None:
    nlp = spacy.blank("en")
    docs = [example.reference for example in demo_examples(nlp, ["news-01"], max_sentences=1)]
    for doc in docs:
        doc.spans[key] = doc.spans["sc"].copy()
    DocBin(docs=docs).to_disk(tmp_path / "data.spacy")
    overrides = {
        "paths.train": tmp_path / "data.spacy",
        "paths.dev": tmp_path / "data.spacy",
        "paths.labels": ROOT / "project" / "datasets" / "demo" / "labels.json",
        "components.binder_ner.model.text_encoder.name": tiny_encoder,
        "components.binder_ner.spans_key": key,
        "training.max_steps": 1,
    }
    arguments = [str(part) for name, value in overrides.items() for part in (f"--{name}", value)]
    with nullcontext() if key == "sc" else pytest.raises(ValueError, match="B004"):
        done = run_python(tmp_path, "-m", "spacy", "train", ROOT / "configs" / "binder.cfg", *arguments)
        assert done.returncode == 0, done.output
        assert "B004" not in done.output
