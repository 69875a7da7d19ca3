"""The project's loggers: what they are told of a training of two steps."""

import json
import sys
from importlib import import_module
from io import StringIO
from pathlib import Path
from shutil import copyfile

import pytest
import spacy
from conftest import demo_examples
from project_copy import PROJECT
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config
from tracking_clients import CLIENTS, Tracked

SCORES = {"spans_sc_f", "spans_sc_p", "spans_sc_r", "spans_sc_nested_r"}
# A pipeline that has learned nothing finds too much.
pytestmark = pytest.mark.filterwarnings("ignore:.BW04")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a small corpus in corpus/demo."""
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "corpus" / "demo"
    corpus.mkdir(parents=True)
    docs = [example.reference for example in demo_examples(spacy.blank("en"), ["news-01"], max_sentences=3)]
    for part in ("train", "dev"):
        DocBin(docs=docs).to_disk(corpus / f"{part}.spacy")
    copyfile(PROJECT / "datasets" / "demo" / "labels.json", corpus / "labels.json")
    return tmp_path


def train_with(logger: str, encoder: str) -> str:
    """RETURNS (str): What a training with one of the loggers prints."""
    corpus = Path("corpus") / "demo"
    base, settings = PROJECT.parent / "configs" / "binder.cfg", PROJECT / "datasets" / "demo" / "settings.cfg"
    made = corpus / "binder-guideline.cfg"
    import_module("configure").main(base, settings, corpus, made, logger=PROJECT / "loggers" / f"{logger}.cfg")
    overrides = {
        "components.binder_ner.model.text_encoder.name": encoder,
        "training.max_steps": 2,
        "training.eval_frequency": 1,
    }
    printed = StringIO()
    train(init_nlp(load_config(made, overrides=overrides)), None, stdout=printed, stderr=printed)
    return printed.getvalue()


def test_every_logger_is_tested() -> None:
    assert {path.stem for path in (PROJECT / "loggers").glob("*.cfg")} == {"console", "jsonl", *CLIENTS}


def test_console_is_what_the_configs_have() -> None:
    given = load_config(PROJECT / "loggers" / "console.cfg")["training"]["logger"]
    for path in (PROJECT.parent / "configs").glob("*.cfg"):
        assert load_config(path)["training"]["logger"] == given, path


def test_jsonl_has_a_line_an_evaluation(folder: Path, tiny_encoder: str) -> None:
    printed = train_with("jsonl", tiny_encoder)
    assert "SPANS_SC_F" in printed.upper()
    lines = (folder / "metrics" / "demo-binder-guideline-training.jsonl").read_text(encoding="utf8").splitlines()
    steps = [json.loads(line) for line in lines]
    assert [step["step"] for step in steps] == [0, 1, 2]
    assert all(set(step["scores"]) >= SCORES and step["losses"]["binder_ner"] >= 0 for step in steps)


@pytest.mark.parametrize("logger", CLIENTS)
def test_trackers_get_the_scores(folder: Path, tiny_encoder: str, logger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tracked = Tracked()
    monkeypatch.setitem(sys.modules, logger, CLIENTS[logger](tracked))
    printed = train_with(logger, tiny_encoder)
    # The table is there, too.
    assert "SPANS_SC_F" in printed.upper()
    assert tracked.run == "demo-binder-guideline"
    assert set(tracked.values) >= {*SCORES, "loss_binder_ner"}
    assert any(name.startswith("spans_sc_per_type") for name in tracked.values)
    assert tracked.config
    assert tracked.finished


def test_mlflow_keeps_the_scores_in_files(folder: Path, tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    # MLflow 3 would rather have a database, which its small package mlflow-skinny can't do.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (folder / "mlruns").as_uri())
    train_with("mlflow", tiny_encoder)
    [run] = mlflow.search_runs(output_format="list")
    assert run.info.run_name == "demo-binder-guideline"
    assert set(run.data.metrics) >= {*SCORES, "score", "loss_binder_ner"}
    assert run.data.params["training.max_steps"] == "2"
