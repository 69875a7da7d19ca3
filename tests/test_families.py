"""Every encoder family: initialize, train, predict, save, load, predict again."""

import re
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from conftest import binder_config, demo_examples, spans_of
from families import FAMILIES, OTHERS, make_encoder
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed
from transformers import CONFIG_MAPPING, AutoTokenizer

from spacy_binder.layers.encoder_shim import EncoderShim


@pytest.mark.parametrize("word_shapes", [True, False], ids=["shapes", "no shapes"])
@pytest.mark.parametrize("shared", [False, True], ids=["separate", "shared"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:.BW04")
# DeBERTa and ModernBERT use what torch has deprecated.
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_family(family: str, shared: bool, word_shapes: bool, tmp_path: Path) -> None:
    config = binder_config(make_encoder(family, tmp_path / "encoder"))
    config["model"]["text_encoder"]["word_shapes"] = word_shapes
    if shared:
        config["model"]["type_encoder"] = None
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=3)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 5e-3
    losses = [nlp.update(examples, sgd=optimizer)["binder_ner"] for _ in range(6)]
    assert losses[-1] < losses[0]
    text_encoder = pipe.model.get_ref("text_encoder").shims[0].module
    assert (text_encoder.word_shapes is not None) is word_shapes
    if text_encoder.word_shapes is not None:
        # Trained, so the encoder uses it.
        assert text_encoder.word_shapes.weight.abs().max() > 0
    # So that there are spans to compare: the best of all.
    pipe.cfg["threshold"] = 0.0
    text = examples[0].reference.text
    expected = nlp(text)
    assert len(expected.spans["sc"])
    nlp.to_disk(tmp_path / "pipeline")
    found = spacy.load(tmp_path / "pipeline")(text)
    assert spans_of(found) == spans_of(expected)
    assert found.spans["sc"].attrs["scores"] == pytest.approx(expected.spans["sc"].attrs["scores"], abs=1e-4)


@pytest.mark.parametrize("family", [family for family in OTHERS if family in CONFIG_MAPPING])
@pytest.mark.filterwarnings("ignore:.BW04")
def test_other_family_works_or_says_why_not(family: str, tmp_path: Path) -> None:
    """What can't serve is refused before the training."""
    encoder, (_, reason) = make_encoder(family, tmp_path / "encoder"), OTHERS[family]
    nlp = spacy.blank("en")
    config = binder_config(encoder)
    config["model"]["text_encoder"]["word_shapes"] = True
    pipe: Any = nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    if reason:
        with pytest.raises(ValueError, match=rf"\[B046\] The encoder '{re.escape(encoder)}' can't be used: .*{reason}"):
            nlp.initialize(lambda: examples)
        return
    nlp.update(examples, sgd=nlp.initialize(lambda: examples))
    pipe.cfg["threshold"] = 0.0
    expected = nlp(examples[0].reference.text)
    nlp.to_disk(tmp_path / "pipeline")
    found = spacy.load(tmp_path / "pipeline")(examples[0].reference.text)
    assert len(expected.spans["sc"])
    assert spans_of(found) == spans_of(expected)


@pytest.mark.parametrize("family", [*FAMILIES, *(family for family, (_, reason) in OTHERS.items() if not reason)])
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_the_longest_window_fits(family: str, tmp_path: Path) -> None:
    """As many wordpieces as the encoder is said to have positions for."""
    shim = EncoderShim()
    shim.load(make_encoder(family, tmp_path), tokenizer_config={}, transformer_config={})
    most = shim.module.max_positions
    assert most == (None if family == "xlnet" else pytest.approx(160, abs=10))
    ids = numpy.full((1, most or 200), 10)
    assert shim.encode(ids, numpy.array([ids.size]), is_train=False, mixed_precision=False).isfinite().all()


def test_xlnets_own_tokenizer_is_refused(tmp_path: Path) -> None:
    """It puts [CLS] after the text. A tokenizer that puts it before works, as the test above shows."""
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(make_encoder("xlnet", tmp_path, special_at_end=True)))
    with pytest.raises(ValueError, match=r"\[B011\]"):
        nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=1))


# What else would only be seen later


def initialized(encoder: str, types: str = "", **settings: Any) -> tuple[Language, Any, list[Example]]:
    """RETURNS (tuple): A pipeline, its component and examples. Settings are those of the text encoder."""
    nlp = spacy.blank("en")
    config = binder_config(encoder)
    config["model"]["text_encoder"].update(settings)
    config["model"]["type_encoder"]["name"] = types or encoder
    pipe = nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    nlp.initialize(lambda: examples)
    return nlp, pipe, examples


@pytest.mark.parametrize("family", [family for family in ("ernie_m", "ibert") if family in CONFIG_MAPPING])
def test_a_family_that_takes_no_word_shapes_works_without(family: str, tmp_path: Path) -> None:
    nlp, _, examples = initialized(make_encoder(family, tmp_path), word_shapes=False)
    assert numpy.isfinite(nlp.update(examples)["binder_ner"])


def test_tokenizer_with_more_wordpieces_than_the_encoder(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(make_encoder("bert", tmp_path))
    tokenizer.add_tokens(["Skarvholm"])
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"\[B046\].*its tokenizer has 501 wordpieces, but the encoder has vectors for 500"
    ):
        initialized(str(tmp_path))


@pytest.mark.filterwarnings("ignore:.BW04")
@pytest.mark.parametrize("settings", [{"use_fast": False}, {"pad_token": None}], ids=["slow", "no padding"])
def test_tokenizers_that_do_with_less(settings: dict[str, Any], tmp_path: Path) -> None:
    """Without a fast one, and without a wordpiece for padding, a pipeline is as it is after a load."""
    encoder = make_encoder("bert", tmp_path / "encoder")
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    words = sorted(tokenizer.vocab, key=tokenizer.vocab.get)
    (tmp_path / "encoder" / "vocab.txt").write_text("\n".join(words), encoding="utf8")
    nlp, pipe, examples = initialized(encoder, tokenizer_config=settings)
    shim = pipe.model.get_ref("text_encoder").shims[0]
    # A load makes a fast one of the slow one's files, so that it is one from the start.
    assert shim.tokenizer.is_fast
    assert (shim.tokenizer.pad_token is None) is ("pad_token" in settings)
    nlp.update(examples, sgd=nlp.create_optimizer())
    pipe.cfg["threshold"] = 0.0
    nlp.to_disk(tmp_path / "pipeline")
    found, expected = spacy.load(tmp_path / "pipeline")(examples[0].reference.text), nlp(examples[0].reference.text)
    assert len(expected.spans["sc"])
    assert spans_of(found) == spans_of(expected)


def test_the_type_encoders_tokenizer_is_checked_too(tmp_path: Path) -> None:
    """It would take the vector of the first wordpiece for that of the description."""
    types = make_encoder("xlnet", tmp_path / "types", special_at_end=True)
    with pytest.raises(ValueError, match=r"\[B011\]"):
        initialized(make_encoder("bert", tmp_path / "text"), types)


def test_family_without_gradient_checkpointing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[B046\].*no gradient checkpointing.*gradient_checkpointing = false"):
        initialized(make_encoder("squeezebert", tmp_path), gradient_checkpointing=True)


@pytest.mark.parametrize("shared", [False, True])
def test_descriptions_longer_than_the_encoders_positions(shared: bool, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    config = binder_config(make_encoder("bert", tmp_path, max_position_embeddings=40))
    config["model"]["text_encoder"] |= {"window": 40}
    if shared:
        config["model"]["type_encoder"] = None
    pipe: Any = nlp.add_pipe("binder_ner", config=config)
    pipe.add_label("GPE", "cities and countries " * 30)
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=1))
    assert nlp("Oslo").spans["sc"] is not None


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "config.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\x00\xff"], ids=str)
def test_damaged_encoder(name: str, content: bytes, tmp_path: Path) -> None:
    make_encoder("bert", tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"\[B005\] Can't load the encoder .* The cause: ."):
        initialized(str(tmp_path))
