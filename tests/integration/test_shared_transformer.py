"""`spacy train`, `assemble` and `package` with components that share a transformer: sourced, frozen, replaced."""

from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
from conftest import ROOT
from markdown_pages import read_page
from project_copy import run_python
from shared_pipelines import (
    SHARED_TRANSFORMER,
    add_listeners,
    scored_spans,
    shared_examples,
    shared_nlp,
    train,
    transformer_config,
    transformer_of,
    weights_of,
)
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.util import fix_random_seed
from thinc.api import Config

PAGE = ROOT / "docs" / "guide" / "shared-transformer.md"


@pytest.fixture(scope="module")
def shared(tiny_encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pipeline of transformer, tagger and binder_ner, and beside it the docs it was trained on."""
    folder = tmp_path_factory.mktemp("shared")
    nlp, examples = shared_nlp(tiny_encoder, "tagger", "binder_ner")
    train(nlp, examples)
    nlp.to_disk(folder / "pipeline")
    DocBin(docs=[examples[0].reference]).to_disk(folder / "data.spacy")
    return folder / "pipeline"


@pytest.fixture
def text() -> str:
    return shared_examples(spacy.blank("en"))[0].reference.text


SOURCED: dict[str, dict[str, Any]] = {
    "transformer": {"source": "SHARED"},
    "tagger": {"source": "SHARED"},
    "binder_ner": {"source": "SHARED"},
}
REPLACED = {**SOURCED, "binder_ner": {"source": "SHARED", "replace_listeners": ["model.tok2vec"]}}


def training_config(shared: Path, components: dict[str, dict[str, Any]], **training: Any) -> Config:
    """The config of a training of a few steps. SHARED stands for the trained pipeline."""
    nlp = spacy.blank("en")
    config = nlp.config.copy()
    config["nlp"]["pipeline"] = list(components)
    config["components"] = {
        name: {key: str(shared) if value == "SHARED" else value for key, value in block.items()}
        for name, block in components.items()
    }
    corpus = {"@readers": "spacy.Corpus.v1", "path": str(shared.parent / "data.spacy")}
    config["corpora"] = {"train": corpus, "dev": dict(corpus)}
    config["training"].update({"max_steps": 4, "eval_frequency": 2, **training})
    config["training"]["optimizer"]["learn_rate"] = 0.002
    config["training"]["score_weights"] = {"spans_sc_f": 1.0}
    return config


def run_training(folder: Path, config: Config) -> Language:
    """RETURNS (Language): The pipeline that `spacy train` made of a config."""
    config.to_disk(folder / "config.cfg")
    done = run_python(folder, "-m", "spacy", "train", "config.cfg", "-o", "out")
    assert done.returncode == 0, done.output
    return spacy.load(folder / "out" / "model-last")


def all_weights(nlp: Language, name: str) -> list[torch.Tensor]:
    """The weights of a component, those of torch and those of thinc."""
    weights = []
    for node in nlp.get_pipe(name).model.walk():  # type: ignore[attr-defined]
        weights += [torch.tensor(node.get_param(param)) for param in node.param_names]
        shims: list[Any] = node.shims
        weights += [weight.detach().clone() for shim in shims for weight in shim._model.parameters()]
    return weights


def same(one: Any, other: Any) -> bool:
    """Whether all weights are the same."""
    pairs = zip(*(list(x.values()) if isinstance(x, dict) else x for x in (one, other)), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# Freezing


@pytest.mark.parametrize(
    ("frozen", "annotating", "trained"),
    [
        ([], [], {"transformer", "tagger", "binder_ner"}),
        (["transformer"], ["transformer"], {"tagger", "binder_ner"}),
        (["transformer", "tagger"], ["transformer"], {"binder_ner"}),
        (["binder_ner", "transformer"], ["transformer"], {"tagger"}),
    ],
    ids=["nothing", "transformer", "transformer and tagger", "transformer and binder_ner"],
)
def test_frozen_components_keep_their_weights(
    shared: Path, tmp_path: Path, frozen: list[str], annotating: list[str], trained: set[str]
) -> None:
    before = spacy.load(shared)
    config = training_config(shared, SOURCED, frozen_components=frozen, annotating_components=annotating)
    after = run_training(tmp_path, config)
    names = ("transformer", "tagger", "binder_ner")
    assert {name for name in names if not same(all_weights(after, name), all_weights(before, name))} == trained


def test_a_frozen_transformer_has_to_annotate(shared: Path, tmp_path: Path) -> None:
    config = training_config(shared, {**SOURCED}, frozen_components=["transformer", "tagger"])
    config.to_disk(tmp_path / "config.cfg")
    with pytest.raises(ValueError, match=r"B015.*annotating_components"):
        run_python(tmp_path, "-m", "spacy", "train", "config.cfg", "-o", "out")


def test_a_frozen_component_of_a_transformer_that_learns_is_told(shared: Path) -> None:
    """spacy-transformers waits for the gradients of the last listener, which never come."""
    nlp = spacy.load(shared)
    before = weights_of(transformer_of(nlp))
    with pytest.warns(UserWarning, match=r"BW18.*frozen.*replace_listeners") as caught:
        train(nlp, shared_examples(nlp), n_updates=3, exclude=["binder_ner"])
    assert len(caught) == 1
    assert same(weights_of(transformer_of(nlp)), before)
    # As soon as it has a copy of its own, the others learn.
    nlp.replace_listeners("transformer", "binder_ner", ["model.tok2vec"])
    train(nlp, shared_examples(nlp), n_updates=3, exclude=["binder_ner"])
    assert not same(weights_of(transformer_of(nlp)), before)


def test_a_frozen_component_with_its_own_copy_stays_as_it_is(shared: Path, tmp_path: Path, text: str) -> None:
    """While transformer and tagger learn on."""
    before = spacy.load(shared)
    after = run_training(tmp_path, training_config(shared, REPLACED, frozen_components=["binder_ner"]))
    assert not same(weights_of(transformer_of(after)), weights_of(transformer_of(before)))
    assert same(weights_of(transformer_of(after, "binder_ner")), weights_of(transformer_of(before)))
    spans, scores = scored_spans(before(text))
    found, scores_after = scored_spans(after(text))
    assert found == spans and len(spans) > 3
    assert scores_after == pytest.approx(scores, abs=1e-4)


# Sourcing


def test_sourced_with_replaced_listener_alone(shared: Path, tmp_path: Path, text: str) -> None:
    """In a config without a `transformer`: the copy goes with the component, and learns on."""
    before = spacy.load(shared)
    after = run_training(tmp_path, training_config(shared, {"binder_ner": REPLACED["binder_ner"]}))
    assert after.pipe_names == ["binder_ner"]
    assert not same(weights_of(transformer_of(after, "binder_ner")), weights_of(transformer_of(before)))
    assert after(text).spans["sc"]


@pytest.mark.parametrize("names", [["transformer", "binder_ner"], ["binder_ner"]], ids=["listening", "replaced"])
def test_sourced_by_add_pipe(shared: Path, names: list[str], text: str) -> None:
    expected = scored_spans(spacy.load(shared)(text))
    source = spacy.load(shared)
    if names == ["binder_ner"]:
        source.replace_listeners("transformer", "binder_ner", ["model.tok2vec"])
    nlp = spacy.blank("en")
    for name in names:
        nlp.add_pipe(name, source=source)
    spans, scores = scored_spans(nlp(text))
    assert spans == expected[0] and len(spans) > 3
    assert scores == pytest.approx(expected[1], abs=1e-4)


def test_sourced_without_transformer_says_how_to_mend_it(shared: Path, tmp_path: Path, text: str) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", source=spacy.load(shared))
    with pytest.raises(ValueError, match=r'B015.*replace_listeners = \["model.tok2vec"\]'):
        nlp(text)
    with pytest.raises(ValueError, match="B015"):
        nlp.update(shared_examples(nlp), sgd=nlp.resume_training())
    config = training_config(shared, {"binder_ner": {"source": "SHARED"}})
    config.to_disk(tmp_path / "config.cfg")
    with pytest.raises(ValueError, match="B015"):
        run_python(tmp_path, "-m", "spacy", "train", "config.cfg", "-o", "out")


def test_new_component_beside_a_sourced_transformer(shared: Path, tiny_encoder: str, tmp_path: Path) -> None:
    """The transformer is frozen, so that its tagger stays right, and binder_ner learns from its vectors."""
    made = spacy.blank("en")
    made.add_pipe("transformer", config=transformer_config(tiny_encoder))
    add_listeners(made, tiny_encoder, ("binder_ner",))
    components = {**SOURCED, "binder_ner": dict(made.config["components"]["binder_ner"])}
    frozen = ["transformer", "tagger"]
    config = training_config(shared, components, frozen_components=frozen, annotating_components=["transformer"])
    after = run_training(tmp_path, config)
    before = spacy.load(shared)
    assert same(weights_of(transformer_of(after)), weights_of(transformer_of(before)))
    assert after.get_pipe("binder_ner").labels == before.get_pipe("binder_ner").labels  # type: ignore[attr-defined]


# Making pipelines of pipelines


@pytest.mark.parametrize("components", [SOURCED, {"binder_ner": REPLACED["binder_ner"]}], ids=["sourced", "replaced"])
def test_assemble_and_package(shared: Path, tmp_path: Path, components: dict[str, Any], text: str) -> None:
    config = training_config(shared, components)
    config.to_disk(tmp_path / "config.cfg")
    done = run_python(tmp_path, "-m", "spacy", "assemble", "config.cfg", "assembled")
    assert done.returncode == 0, done.output
    (tmp_path / "packages").mkdir()
    done = run_python(
        tmp_path, "-m", "spacy", "package", "assembled", "packages", "--build", "none", "--name", "shared"
    )
    assert done.returncode == 0, done.output
    [config_file] = (tmp_path / "packages").glob("*/*/*/config.cfg")
    spans, scores = scored_spans(spacy.load(shared)(text))
    for folder in (tmp_path / "assembled", config_file.parent):
        nlp = spacy.load(folder)
        assert nlp.pipe_names == list(components)
        found, found_scores = scored_spans(nlp(text))
        assert found == spans and len(spans) > 3
        assert found_scores == pytest.approx(scores, abs=1e-4)


# The page


def test_config_of_the_page_trains(shared: Path, tiny_encoder: str, tmp_path: Path) -> None:
    [block] = [block for block in read_page(PAGE)[0] if "[components.tagger]" in block.code]
    (tmp_path / "page.cfg").write_text(block.code, encoding="utf8")
    data = shared.parent / "data.spacy"
    labels = spacy.load(shared).get_pipe("binder_ner").label_data  # type: ignore[attr-defined]
    srsly.write_json(tmp_path / "labels.json", labels)
    done = run_python(tmp_path, "-m", "spacy", "init", "fill-config", "page.cfg", "config.cfg")
    assert done.returncode == 0, done.output
    options = {
        "paths.train": data,
        "paths.dev": data,
        "paths.encoder": tiny_encoder,
        "training.max_steps": 2,
        "training.eval_frequency": 1,
    }
    arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    done = run_python(tmp_path, "-m", "spacy", "train", "config.cfg", "-o", "out", *arguments)
    assert done.returncode == 0, done.output
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert {"tag_acc", "spans_sc_f"} <= nlp.meta["performance"].keys()
    assert nlp.get_pipe("transformer").listening_components == ["tagger", "binder_ner"]  # type: ignore[attr-defined]


def test_an_earlier_config_can_be_changed_by_hand(tiny_encoder: str, tmp_path: Path, text: str) -> None:
    """`spacy_binder.TransformerListener.v1` has the weights of `spacy_binder.SharedBinder.v1`."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=transformer_config(tiny_encoder))
    listener = {"@architectures": "spacy_binder.TransformerListener.v1"}
    config = {"model": {"text_encoder": listener, "type_encoder": {"name": tiny_encoder}}}
    nlp.add_pipe("binder_ner", config=config)
    examples = shared_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples)
    nlp.to_disk(tmp_path)
    with pytest.raises(KeyError, match="tok2vec"):
        nlp.replace_listeners("transformer", "binder_ner", ["model.text_encoder"])
    changed = Config().from_disk(tmp_path / "config.cfg")
    model = changed["components"]["binder_ner"]["model"]
    del model["text_encoder"]
    model |= {"@architectures": "spacy_binder.SharedBinder.v1", "tok2vec": SHARED_TRANSFORMER}
    changed.to_disk(tmp_path / "config.cfg")
    loaded = spacy.load(tmp_path)
    spans, scores = scored_spans(nlp(text))
    loaded.replace_listeners("transformer", "binder_ner", ["model.tok2vec"])
    loaded.remove_pipe("transformer")
    found, found_scores = scored_spans(loaded(text))
    assert found == spans and len(spans) > 3
    assert found_scores == pytest.approx(scores, abs=1e-4)
