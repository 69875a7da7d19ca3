"""The project's accuracy benchmark: a run of a few steps with a tiny encoder, which says nothing about accuracy."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import ROOT, demo_examples, spans_of
from spacy.tokens import Doc, DocBin
from thinc.api import Config

SCRIPT = ROOT / "project" / "scripts" / "benchmark_accuracy.py"
ENV = {**os.environ, "HF_HUB_OFFLINE": "1"}
SETTINGS = """
[training]
max_steps = 4
eval_frequency = 2

[training.optimizer]

[training.optimizer.learn_rate]
warmup_steps = 1
total_steps = 4
"""


def benchmark(*arguments: object, fails: bool = False) -> str:
    """RETURNS (str): What the script prints."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV)
    assert bool(done.returncode) == fails, done.stdout
    return done.stdout


def nested_doc(doc: Doc) -> Doc:
    """RETURNS (Doc): A doc without spaces before punctuation, as converters write them."""
    return doc


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the corpora `nested` and `flat`, and their settings."""
    folder = tmp_path_factory.mktemp("data")
    nlp = spacy.blank("en")
    labels = json.loads((ROOT / "project" / "datasets" / "demo" / "labels.json").read_text(encoding="utf8"))
    for name in ("nested", "flat"):
        corpus = folder / "corpus" / name
        corpus.mkdir(parents=True)
        for part, document in {"train": "news-01", "dev": "science-01", "test": "science-01"}.items():
            docs = [example.reference for example in demo_examples(nlp, [document], max_sentences=4)]
            if name == "flat":
                for doc in docs:
                    doc.spans["sc"] = spacy.util.filter_spans(doc.spans["sc"])
            DocBin(docs=docs).to_disk(corpus / f"{part}.spacy")
        (corpus / "labels.json").write_text(json.dumps(labels), encoding="utf8")
        (folder / "datasets" / name).mkdir(parents=True)
        (folder / "datasets" / name / "settings.cfg").write_text(SETTINGS, encoding="utf8")
    return folder


@pytest.fixture(scope="module")
def arguments(data: Path, tiny_encoder: str) -> list[object]:
    """What the runs have in common."""
    return [data / "corpus", data / "out", "--settings", data / "datasets", "--encoder", tiny_encoder]


@pytest.fixture(scope="module")
def measured(data: Path, arguments: list[object]) -> Path:
    """The folder of a benchmark of our config and both peers, one of each kept."""
    options = ["--datasets", "nested,flat", "--systems", "binder,spancat,ner", "--seeds", "0", "--keep-models"]
    printed = benchmark(*arguments, *options, "--jobs", "2")
    assert "4 runs, 0 failed" in printed
    return data / "out"


@pytest.fixture(scope="module")
def results(measured: Path) -> dict[str, Any]:
    """The result of each run."""
    runs = json.loads((measured / "accuracy.json").read_text(encoding="utf8"))["runs"]
    return {run["name"]: run["result"] for run in runs}


def test_peers_are_chosen_by_the_data(results: dict[str, Any]) -> None:
    assert set(results) == {"nested-binder-0", "nested-spancat-0", "flat-binder-0", "flat-ner-0"}


def test_scores_are_those_of_an_independent_count(results: dict[str, Any], measured: Path, data: Path) -> None:
    nlp = spacy.load(measured / "models" / "flat-ner-0")
    print(results)
