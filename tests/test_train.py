"""`torchrun … -m spacy_binder.train` does what `spacy train` does, and ends as it does."""

import subprocess
import time
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from conftest import ROOT, binder_config, demo_examples
from project_copy import run_python
from spacy.language import Language
from spacy.tokens import DocBin
from test_several_processes import TORCHRUN
from tiny_pipelines import parameters

from spacy_binder.train import share_training

CODE = """
import os
import spacy

@spacy.registry.callbacks("fail.v1")
def make_fail():
    def fail(nlp, args):
        if args["step"] == 3 and os.environ["RANK"] == "1":
            raise ValueError("no more memory")
    return fail
"""


@pytest.fixture
def arguments(tmp_path: Path, tiny_encoder: str) -> list[str]:
    """A config and its settings: a short training without dropout, which stops when it gets no better."""
    docs = [example.reference for example in demo_examples(spacy.blank("en"), ["news-01", "science-01"], 4)]
    DocBin(docs=docs).to_disk(tmp_path / "data.spacy")
    config = spacy.util.load_config(ROOT / "configs" / "binder.cfg")
    config["paths"].update(train="data.spacy", dev="data.spacy")
    config["paths"]["labels"] = str(ROOT / "project" / "datasets" / "demo" / "labels.json")
    config["training"].update(dropout=0.0, patience=4, max_steps=100, eval_frequency=2)
    config["training"]["logger"].update(progress_bar=None, output_file="progress.jsonl")
    # Nothing is found, so that no evaluation is better than the first.
    config["components"]["binder_ner"]["threshold"] = 0.9999
    model = config["components"]["binder_ner"]["model"]
    for encoder in ("text_encoder", "type_encoder"):
        dropouts = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        model[encoder].update(name=tiny_encoder, transformer_config=dropouts)
    config.to_disk(tmp_path / "config.cfg")
    return [
        "config.cfg",
        "--corpora.train.augmenter.max_tokens",
        "30",
        "--training.optimizer.learn_rate.warmup_steps",
        "1",
    ]


def torchrun(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TORCHRUN, "-m", "spacy_binder.train", *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )


def test_processes_print_and_save_what_spacy_train_does(tmp_path: Path, arguments: list[str]) -> None:
    done = torchrun(tmp_path, *arguments, "--output", "a/new/folder")
    assert done.returncode == 0, done.stderr
    (tmp_path / "progress.jsonl").rename(tmp_path / "several.jsonl")
    # Without torchrun it is `spacy train`.
    alone = run_python(tmp_path, "-m", "spacy_binder.train", *arguments, "--output", "alone")
    assert alone.returncode == 0, alone.output
    assert {path.name for path in (tmp_path / "a" / "new" / "folder").iterdir()} == {"model-best", "model-last"}
    # One line per evaluation, so that one process has written it, and all have stopped there.
    found, expected = (list(srsly.read_jsonl(tmp_path / name)) for name in ("several.jsonl", "progress.jsonl"))
    assert [line["step"] for line in found] == [line["step"] for line in expected] == [0, 2, 4]
    for one, other in zip(found, expected, strict=True):
        assert one["losses"]["binder_ner"] == pytest.approx(other["losses"]["binder_ner"], rel=1e-4)
        assert one["score"] == other["score"]
    # The loss is said once, with the types.
    assert done.stdout.count("SPANS_SC_F") == alone.output.count("SPANS_SC_F") == 1
    assert done.stderr.count("'binder_ner' learns from") == 1
    pipes = [
        spacy.load(tmp_path / folder / "model-last").get_pipe("binder_ner") for folder in ("a/new/folder", "alone")
    ]
    for one, other in zip(*(parameters(pipe.model) for pipe in pipes), strict=True):
        # Rounding of float32. The weights moved by up to 5e-4.
        numpy.testing.assert_allclose(one, other, rtol=0, atol=2e-5)


def test_an_error_in_one_process_ends_all(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "code.py").write_text(CODE)
    config = spacy.util.load_config(tmp_path / "config.cfg")
    config["training"]["before_update"] = {"@callbacks": "fail.v1"}
    config.to_disk(tmp_path / "config.cfg")
    start = time.monotonic()
    done = torchrun(tmp_path, *arguments, "--output", "out", "--code", "code.py")
    assert done.returncode != 0
    assert "no more memory" in done.stderr
    # Not those of a process that waits for others.
    assert time.monotonic() - start < 240
    # As after an error in one process, the last pipeline is saved whole.
    assert spacy.load(tmp_path / "out" / "model-last").pipe_names == ["sentencizer", "binder_ner"]


@pytest.fixture
def with_tagger(tiny_encoder: str) -> Language:
    """A pipeline with another component that learns."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger").add_label("NN")  # type: ignore[attr-defined]
    nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    nlp.config["training"]["seed"] = 0
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], 1))
    return nlp


def test_other_components_that_learn_are_refused(with_tagger: Language) -> None:
    with pytest.raises(ValueError, match=r"B073.*'tagger' can't be trained on several processes.*frozen_components"):
        share_training(with_tagger)
    with_tagger.config["training"]["frozen_components"] = ["tagger"]
    share_training(with_tagger)


def test_a_seed_is_required(tiny_nlp: Language) -> None:
    tiny_nlp.config["training"]["seed"] = None
    with pytest.raises(ValueError, match="B075"):
        share_training(tiny_nlp)
