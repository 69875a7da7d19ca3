"""Training from a mix: it teaches the weighted sum of what its corpora teach, and spaCy's commands take it."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from conftest import ROOT, demo_examples
from project_copy import run_python
from spacy.tokens import DocBin, Span
from spacy.training import Example
from spacy.util import load_config
from thinc.api import Config, fix_random_seed
from tiny_pipelines import gradients, modules, quiet_config

from spacy_binder.corpora.mixed import MixedCorpus
from spacy_binder.pipeline import BinderNER

NLP = spacy.blank("en")
DESCRIPTIONS = {"PER": "persons", "GPE": "countries and cities", "wiki_ORG": "companies"}
# Labels that each corpus has, and what they are in the mix.
RENAMED = {"gum": {"person": "PER", "place": "GPE"}, "wiki": {"GPE": "GPE", "ORG": "wiki_ORG"}}
DEMO_LABELS = {"gum": {"PER": "person", "GPE": "place"}, "wiki": {"GPE": "GPE", "ORG": "ORG"}}
NAMES = {"gum": ["news-01", "science-01"], "wiki": ["biography-01"]}
PLAIN = {"start": 0.2, "end": 0.3, "span": 0.6}
TERMS = {"gold": {**PLAIN, "gold": 1.0, "threshold": 0.0}, "threshold": {**PLAIN, "gold": 0.0, "threshold": 1.0}}


def documents(corpus: str, renamed: dict[str, str]) -> list[Example]:
    """RETURNS (list[Example]): Beginnings of documents of the demo corpus with some types alone, under other labels."""
    examples = demo_examples(NLP, NAMES[corpus], max_sentences=3)
    for example in examples:
        gold = example.reference
        spans = [(span.start, span.end, span.label_) for span in gold.spans["sc"]]
        kept = [(start, end, renamed[label]) for start, end, label in spans if label in renamed]
        gold.spans["sc"] = [Span(gold, start, end, label=label) for start, end, label in kept]
    return examples


def reader(corpus: str) -> Callable:
    return lambda _: documents(corpus, DEMO_LABELS[corpus])


def make_pipe(encoder: str, labels: list[str]) -> BinderNER:
    """RETURNS (BinderNER): A component in float64 without dropout. Its weights do not depend on the labels."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=quiet_config(encoder))
    assert isinstance(pipe, BinderNER)
    given = {label: DESCRIPTIONS[label] for label in labels}
    nlp.config["initialize"]["components"]["binder_ner"] = {"labels": given}
    nlp.initialize()
    for module in modules(pipe.model):
        module.double()
    return pipe


def teach(pipe: BinderNER, examples: list[Example], weights: dict[str, float]) -> tuple[float, list[torch.Tensor]]:
    """RETURNS (tuple): The loss of an update, and its gradients."""
    pipe.loss_weights = weights
    return pipe.update(examples)["binder_ner"], gradients(pipe.model)


@pytest.mark.parametrize("term", TERMS)
def test_a_mix_teaches_the_weighted_sum_of_its_corpora(
    term: str, tiny_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each corpus alone, in a component that knows only its types.

    Gold terms are averaged over gold spans, threshold terms over pairs of a window and a type that was annotated in it.
    So these are the weights of the sum. Each document here is one window.
    """
    # The scorer calculates in float32.
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    mix = MixedCorpus(
        {name: reader(name) for name in NAMES},
        labels={"gum": RENAMED["gum"], "wiki": {"GPE": "GPE"}},
        prefixes={"wiki": "wiki_"},
    )
    examples = list(mix(NLP))
    whole = make_pipe(tiny_encoder, ["PER", "GPE", "wiki_ORG"])
    loss, found = teach(whole, examples, TERMS[term])
    parts = []
    for name, labels in RENAMED.items():
        given = {label: labels[own] for label, own in DEMO_LABELS[name].items()}
        own = documents(name, given)
        n_spans = sum(len(example.reference.spans["sc"]) for example in own)
        assert n_spans
        size = n_spans if term == "gold" else len(own) * len(labels)
        parts.append((size, *teach(make_pipe(tiny_encoder, list(labels.values())), own, TERMS[term])))
    total = sum(size for size, *_ in parts)
    assert loss == pytest.approx(sum(size * own for size, own, _ in parts) / total, rel=1e-10)
    assert found[0].dtype == torch.float64
    expected = [sum(size * part[i] for size, _, part in parts) / total for i in range(len(found))]
    assert sum(float(gradient.abs().sum()) for gradient in found) > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-11)


CONFIG = """
[corpora]

[corpora.train]
@readers = "spacy_binder.MixedCorpus.v1"

[corpora.train.corpora]

[corpora.train.corpora.gum]
@readers = "spacy.Corpus.v1"
path = "gum.spacy"
gold_preproc = false

[corpora.train.corpora.wiki]
@readers = "spacy.Corpus.v1"
path = "wiki.spacy"
gold_preproc = false

[corpora.train.weights]
wiki = 2

[corpora.train.labels]

[corpora.train.labels.gum]
person = "PER"
place = "GPE"

[corpora.train.augmenter]
@augmenters = "spacy_binder.chunk_docs.v1"
max_tokens = 30
"""


@pytest.fixture
def folder(tmp_path: Path, tiny_encoder: str) -> Path:
    """A folder with two corpora and a config that mixes them."""
    for name in NAMES:
        docs = [example.reference for example in documents(name, DEMO_LABELS[name])]
        DocBin(docs=docs).to_disk(tmp_path / f"{name}.spacy")
    config = load_config(ROOT / "configs" / "binder.cfg", interpolate=False)
    config["corpora"]["train"] = Config().from_str(CONFIG)["corpora"]["train"]
    config.to_disk(tmp_path / "mix.cfg")
    return tmp_path


@pytest.mark.parametrize("max_epochs", [0, -1])
def test_spacy_train(max_epochs: int, folder: Path, tiny_encoder: str, caplog: pytest.LogCaptureFixture) -> None:
    """And debug data, and init labels. Counts by corpus come first."""
    caplog.set_level(logging.INFO, logger="spacy.binder")
    labels = {"PER": "persons", "GPE": "countries", "ORG": "companies"}
    (folder / "labels.json").write_text(json.dumps(labels), encoding="utf8")
    overrides: dict[str, Any] = {
        "paths.dev": "wiki.spacy",
        "paths.labels": "labels.json",
        "components.binder_ner.model.text_encoder.name": tiny_encoder,
        "training.max_epochs": max_epochs,
        "training.max_steps": 4,
        "training.eval_frequency": 2,
    }
    arguments = [str(part) for name, value in overrides.items() for part in (f"--{name}", value)]
    done = run_python(folder, "-m", "spacy", "train", "mix.cfg", "-o", "out", *arguments)
    assert done.returncode == 0, done.output
    pipe = spacy.load(folder / "out" / "model-last").get_pipe("binder_ner")
    assert pipe.label_data == labels
    lengths = [len(eg.reference) for name, weight in (("gum", 1), ("wiki", 2)) for eg in reader(name)(NLP) * weight]
    assert max(lengths) > 30
    counts = next(message for message in caplog.messages if "learns from" in message)
    n_examples = int(re.search(r"(\d+) training examples", counts)[1])  # type: ignore[index]
    assert n_examples > len(lengths)
    n_places = sum(span.label_ == "place" for eg in reader("gum")(NLP) for span in eg.reference.spans["sc"])
    [row] = [line for line in counts.splitlines() if line.startswith("GPE")]
    assert re.search(rf"gum \d+/{n_places}\b", row)
    assert ("the first" in counts) is (max_epochs == -1)
    if max_epochs == 0:
        done = run_python(folder, "-m", "spacy", "debug", "data", "mix.cfg", *arguments)
        # It wants more documents than a test has, and that is its only error.
        assert "Corpus is loadable" in done.output and f"{n_examples} training docs" in done.output, done.output
        assert "✘ 1 error" in done.output
        done = run_python(folder, "-m", "spacy", "init", "labels", "mix.cfg", "made", *arguments)
        assert done.returncode == 0, done.output
        assert json.loads((folder / "made" / "binder_ner.json").read_text(encoding="utf8")) == labels
