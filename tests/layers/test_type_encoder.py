"""Vectors of types: encoded once, cached up to a number, never those of other weights."""

from typing import Any

import numpy
import pytest
import spacy
import torch
from conftest import binder_config, demo_examples
from spacy.language import Language
from tiny_pipelines import NO_DROPOUT
from transformers import AutoModel, AutoTokenizer

from spacy_binder.architectures import build_type_encoder
from spacy_binder.layers import cached_vectors as cached_vectors_module
from spacy_binder.layers import type_encoder as type_encoder_module
from spacy_binder.layers.cached_vectors import CachedVectors
from spacy_binder.pipeline import BinderNER


@pytest.fixture
def pipe(tiny_nlp: Language) -> BinderNER:
    """The component of an initialized pipeline, which predicts nothing."""
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    pipe.cfg["threshold"] = 1.0
    return pipe


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The descriptions of each run of the encoder, without the copies that fill a batch."""
    calls: list[list[str]] = []
    text_of: dict[tuple[int, ...], str] = {}
    tokenize, encode = type_encoder_module._tokenize, type_encoder_module._encode_batch

    def remember(shim: Any, texts: list[str], *args: Any) -> Any:
        rows = tokenize(shim, texts, *args)
        text_of.update(zip(map(tuple, rows), texts, strict=True))
        return rows

    def record(shim: Any, rows: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        calls.append(list(dict.fromkeys(text_of[tuple(row)] for row in rows)))
        return encode(shim, rows, *args, **kwargs)

    monkeypatch.setattr(type_encoder_module, "_tokenize", remember)
    monkeypatch.setattr(type_encoder_module, "_encode_batch", record)
    return calls


def flat(calls: list[list[str]]) -> list[str]:
    return [text for call in calls for text in call]


@pytest.mark.parametrize("max_positions", [512, 20])
def test_vectors_do_not_depend_on_what_is_encoded_beside_them(
    pipe: BinderNER, max_positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in their last bits, whatever the number, the lengths and the order, also where they fill all positions."""
    layer = pipe.model.get_ref("type_encoder")
    shim: Any = layer.shims[0]
    monkeypatch.setattr(type(shim.module), "max_positions", max_positions)
    texts = [f"a description with {'many ' * (i % 23)}words, number {i}" for i in range(40)]
    alone = []
    for text in texts:
        shim.cache.clear()
        alone.append(layer.predict([text])[0])
    shim.cache.clear()
    assert torch.equal(layer.predict(texts[::-1]), torch.stack(alone[::-1]))
    shim.cache.clear()
    assert torch.equal(layer.predict(texts[3:24]), torch.stack(alone[3:24]))


@pytest.mark.parametrize("learn", [False, True])
def test_pooling(tiny_encoder: str, learn: bool) -> None:
    """The mean is that over a text's own wordpieces, special ones included, whatever it is padded to."""
    encoder = AutoModel.from_pretrained(tiny_encoder).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    texts = ["names of people", "the names of cities, rivers and other places", "food"]
    for pooling in ("cls", "mean"):
        layer = build_type_encoder(tiny_encoder, pooling=pooling, transformer_config=NO_DROPOUT)
        layer.initialize()
        found, backprop = layer(texts, is_train=learn)
        for text, row in zip(texts, found.detach(), strict=True):
            with torch.no_grad():
                [states] = encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state
            expected = states[0] if pooling == "cls" else states.mean(0)
            torch.testing.assert_close(row, expected, atol=1e-5, rtol=1e-5)
        backprop(torch.ones_like(found))
    with pytest.raises(ValueError, match=r"B016.*pooling.*cls, mean"):
        build_type_encoder(tiny_encoder, pooling="max")


def test_gradients_of_descriptions_of_different_lengths(
    tiny_encoder: str, encoded: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are encoded in several passes, short ones together. Vectors and gradients are those of each one alone."""
    monkeypatch.setattr(type_encoder_module, "PASS_COST", 8)
    layer = build_type_encoder(tiny_encoder, pooling="mean", transformer_config=NO_DROPOUT)
    layer.initialize()
    texts = ["food", "names of cities, rivers, seas and all other places that have a name", "people", "a dish"]
    found, backprop = layer(texts, is_train=True)
    assert encoded == [[texts[1]], ["food", "people", "a dish"]]
    gradients = torch.randn(found.shape, generator=torch.Generator().manual_seed(0))
    backprop(gradients)
    shim: Any = layer.shims[0]
    learned = {name: param.grad for name, param in shim.module.transformer.named_parameters()}
    encoder = AutoModel.from_pretrained(tiny_encoder).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    for text, row, gradient in zip(texts, found, gradients, strict=True):
        vector = encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
        torch.testing.assert_close(row, vector, atol=1e-5, rtol=1e-5)
        vector.backward(gradient)
    expected = {name: param.grad for name, param in encoder.named_parameters() if param.grad is not None}
    assert expected.keys() <= learned.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(learned[name], gradient, atol=1e-4, rtol=1e-4)


def test_types_are_encoded_once(tiny_nlp: Language, pipe: BinderNER, encoded: list[list[str]]) -> None:
    list(tiny_nlp.pipe(["Oslo", "Bergen", "Bodø"], batch_size=1))
    assert sorted(flat(encoded)) == sorted(pipe.label_data.values())


def test_only_a_new_type_is_encoded(tiny_nlp: Language, pipe: BinderNER, encoded: list[list[str]]) -> None:
    tiny_nlp("Oslo")
    pipe.add_label("FOOD", "dishes and drinks")
    tiny_nlp("Oslo")
    pipe.remove_label("GPE")
    tiny_nlp("Oslo")
    assert encoded[-1:] == [["dishes and drinks"]]
    # GPE was encoded too, before it was removed.
    assert len(flat(encoded)) == len(pipe.label_data) + 1


def test_types_are_encoded_anew_after_an_update(tiny_nlp: Language, pipe: BinderNER, encoded: list[list[str]]) -> None:
    tiny_nlp("Oslo")
    examples = demo_examples(tiny_nlp, ["news-01"], max_sentences=1)
    tiny_nlp.update(examples, sgd=tiny_nlp.create_optimizer())
    tiny_nlp("Oslo")
    tiny_nlp("Oslo")
    # One run is that of the update.
    assert len(flat(encoded)) == 3 * len(pipe.labels)


def test_frozen_types_are_encoded_once_for_all_updates(tiny_encoder: str, encoded: list[list[str]]) -> None:
    nlp = spacy.blank("en")
    config = binder_config(tiny_encoder)
    config["model"]["type_encoder"]["freeze"] = True
    nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=1)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    assert len(flat(encoded)) == len(nlp.get_pipe("binder_ner").labels)


def test_types_are_encoded_anew_within_use_params_and_after_it(
    tiny_nlp: Language, pipe: BinderNER, encoded: list[list[str]]
) -> None:
    tiny_nlp("Oslo")
    with tiny_nlp.use_params({(0, "of no shim"): numpy.zeros(1)}):
        tiny_nlp("Oslo")
        tiny_nlp("Oslo")
    tiny_nlp("Oslo")
    assert len(flat(encoded)) == 3 * len(pipe.labels)


def test_types_are_encoded_anew_after_a_load(tiny_nlp: Language, pipe: BinderNER, encoded: list[list[str]]) -> None:
    tiny_nlp("Oslo")
    tiny_nlp.from_bytes(tiny_nlp.to_bytes())
    tiny_nlp("Oslo")
    assert len(flat(encoded)) == 2 * len(pipe.labels)


@pytest.mark.parametrize("shared", [False, True])
def test_the_cache_never_holds_vectors_of_other_weights(tiny_encoder: str, shared: bool) -> None:
    config = binder_config(tiny_encoder)
    if shared:
        config["model"]["type_encoder"] = None
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    nlp.initialize(lambda: examples)
    layer = pipe.model.get_ref("type_encoder")
    descriptions = list(pipe.label_data.values())
    before = layer.predict(descriptions).clone()
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 1e-2
    nlp.update(examples, sgd=optimizer)
    cached = layer.predict(descriptions).clone()
    pipe.model.get_ref("text_encoder" if shared else "type_encoder").shims[0].cache.clear()
    torch.testing.assert_close(layer.predict(descriptions), cached)
    assert not torch.allclose(before, cached, atol=1e-3)


def cached(pipe: BinderNER) -> CachedVectors:
    shim: Any = pipe.model.get_ref("type_encoder").shims[0]
    return shim.cache[CachedVectors]


def test_descriptions_that_were_not_used_for_longest_leave_the_cache(
    pipe: BinderNER, encoded: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_vectors_module, "MAX_CACHED", 3)
    layer = pipe.model.get_ref("type_encoder")
    for description in ("a", "b", "c", "a", "d"):
        layer.predict([description])
    assert list(cached(pipe)._vectors) == ["c", "a", "d"]
    encoded.clear()
    layer.predict(["a", "d"])
    assert not encoded
    # Those of one call stay, so that a call with many types doesn't encode them each time.
    layer.predict(["p", "q", "r", "s"])
    layer.predict(["p", "q", "r", "s"])
    assert encoded == [["p", "q", "r", "s"]]
    assert list(cached(pipe)._vectors) == ["p", "q", "r", "s"]


def test_a_cached_vector_keeps_no_other_memory(pipe: BinderNER) -> None:
    vectors = pipe.model.get_ref("type_encoder").predict(["a town", "a river"])
    for vector in cached(pipe)._vectors.values():
        assert vector.untyped_storage().nbytes() == vectors.shape[1] * 4


def test_vectors_of_old_weights_never_get_into_the_cache(pipe: BinderNER, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights change while a thread encodes with the old ones."""
    layer = pipe.model.get_ref("type_encoder")
    shim: Any = layer.shims[0]
    original = type_encoder_module._encode_batch

    def encode(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        shim.cache.clear()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(type_encoder_module, "_encode_batch", encode)
        before = layer.predict(["a town"])
    assert not shim.cache
    torch.testing.assert_close(layer.predict(["a town"]), before)
