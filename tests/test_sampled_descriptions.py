"""With `sample_descriptions` an update learns from one description of each label, drawn anew each time."""

from typing import Any

import pytest
import spacy
from conftest import binder_config, demo_examples
from spacy.util import fix_random_seed

from spacy_binder.pipeline import BinderNER

LABELS = {
    "PER": ["person", "names of people", "human beings"],
    "GPE": "cities and countries",
    "ORG": ["organization", "bodies"],
}


def texts_of_updates(encoder: str, n: int, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[list[str]]:
    """RETURNS (list[list[str]]): What the type encoder was given in each of n updates."""
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(encoder, **settings))
    assert isinstance(pipe, BinderNER)
    for label, texts in LABELS.items():
        pipe.add_label(label, texts)
    examples = demo_examples(nlp, ["news-01"], max_sentences=1)
    for eg in examples:
        eg.reference.spans["sc"] = [span for span in eg.reference.spans["sc"] if span.label_ in LABELS]
    nlp.initialize()
    layer = pipe.model.get_ref("type_encoder")
    calls: list[list[str]] = []
    forward = layer._func
    monkeypatch.setattr(layer, "_func", lambda model, X, is_train: (calls.append(X), forward(model, X, is_train))[1])
    fix_random_seed(1)
    for _ in range(n):
        pipe.update(examples)
    assert {*pipe.cfg["trained"]} == {text for call in calls for text in call}
    return calls


def test_one_text_of_each_label_is_drawn(tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = texts_of_updates(tiny_encoder, 20, monkeypatch, sample_descriptions=True)
    assert all(len(call) == 3 and call[1] == "cities and countries" for call in calls)
    assert {call[0] for call in calls} == {*LABELS["PER"]}
    assert {call[2] for call in calls} == {*LABELS["ORG"]}
    assert len({(call[0], call[2]) for call in calls}) > 3
    assert texts_of_updates(tiny_encoder, 20, monkeypatch, sample_descriptions=True) == calls


def test_by_default_all_texts_are_learned_from(tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [call] = texts_of_updates(tiny_encoder, 1, monkeypatch)
    assert call == [*LABELS["PER"], LABELS["GPE"], *LABELS["ORG"]]
