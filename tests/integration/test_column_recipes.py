"""The project on the datasets in columns, from small files in their formats."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import spacy
from column_files import COLUMNS, write_columns
from project_copy import PROJECT, copy_project, run_python
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import DocBin
from spacy.util import load_config, load_model_from_config, registry
from weasel.util import load_project_config

BIOMEDICAL = [dataset for dataset in COLUMNS if dataset != "conll2003"]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripts of the command `corpus`, by name."""
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    return import_module


@pytest.mark.parametrize("dataset", COLUMNS)
def test_corpus_scripts(scripts: Any, tmp_path: Path, dataset: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_columns(dataset, tmp_path / "assets")
    settings, corpus = PROJECT / "datasets" / dataset, tmp_path / "corpus"
    scripts("convert").main(dataset, tmp_path / "assets", settings, corpus)
    assert "tag order" not in capsys.readouterr().out
    labels = json.loads((corpus / "labels.json").read_text(encoding="utf8"))
    nlp = spacy.blank("en")
    for part in ("train", "dev", "test"):
        docs = DocBin().from_disk(corpus / f"{part}.spacy").get_docs(nlp.vocab)
        spans = [[(span.text, span.label_) for span in doc.spans["sc"]] for doc in docs]
        assert spans == COLUMNS[dataset].documents
        assert {label for doc in spans for _, label in doc} == set(labels)
    scripts("configure").main(
        PROJECT.parent / "configs" / "binder.cfg", settings / "settings.cfg", corpus, corpus / "binder.cfg"
    )
    config = load_config(corpus / "binder.cfg")
    training = registry.resolve(config.interpolate()["training"], schema=ConfigSchemaTraining)
    # What an epoch is, and a learning rate that ends with the training.
    assert training["max_steps"] == 5 * training["eval_frequency"] == config["training"]["patience"]
    assert config["training"]["optimizer"]["learn_rate"]["total_steps"] == training["max_steps"]
    assert not load_model_from_config(config).get_pipe("binder_ner").cfg["allow_overlap"]


@pytest.mark.parametrize("dataset", COLUMNS)
def test_published_settings(scripts: Any, tmp_path: Path, dataset: str) -> None:
    settings, output = PROJECT / "datasets" / dataset / "settings.cfg", tmp_path / "binder_paper.cfg"
    scripts("configure").main(PROJECT.parent / "configs" / "binder_paper.cfg", settings, tmp_path, output)
    config = load_config(output)
    encoder, window = (
        config["components"]["binder_ner"]["model"]["text_encoder"],
        config["corpora"]["train"]["augmenter"],
    )
    assert {key: encoder[key] for key in ("name", "window", "stride")} == {
        key: window[key] for key in ("name", "window", "stride")
    }
    assert (encoder["window"], encoder["stride"]) == (128 if dataset in BIOMEDICAL else 256, 16)
    training = config["training"]
    assert training["optimizer"]["learn_rate"]["initial_rate"] == 3e-5
    assert training["max_steps"] == 20 * training["eval_frequency"]
    # The published batch of 8, of which two make an update where they are accumulated.
    assert training["batcher"]["size"] == 8 * training["accumulate_gradient"]
    assert config["components"]["binder_ner"]["allow_overlap"] is False


def test_assets_are_the_files_that_are_read() -> None:
    assets = {asset["dest"]: asset for asset in load_project_config(PROJECT)["assets"]}
    for dataset, columns in COLUMNS.items():
        for name in columns.names:
            asset = assets[f"assets/{dataset}/{name}"]
            assert asset["extra"]
            # From a commit, or to be placed by hand.
            assert "/cambridgeltl/" in asset["url"] if dataset in BIOMEDICAL else asset["description"]


def test_whole_workflow_on_conll2003(tmp_path: Path, tiny_encoder: str) -> None:
    project = copy_project(tmp_path)
    write_columns("conll2003", project / "assets" / "conll2003")
    settings = project / "datasets" / "conll2003" / "settings.cfg"
    few = settings.read_text(encoding="utf8").replace("2150", "2").replace("430", "1").replace("129", "1")
    few += f'\n[components.binder_ner.model]\n\n[components.binder_ner.model.text_encoder]\nname = "{tiny_encoder}"\n'
    settings.write_text(few, encoding="utf8")
    result = run_python(project, "-m", "spacy", "project", "run", "all", ".", "--vars.dataset", "conll2003")
    assert result.returncode == 0, result.output
    scores = json.loads((project / "metrics" / "conll2003-binder-guideline.json").read_text(encoding="utf8"))
    assert set(scores["spans_sc_per_type"]) == {"PER", "ORG", "LOC", "MISC"}
    assert (project / "metrics" / "conll2003-binder-guideline.html").exists()
