"""`replace_listeners`: a component takes a copy of the shared transformer along, and is the same without it."""

from pathlib import Path

import numpy
import pytest
import spacy
import torch
from shared_pipelines import (
    scored_spans,
    shared_config,
    shared_examples,
    shared_nlp,
    train,
    transformer_config,
    transformer_of,
    weights_of,
)
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import fix_random_seed

PATHS = ["model.tok2vec"]


@pytest.fixture(scope="module")
def shared(tiny_encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pipeline of transformer, tagger and binder_ner."""
    folder = tmp_path_factory.mktemp("shared") / "pipeline"
    nlp, examples = shared_nlp(tiny_encoder, "tagger", "binder_ner")
    train(nlp, examples)
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def texts() -> list[str]:
    """Texts with spans, without tokens, and with whitespace only."""
    [example, _] = shared_examples(spacy.blank("en"))
    sentences = [sent.text for sent in example.reference.sents]
    return [example.reference.text, "", " \n", *sentences]


def replaced_nlp(shared: Path) -> Language:
    """The component with a transformer of its own, and without the shared one."""
    nlp = spacy.load(shared)
    nlp.replace_listeners("transformer", "binder_ner", PATHS)
    nlp.remove_pipe("tagger")
    nlp.remove_pipe("transformer")
    return nlp


def assert_same(nlp: Language, other: Language, texts: list[str]) -> None:
    """Two pipelines find the same spans, with scores that are as good as the same."""
    n_spans = 0
    for doc, expected in zip(nlp.pipe(texts), other.pipe(texts), strict=True):
        (spans, scores), (expected_spans, expected_scores) = scored_spans(doc), scored_spans(expected)
        assert spans == expected_spans
        numpy.testing.assert_allclose(scores, expected_scores, atol=1e-4)
        n_spans += len(spans)
    assert n_spans > 5


def test_same_spans_after_replacing(shared: Path, texts: list[str], tmp_path: Path) -> None:
    nlp, original = replaced_nlp(shared), spacy.load(shared)
    assert nlp.pipe_names == ["binder_ner"]
    block = nlp.config["components"]["binder_ner"]["model"]["tok2vec"]
    assert block["@architectures"] == "spacy-transformers.TransformerModel.v3"
    assert_same(nlp, original, texts)
    nlp.to_disk(tmp_path)
    assert_same(spacy.load(tmp_path), original, texts)
    blank = spacy.blank("en", config=nlp.config)
    assert_same(blank.from_bytes(nlp.to_bytes()), original, texts)


def test_other_components_still_listen(shared: Path, texts: list[str]) -> None:
    nlp, original = spacy.load(shared), spacy.load(shared)
    nlp.replace_listeners("transformer", "binder_ner", PATHS)
    assert list(nlp.get_pipe("transformer").listener_map) == ["tagger"]  # type: ignore[attr-defined]
    assert [token.tag_ for token in nlp(texts[0])] == [token.tag_ for token in original(texts[0])]
    assert_same(nlp, original, texts)
    # The tagger too can be replaced, and then nothing listens.
    nlp.replace_listeners("transformer", "tagger", PATHS)
    nlp.remove_pipe("transformer")
    assert [token.tag_ for token in nlp(texts[0])] == [token.tag_ for token in original(texts[0])]


def test_many_docs_are_encoded_some_at_once(shared: Path, texts: list[str]) -> None:
    nlp, original = replaced_nlp(shared), spacy.load(shared)
    pipe = nlp.get_pipe("binder_ner")
    layer = pipe.model.get_ref("text_encoder")  # type: ignore[attr-defined]
    layer.attrs["settings"].max_batch_wordpieces = 40
    sizes: list[list[int]] = []
    source = layer.layers[0]
    forward = source._func

    def counting(model: object, docs: list[Doc], is_train: bool) -> object:
        sizes.append([len(doc) for doc in docs])
        return forward(model, docs, is_train)

    source._func = counting
    assert_same(nlp, original, texts * 3)
    assert len(sizes) > 5
    assert all(len(lengths) == 1 or max(lengths) * len(lengths) <= 40 for lengths in sizes)
    assert all(0 not in lengths for lengths in sizes)


def test_replaced_component_learns_on(shared: Path, texts: list[str], tmp_path: Path) -> None:
    nlp = replaced_nlp(shared)
    nlp.get_pipe("binder_ner").add_label("FAC")  # type: ignore[attr-defined]
    examples = shared_examples(nlp, n_sentences=8)
    before = weights_of(transformer_of(nlp, "binder_ner"))
    losses = train(nlp, examples, n_updates=30)
    assert losses[-1]["binder_ner"] < 0.8 * losses[0]["binder_ner"]
    after = weights_of(transformer_of(nlp, "binder_ner"))
    assert not torch.equal(after["encoder.layer.0.output.dense.weight"], before["encoder.layer.0.output.dense.weight"])
    assert nlp(texts[0]).spans["sc"]
    nlp.to_disk(tmp_path)
    assert_same(spacy.load(tmp_path), nlp, texts)


def test_initialize_keeps_the_weights_of_the_copy(shared: Path) -> None:
    """As that of a `transformer` that was loaded. It doesn't look for an encoder called "transformer"."""
    nlp = replaced_nlp(shared)
    before = weights_of(transformer_of(nlp, "binder_ner"))
    nlp.initialize(lambda: shared_examples(nlp))
    for name, weight in weights_of(transformer_of(nlp, "binder_ner")).items():
        assert torch.equal(weight, before[name])


def test_a_transformer_of_its_own_from_the_start(tiny_encoder: str) -> None:
    """What `replace_listeners` leaves in the config can be written there from the start."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = shared_config(tiny_encoder)
    config["model"]["tok2vec"] = transformer_config(tiny_encoder)["model"]
    nlp.add_pipe("binder_ner", config=config)
    examples = shared_examples(nlp)
    nlp.initialize(lambda: examples)
    losses = train(nlp, examples)
    assert losses[-1]["binder_ner"] < 0.6 * losses[0]["binder_ner"]


def test_paths_that_are_wrong(shared: Path) -> None:
    """spaCy's own errors name the path."""
    nlp = spacy.load(shared)
    with pytest.raises(ValueError, match=r"E886.*model\.text_encoder"):
        nlp.replace_listeners("transformer", "binder_ner", ["model.text_encoder"])
    with pytest.raises(ValueError, match="E887"):
        nlp.replace_listeners("transformer", "binder_ner", [*PATHS, *PATHS])
