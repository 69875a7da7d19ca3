"""The ways in which the project describes labels."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import spacy
from project_copy import PROJECT
from spacy.tokens import Doc, DocBin, Span
from spacy.util import load_config
from weasel.util import load_project_config

LABELS = {
    "PER": "person: people by name",
    "GPE": "geo-political entity: cities",
    "cell_line": "cells",
    "VEH": "vehicle: cars",
}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A script of the project, by name."""
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    return import_module


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with labels and a training part, and nothing else that could be read."""
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["Mira", "Bergen", "Bergen", "mira", "Mira", "Al", "Bergen", "of", "Ko", "Ko"])
    labels = ["PER", "GPE", "GPE", "PER", "PER", "PER", "GPE"]
    doc.spans["sc"] = [Span(doc, i, i + 1, label) for i, label in enumerate(labels)]
    doc.spans["sc"] += [Span(doc, 6, 9, "GPE"), Span(doc, 9, 10, "GPE")]
    DocBin(docs=[doc]).to_disk(tmp_path / "train.spacy")
    (tmp_path / "labels.json").write_text(json.dumps(LABELS), encoding="utf8")
    return tmp_path


def test_names_and_examples(script: Callable[[str], ModuleType], corpus: Path) -> None:
    script("describe").main(corpus)
    names = json.loads((corpus / "labels-name.json").read_text(encoding="utf8"))
    assert names == {"PER": "person", "GPE": "geo-political entity", "cell_line": "cell line", "VEH": "vehicle"}
    examples = json.loads((corpus / "labels-examples.json").read_text(encoding="utf8"))
    # By frequency, a spelling once; of equally frequent ones the shorter first; without a gold span the name.
    assert examples == {
        "PER": "Mira, Al",
        "GPE": "Bergen, Ko, Bergen of Ko",
        "cell_line": "cell line",
        "VEH": "vehicle",
    }


def test_the_config_takes_the_labels_so_described(script: Callable[[str], ModuleType], corpus: Path) -> None:
    script("describe").main(corpus)
    configure, variants = script("configure").main, script("describe").Descriptions
    base, settings = PROJECT.parent / "configs" / "binder.cfg", PROJECT / "datasets" / "demo" / "settings.cfg"
    given = {}
    for descriptions in variants:
        configure(base, settings, corpus, corpus / "made.cfg", descriptions=descriptions)
        path = Path(load_config(corpus / "made.cfg")["paths"]["labels"])
        given[descriptions.value] = json.loads(path.read_text(encoding="utf8"))["GPE"]
    assert given == {
        "guideline": LABELS["GPE"],
        "name": "geo-political entity",
        "examples": "Bergen, Ko, Bergen of Ko",
    }


def test_outputs_of_variants_are_apart() -> None:
    outputs = {}
    for descriptions in ("guideline", "name", "examples"):
        commands = load_project_config(PROJECT, overrides={"vars.descriptions": descriptions})["commands"]
        of_run = [c for c in commands if c["name"] in ("corpus", "train", "evaluate", "report", "speed")]
        outputs[descriptions] = {path for command in of_run for path in command["outputs"]}
    shared = set.intersection(*outputs.values())
    # All of them are made from any of them, and are the same.
    parts = {"train.spacy", "dev.spacy", "test.spacy"}
    assert {Path(path).name for path in shared} == parts | {"labels.json", "labels-name.json", "labels-examples.json"}
    for own in outputs.values():
        assert not (own - shared) & set.union(*(other for other in outputs.values() if other is not own))


def test_every_dataset_has_names_and_senses(script: Callable[[str], ModuleType]) -> None:
    for path in (PROJECT / "datasets").glob("*/labels.json"):
        labels = json.loads(path.read_text(encoding="utf8"))
        assert all(text.partition(": ")[2] for text in labels.values()), path
        assert len(set(script("describe").name_labels(labels).values())) == len(labels), path


def test_packages_have_names_that_python_can_import(script: Callable[[str], ModuleType]) -> None:
    names = {script("package").package_name("bc5-chem", f"binder-{way}") for way in ("name", "examples")}
    assert names == {"bc5_chem_binder_name", "bc5_chem_binder_examples"}
