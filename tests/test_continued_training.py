"""A trained pipeline is trained further: what it is, its labels and its settings stay, and new labels come."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
from conftest import ROOT, spans_of
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry
from tiny_pipelines import parameters

from spacy_binder.added_labels import make_add_labels
from spacy_binder.pipeline import BinderNER

CHANGED: dict[str, Any] = {
    "threshold": 0.375,
    "thresholds": {"GPE": 0.25},
    "calibration": {"scale": 1.5, "bias": -0.125},
    "repeat_weight": 0.25,
    "window_merge": "union",
    "annotate_ents": True,
}
PATHS = {"pipeline": "source", "train": "new.spacy", "dev": "new.spacy", "labels": "labels.json"}


@pytest.fixture
def source(trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BinderNER:
    """The component of the trained pipeline with other settings, saved as `source`, beside new data."""
    monkeypatch.chdir(tmp_path)
    nlp = spacy.load(trained[0])
    pipe = nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    pipe.cfg.update(CHANGED)
    nlp.to_disk("source")
    docs = list(DocBin().from_disk(trained[1]).get_docs(nlp.vocab))
    for doc in docs:
        doc.spans["sc"] = [Span(doc, 0, 2, "QUOTE")]
        doc.spans["sc"].attrs["labels"] = ["QUOTE"]
    DocBin(docs=docs).to_disk("new.spacy")
    srsly.write_json("labels.json", {"QUOTE": "what somebody said", "PER": "another description"})
    return pipe


def sourced(**changes: Any) -> Language:
    """RETURNS (Language): The pipeline as `spacy train` makes it."""
    paths = {f"paths.{name}": path for name, path in PATHS.items()}
    nlp = init_nlp(load_config(ROOT / "configs" / "binder_continue.cfg", overrides={**paths, **changes}))
    assert isinstance(nlp.get_pipe("binder_ner"), BinderNER)
    return nlp


def test_a_sourced_component_keeps_what_it_has(source: BinderNER) -> None:
    pipe: Any = sourced().get_pipe("binder_ner")
    expected = {**source.cfg, "labels": {**source.label_data, "QUOTE": "what somebody said"}}
    assert dict(pipe.cfg) == expected
    assert {name: pipe.cfg[name] for name in CHANGED} == CHANGED
    assert pipe.cfg["trained"] == list(source.label_data.values())
    assert pipe.loss_weights == source.loss_weights
    assert all(torch.equal(*pair) for pair in zip(parameters(pipe.model), parameters(source.model), strict=True))


def test_it_learns_new_types_and_is_saved(source: BinderNER, tmp_path: Path) -> None:
    """And keeps the old ones by distillation. Calibration stays, with a warning. What was learned counts as trained."""
    nlp = sourced()
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 4e-4
    corpus = registry.resolve({"corpus": nlp.config.interpolate()["corpora"]["train"]})["corpus"]
    examples = list(corpus(nlp))
    losses: list[float] = []
    with pytest.warns(UserWarning, match="BW07.*was calibrated"):
        nlp.update(examples, sgd=optimizer)
    for _ in range(25):
        losses.append(nlp.update(examples, sgd=optimizer, annotates=["sentencizer"])["binder_ner"])
    assert losses[-1] < losses[0] / 2
    nlp.to_disk("further")
    again: Any = spacy.load("further").get_pipe("binder_ner")
    assert again.labels == (*source.labels, "QUOTE")
    assert again.cfg["trained"][-1] == "what somebody said"
    assert {name: again.cfg[name] for name in CHANGED} == CHANGED
    scores = spacy.load("further").evaluate(examples)
    assert scores["spans_sc_per_type"]["QUOTE"]["r"] == 1.0
    assert scores["spans_sc_f"] > 0.8


def test_spacy_train_runs_the_config(source: BinderNER) -> None:
    """What it saves is complete: the config has no source any more."""
    overrides = {f"paths.{name}": path for name, path in PATHS.items()}
    steps = {"training.max_steps": 2, "training.eval_frequency": 2}
    with pytest.warns(UserWarning, match="BW07"):
        train(ROOT / "configs" / "binder_continue.cfg", "out", overrides={**overrides, **steps})
    Path("source").rename("elsewhere")
    nlp = spacy.load("out/model-last")
    assert nlp.config["components"]["binder_ner"]["factory"] == "binder_ner"
    assert nlp.get_pipe("binder_ner").labels == (*source.labels, "QUOTE")  # type: ignore[attr-defined]


def test_examples_fit_the_new_length(source: BinderNER) -> None:
    """Those of new labels, and those that the pipeline has already."""
    example = {"text": "word " * 40, "start": 0, "end": 199}
    quote = {"description": "what somebody said", "examples": [example]}
    srsly.write_json("labels.json", {"QUOTE": quote})
    with pytest.raises(ValueError, match=r"B057.*40 words, more than `max_span_length`, 30"):
        sourced()
    nlp = sourced(**{"initialize.after_init.max_span_length": 45})
    nlp.to_disk("source")
    srsly.write_json("labels.json", ["OTHER"])
    with pytest.raises(ValueError, match=r"B057.*QUOTE.*40 words, more than `max_span_length`, 5"):
        sourced(**{"initialize.after_init.max_span_length": 5})


def test_only_a_component_that_is_there_and_trained(source: BinderNER) -> None:
    nlp = spacy.load("source")
    with pytest.raises(ValueError, match=r"B016.*'nope'.*binder_ner"):
        make_add_labels(["OTHER"], "nope")(nlp)
    with pytest.raises(ValueError, match=r"B016.*'sentencizer'.*binder_ner"):
        make_add_labels(["OTHER"], "sentencizer")(nlp)
    fresh = spacy.blank("en")
    pipe: Any = fresh.add_pipe("binder_ner")
    with pytest.raises(ValueError, match=r"E109.*binder_ner"):
        make_add_labels(["OTHER"], max_span_length=45)(fresh)
    assert pipe.labels == ()


@pytest.mark.parametrize("longest", [2, 45])
def test_spans_may_get_longer(source: BinderNER, longest: int) -> None:
    """Or shorter. All other weights stay, and it is in the config that is saved."""
    words = ["the", "one", "who", "lent", "Anna", "Lind", "a", "book"] * 6
    gold = Doc(source.vocab, words=words)
    gold.spans["sc"] = [Span(gold, 0, 45, "PER")]
    before = parameters(source.model)
    nlp = sourced(**{"initialize.after_init.max_span_length": longest})
    pipe: Any = nlp.get_pipe("binder_ner")
    [(old, new)] = [pair for pair in zip(before, parameters(pipe.model), strict=True) if not torch.equal(*pair)]
    assert len(old) == 30 and torch.equal(new[:30], old[: len(new)])
    assert all(torch.equal(row, old[-1]) for row in new[30:])
    nlp.to_disk("longer")
    again = spacy.load("longer")
    assert again.config["components"]["binder_ner"]["model"]["scorer"]["max_span_length"] == longest
    examples = [Example(again.make_doc(gold.text), gold)]
    again.get_pipe("binder_ner").cfg["calibration"] = None  # type: ignore[attr-defined]
    if longest < 45:
        with pytest.warns(UserWarning, match="longer than max_span_length"):
            again.update(examples, sgd=again.resume_training())
        return
    optimizer = again.resume_training()
    optimizer.learn_rate = 1e-3
    for _ in range(25):
        again.update(examples, sgd=optimizer)
    assert (0, 45, "PER") in spans_of(again(gold.text))


def test_labels_without_descriptions(source: BinderNER) -> None:
    srsly.write_json("labels.json", ["QUOTE", "cell_line"])
    pipe: Any = sourced().get_pipe("binder_ner")
    assert pipe.labels == (*source.labels, "QUOTE", "cell_line")
    assert pipe.label_data["cell_line"] == "cell line"
    assert pipe.label_data["PER"] == source.label_data["PER"]


def test_resume_training_in_code(source: BinderNER) -> None:
    nlp = spacy.load("source")
    pipe: Any = nlp.get_pipe("binder_ner")
    pipe.cfg["calibration"] = None
    assert pipe.add_label("QUOTE", "what somebody said") == 1
    optimizer = nlp.resume_training()
    before = parameters(pipe.model)
    [doc, *_] = DocBin().from_disk("new.spacy").get_docs(nlp.vocab)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp.update([Example(nlp.make_doc(doc.text), doc)], sgd=optimizer)
    assert any(not torch.equal(*pair) for pair in zip(before, parameters(pipe.model), strict=True))
    assert pipe.cfg["repeat_weight"] == 0.25
    assert pipe.cfg["trained"][-1] == "what somebody said"


def test_averages_of_a_resumed_training_start_from_its_weights(source: BinderNER) -> None:
    """The first evaluation is that of the pipeline as it was."""
    nlp = spacy.load("source")
    optimizer = nlp.resume_training()
    text = "The mayor of Paris met Anna Lind."
    before = spans_of(nlp(text))
    with nlp.use_params(optimizer.averages):
        assert spans_of(nlp(text)) == before


# Mistakes


@pytest.mark.parametrize("labels", [None, "QUOTE"])
def test_labels_have_to_be_labels(labels: Any) -> None:
    with pytest.raises(ValueError, match=r"B014.*'binder_ner'.*(NoneType|str)"):
        registry.callbacks.get("spacy_binder.add_labels.v1")(labels)


def test_spans_need_a_length() -> None:
    with pytest.raises(ValueError, match=r"B007.*max_span_length"):
        registry.callbacks.get("spacy_binder.add_labels.v1")(["PER"], max_span_length=0)


def test_the_component_has_to_be_there(source: BinderNER) -> None:
    with pytest.raises(ValueError, match=r"B016.*'sentencizer'.*There are: binder_ner"):
        sourced(**{"initialize.after_init.component": "sentencizer"})


def test_a_score_weight_has_to_name_the_key(source: BinderNER) -> None:
    """As for a component that is initialized: otherwise every checkpoint would be the best."""
    with pytest.raises(ValueError, match="B004"):
        sourced(**{"training.score_weights.spans_sc_f": 0.0})


def test_the_advice_for_an_unknown_label_names_the_callback(source: BinderNER) -> None:
    nlp = spacy.load("source")
    doc = Doc(nlp.vocab, words=["Hello"])
    doc.spans["sc"] = [Span(doc, 0, 1, "GREETING")]
    with pytest.raises(ValueError, match=r"B010.*'GREETING'.*spacy_binder.add_labels.v1.*\[initialize.after_init\]"):
        nlp.update([Example(doc.copy(), doc)])
