"""How the component is initialized, gets its labels, and learns."""

from pathlib import Path

import pytest
import spacy
import srsly
import torch
from conftest import binder_config, demo_examples
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed
from tiny_pipelines import gradients, make_nlp, modules, parameters, quiet_config

from spacy_binder.config import default_description
from spacy_binder.pipeline import BinderNER

# Initialization


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("loaded", [False, True])
def test_initialize_starts_from_the_pretrained_weights_again(tiny_encoder: str, shared: bool, loaded: bool) -> None:
    """As spancat does: cross-validation must not leak from fold to fold."""
    config = quiet_config(tiny_encoder)
    if shared:
        config["model"]["type_encoder"] = None
    nlp, pipe, examples = make_nlp(config)
    fresh = parameters(pipe.model)
    nlp.update(examples, sgd=nlp.create_optimizer())
    pipe.cfg["calibration"] = {"scale": 2.0, "bias": 0.0}
    assert any(not torch.equal(*pair) for pair in zip(parameters(pipe.model), fresh, strict=True))
    if loaded:
        nlp = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
        pipe = nlp.get_pipe("binder_ner")
        assert isinstance(pipe, BinderNER)
    fix_random_seed(0)
    nlp.initialize(lambda: examples)
    assert all(torch.equal(*pair) for pair in zip(parameters(pipe.model), fresh, strict=True))
    assert pipe.cfg["calibration"] is None
    assert pipe.gold_counts.total() == 0
    # The optimizer's state is new too.
    losses = [nlp.update(examples, sgd=nlp.create_optimizer())["binder_ner"] for _ in range(3)]
    assert losses[2] < losses[0]


# Labels


def test_labels_are_added_described_and_removed() -> None:
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner")
    assert pipe.labels == ()
    assert pipe.add_label("PER", "people, by name") == 1
    assert pipe.add_label("PER") == 0
    assert pipe.label_data == {"PER": "people, by name"}
    assert pipe.add_label("PER", "characters") == 0
    assert pipe.add_label("GPE") == 1
    assert pipe.labels == ("PER", "GPE")
    assert pipe.label_data == {"PER": "characters", "GPE": "Countries, cities, states"}
    assert "GPE" in nlp.vocab.strings
    assert pipe.remove_label("PER") == "characters"
    assert pipe.labels == ("GPE",)
    with pytest.raises(ValueError, match="B016"):
        pipe.remove_label("PER")


@pytest.mark.parametrize(
    ("label", "description"),
    [("ORG", "Companies, agencies, institutions, etc."), ("cell_line", "cell line"), ("B-cell", "B cell"), ("_", "_")],
)
def test_default_descriptions_are_spacys_or_the_label_in_plain_words(label: str, description: str) -> None:
    assert default_description(label) == description


def test_label_data_can_be_changed_without_changing_the_component(tiny_nlp: Language) -> None:
    data = tiny_nlp.get_pipe("binder_ner").label_data
    data.clear()
    assert len(tiny_nlp.get_pipe("binder_ner").labels) == 8


def test_labels_come_from_the_data(tiny_nlp: Language) -> None:
    in_data = {span.label_ for eg in demo_examples(tiny_nlp, ["news-01"]) for span in eg.reference.spans["sc"]}
    assert set(tiny_nlp.get_pipe("binder_ner").labels) == in_data


@pytest.mark.parametrize("as_list", [True, False])
def test_labels_are_given(tiny_encoder: str, tiny_nlp: Language, as_list: bool) -> None:
    descriptions = {label: f"the type {label}" for label in tiny_nlp.get_pipe("binder_ner").labels} | {"EXTRA": "more"}
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    examples = demo_examples(nlp, ["news-01"])
    pipe.initialize(lambda: examples, nlp=nlp, labels=list(descriptions) if as_list else descriptions)
    assert pipe.labels == tuple(descriptions)
    expected = {label: default_description(label) for label in descriptions} if as_list else descriptions
    assert pipe.label_data == expected


def test_labels_are_read_from_the_file_that_init_labels_writes(
    tiny_encoder: str, tiny_nlp: Language, tmp_path: Path
) -> None:
    data = tiny_nlp.get_pipe("binder_ner").label_data
    srsly.write_json(tmp_path / "binder_ner.json", data)
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    reader = {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "binder_ner.json")}
    nlp.config["initialize"]["components"]["binder_ner"] = {"labels": reader}
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"]))
    assert nlp.get_pipe("binder_ner").label_data == data


# Updates


def test_update_returns_on_no_tokens(tiny_nlp: Language) -> None:
    empty = tiny_nlp.make_doc("")
    before = parameters(tiny_nlp.get_pipe("binder_ner").model)
    losses = tiny_nlp.update([Example(empty, empty.copy())], sgd=tiny_nlp.create_optimizer(), losses={"binder_ner": 1})
    assert losses == {"binder_ner": 1}
    assert all(
        torch.equal(a, b) for a, b in zip(before, parameters(tiny_nlp.get_pipe("binder_ner").model), strict=True)
    )


def test_updates_without_optimizer_add_up_their_gradients(tiny_encoder: str) -> None:
    """Each update averages over its own gold items and windows, so two are the sum of both, not one of both."""
    nlp, pipe, _ = make_nlp(quiet_config(tiny_encoder))
    one, two = demo_examples(nlp, ["news-01", "news-02"], max_sentences=4)
    apart = []
    before = parameters(pipe.model)
    for example in (one, two):
        pipe.update([example])
        apart.append(gradients(pipe.model))
    pipe.update([one])
    pipe.update([two])
    for both, first, second in zip(gradients(pipe.model), *apart, strict=True):
        torch.testing.assert_close(both, first + second, atol=1e-5, rtol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(before, parameters(pipe.model), strict=True))


def test_finish_update_uses_the_accumulated_gradients_once(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    before = parameters(pipe.model)
    pipe.update(demo_examples(tiny_nlp, ["news-01"], max_sentences=2))
    pipe.finish_update(tiny_nlp.create_optimizer())
    assert any(not torch.equal(a, b) for a, b in zip(before, parameters(pipe.model), strict=True))
    assert all(not gradient.any() for gradient in gradients(pipe.model))


def test_losses_add_up_under_the_components_name(tiny_encoder: str) -> None:
    _, pipe, examples = make_nlp(quiet_config(tiny_encoder))
    once = pipe.update(examples)["binder_ner"]
    losses = pipe.update(examples, losses={"binder_ner": 1.0, "tagger": 2.0})
    assert losses == {"binder_ner": pytest.approx(1.0 + once, rel=1e-5), "tagger": 2.0}


def test_unknown_gold_label_is_named(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    pipe.remove_label("GPE")
    with pytest.raises(ValueError, match=r"B010.*'GPE'.*It knows: VEH"):
        pipe.update(demo_examples(tiny_nlp, ["news-01"]))


def test_small_passes_give_the_gradients_of_one_pass(tiny_encoder: str) -> None:
    """Memory of an update is bounded by `max_batch_wordpieces`; what is learned is the same."""
    nlp, whole, _ = make_nlp(quiet_config(tiny_encoder, window=32))
    examples = demo_examples(nlp, ["news-01", "science-02"])
    whole.add_label("MISC")
    pieces = spacy.blank("en").add_pipe(
        "binder_ner", config=quiet_config(tiny_encoder, window=32, max_batch_wordpieces=64)
    )
    pieces.from_bytes(whole.to_bytes())
    losses = [component.update(examples)["binder_ner"] for component in (whole, pieces)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    pairs = list(zip(gradients(whole.model), gradients(pieces.model), strict=True))
    assert sum(float(a.abs().sum()) for a, _ in pairs) > 0.1
    for a, b in pairs:
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_shared_encoder_learns_and_is_saved_once(tiny_encoder: str) -> None:
    config = quiet_config(tiny_encoder)
    config["model"]["type_encoder"] = None
    nlp, pipe, examples = make_nlp(config)
    assert len(list(modules(pipe.model))) == 2
    optimizer = nlp.create_optimizer()
    first = nlp.update(examples, sgd=optimizer)["binder_ner"]
    for _ in range(10):
        last = nlp.update(examples, sgd=optimizer)["binder_ner"]
    assert last < first
    again = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    for a, b in zip(parameters(pipe.model), parameters(again.get_pipe("binder_ner").model), strict=True):
        assert torch.equal(a, b)


def test_frozen_type_encoder_stays_as_it_is(tiny_encoder: str) -> None:
    config = quiet_config(tiny_encoder)
    config["model"]["type_encoder"]["freeze"] = True
    nlp, pipe, examples = make_nlp(config)
    layers = [pipe.model.get_ref(ref) for ref in ("type_encoder", "text_encoder", "scorer")]
    before = [parameters(layer) for layer in layers]
    for _ in range(2):
        nlp.update(examples, sgd=nlp.create_optimizer())
    same = [
        all(torch.equal(a, b) for a, b in zip(old, parameters(layer), strict=True))
        for old, layer in zip(before, layers, strict=True)
    ]
    assert same == [True, False, False]
