"""A component's `cfg` takes known settings with possible values, wherever they come from."""

import pickle
from typing import Any

import pytest
import spacy
from conftest import binder_config
from spacy.language import Language
from thinc.api import Config

from spacy_binder.settings import ComponentSettings

WRONG = [
    ("threshold", -0.1, "greater than or equal to 0"),
    ("threshold", 2, "less than or equal to 1"),
    ("threshold", float("nan"), "finite"),
    ("threshold", "0.4", "a valid number"),
    ("thresholds", {"PER": 1.5}, "less than or equal to 1"),
    ("thresholds", {"": 0.5}, "at least 1 character"),
    ("repeat_weight", 1.1, "less than or equal to 1"),
    ("sample_descriptions", 1, "valid boolean"),
    ("window_merge", "foo", "'best_context' or 'union'"),
    ("spans_key", None, "a valid string"),
    ("spans_key", " ", "pattern"),
    ("labels", ["PER"], "a valid dictionary"),
    ("labels", {"PER": ""}, "at least 1 character"),
    ("allow_overlap", "yes", "a valid boolean"),
    ("calibration", {"scale": 0.0, "bias": 1.0}, "greater than 0"),
    ("calibration", {"scale": 1.0}, "Field required"),
]


@pytest.fixture
def cfg(tiny_nlp: Language) -> Any:
    return tiny_nlp.get_pipe("binder_ner").cfg


@pytest.mark.parametrize(("setting", "value", "problem"), WRONG)
def test_impossible_values_are_refused_in_code_and_on_load(
    tiny_nlp: Language, setting: str, value: Any, problem: str
) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    before = pipe.cfg.copy()
    with pytest.raises(ValueError, match=rf"B006.*'binder_ner'.*`{setting}.*{problem}"):
        pipe.cfg[setting] = value
    assert pipe.cfg == before
    # What a file of another origin may have.
    dict.__setitem__(pipe.cfg, setting, value)
    saved = pipe.to_bytes(exclude=["model"]) if value == value else None
    dict.update(pipe.cfg, before)
    if saved is not None:
        with pytest.raises(ValueError, match="B006"):
            pipe.from_bytes(saved, exclude=["model"])
    assert pipe.cfg == before


@pytest.mark.parametrize("settings", [{"threshold": 2.0}, {"repeat_weight": -1.0}, {"window_merge": "foo"}])
def test_impossible_values_are_refused_in_the_config(tiny_encoder: str, settings: dict) -> None:
    with pytest.raises(ValueError, match="B006"):
        spacy.blank("en").add_pipe("binder_ner", config=binder_config(tiny_encoder, **settings))


def test_loss_weights_have_known_names(tiny_encoder: str) -> None:
    with pytest.raises(ValueError, match=r"B006.*loss_weights\['middle'\].*'start', 'end', 'span', 'gold' or"):
        spacy.blank("en").add_pipe("binder_ner", config=binder_config(tiny_encoder, loss_weights={"middle": 1.0}))


def test_misspelt_settings_are_refused(cfg: Any) -> None:
    before = cfg.copy()
    for change in (
        lambda: cfg.__setitem__("treshold", 0.4),
        lambda: cfg.update(treshold=0.4, threshold=0.4),
        lambda: cfg.update({"treshold": 0.4}),
        lambda: cfg.setdefault("treshold", 0.4),
        lambda: cfg.__ior__({"treshold": 0.4}),
    ):
        with pytest.raises(ValueError, match=r"B016.*'treshold'.*threshold"):
            change()
    assert cfg == before


def test_cfg_that_is_no_dict_is_refused(cfg: Any) -> None:
    with pytest.raises(ValueError, match=r"B006.*It has to be a dict"):
        cfg.update([])


def test_possible_values_are_taken(cfg: Any) -> None:
    cfg["threshold"] = 1
    cfg |= {"thresholds": {"PER": 0.25}, "calibration": {"scale": 0.5, "bias": -1.0}}
    assert (cfg["threshold"], cfg["thresholds"]["PER"]) == (1, 0.25)
    copied = pickle.loads(pickle.dumps(cfg))
    assert isinstance(copied, ComponentSettings) and (copied, copied.name) == (cfg, "binder_ner")


@pytest.mark.parametrize("label", ["Bio:Gene", "a=b", "#tag", "[a]", " PER", "a\nb"])
def test_thresholds_that_a_config_would_change_are_refused(label: str, tiny_nlp: Language) -> None:
    """In code they can be set, and are saved."""
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match=r"B006.*thresholds.*in code"):
        nlp.add_pipe("binder_ner", config={"thresholds": {label: 0.4}})
    pipe: Any = tiny_nlp.get_pipe("binder_ner")
    pipe.add_label(label)
    pipe.cfg["thresholds"] = {label: 0.4}
    loaded: Any = spacy.blank("en").from_config(tiny_nlp.config).from_bytes(tiny_nlp.to_bytes()).get_pipe("binder_ner")
    assert loaded.cfg["thresholds"] == {label: 0.4}


@pytest.mark.parametrize("label", ["PER", "Medication/Vaccine", "A.B", "x # y", "größe", "a b"])
def test_other_thresholds_are_read_as_they_were_written(label: str) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config={"thresholds": {label: 0.4}})
    again = spacy.blank("en").from_config(Config().from_str(nlp.config.to_str()))
    pipe: Any = again.get_pipe("binder_ner")
    assert pipe.cfg["thresholds"] == {label: 0.4}
