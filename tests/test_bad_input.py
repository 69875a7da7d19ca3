"""Mistakes of users: each is named, with its code, what was found and what helps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy
import pytest
import spacy
from conftest import binder_config, demo_examples
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_binder.pipeline import BinderNER


def make_pipe(encoder: str, part: str = "", **settings: Any) -> tuple[Language, BinderNER]:
    """A pipeline that isn't initialized. Settings are those of a part of the model, or of the component."""
    nlp = spacy.blank("en")
    config = binder_config(encoder)
    if part:
        config["model"].setdefault(part, {}).update(settings)
    else:
        config.update(settings)
    pipe = nlp.add_pipe("binder_ner", config=config)
    assert isinstance(pipe, BinderNER)
    return nlp, pipe


def example(nlp: Language, words: list[str], spans: list[tuple[int, int, str]], key: str = "sc") -> Example:
    """An example of given words and gold spans."""
    reference = Doc(nlp.vocab, words=words)
    reference.spans[key] = [Span(reference, start, end, label=label) for start, end, label in spans]
    return Example(Doc(nlp.vocab, words=words), reference)


# Labels and descriptions


def test_no_labels(tiny_encoder: str) -> None:
    nlp, _ = make_pipe(tiny_encoder)
    with pytest.raises(
        ValueError, match=r"B003.*In 1 document\(s\) there are: doc.spans\['sc'\] \(0\), doc.ents \(0\)"
    ):
        nlp.initialize(lambda: [example(nlp, ["Oslo"], [])])


@pytest.mark.parametrize(("label", "code"), [(7, "E187"), (None, "E187"), ("", "B001"), (" ", "B001")])
def test_label_is_no_string_or_empty(tiny_encoder: str, label: Any, code: str) -> None:
    _, pipe = make_pipe(tiny_encoder)
    with pytest.raises(ValueError, match=code):
        pipe.add_label(label)
    assert pipe.labels == ()


def test_gold_span_without_label(tiny_encoder: str) -> None:
    nlp, _ = make_pipe(tiny_encoder)
    with pytest.raises(ValueError, match="B001"):
        nlp.initialize(lambda: [example(nlp, ["Oslo"], [(0, 1, "")])])


@pytest.mark.parametrize("description", ["", " \n"])
def test_empty_description(tiny_encoder: str, description: str) -> None:
    _, pipe = make_pipe(tiny_encoder)
    with pytest.raises(ValueError, match=r"B002.*'GPE'"):
        pipe.add_label("GPE", description)


def test_labels_of_another_type(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder)
    with pytest.raises(ValueError, match=r"B014.*str"):
        pipe.initialize(lambda: [example(nlp, ["Oslo"], [])], labels="GPE")  # type: ignore[arg-type]


def test_gold_label_that_was_not_given(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder)
    with pytest.raises(ValueError, match=r"B010.*'Oslo' \(tokens 1:2\).*'GPE'.*It knows: PER"):
        pipe.initialize(lambda: [example(nlp, ["in", "Oslo"], [(1, 2, "GPE")])], labels=["PER"])


# Keys


def test_gold_spans_under_another_key(tiny_encoder: str) -> None:
    nlp, _ = make_pipe(tiny_encoder)
    with pytest.raises(ValueError, match=r"B003.*doc\.spans\['sc'\].*doc\.spans\['entities'\] \(1\)"):
        nlp.initialize(lambda: [example(nlp, ["Oslo"], [(0, 1, "GPE")], key="entities")])


@pytest.mark.parametrize(
    "corpus", [{"@readers": "spacy.Corpus.v1", "path": "train.spacy"}, {"@readers": "spacy_binder.Replay.v1"}]
)
def test_no_score_weight_for_the_key_when_a_corpus_is_trained_from(tiny_encoder: str, corpus: dict) -> None:
    nlp, pipe = make_pipe(tiny_encoder, spans_key="entities")
    nlp.config["corpora"]["train"] = corpus
    with pytest.raises(ValueError, match=r"B004[^$]*'entities'[^$]*spans_entities_f = 1\.0"):
        pipe.initialize(lambda: [example(nlp, ["Oslo"], [(0, 1, "GPE")], key="entities")], nlp=nlp)


def test_no_score_weight_for_the_key_otherwise(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder, spans_key="entities")
    with pytest.warns(UserWarning, match="BW02.*spans_entities_f"):
        pipe.initialize(lambda: [example(nlp, ["Oslo"], [(0, 1, "GPE")], key="entities")], nlp=nlp)
    assert pipe.labels == ("GPE",)


def test_a_score_weight_for_the_key_is_enough(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder, spans_key="entities")
    nlp.config["corpora"]["train"]["path"] = "train.spacy"
    nlp.config["training"]["score_weights"] = {"spans_entities_f": 1.0}
    pipe.initialize(lambda: [example(nlp, ["Oslo"], [(0, 1, "GPE")], key="entities")], nlp=nlp)
    assert pipe.labels == ("GPE",)


# Encoders


@pytest.mark.parametrize("name", ["no-such/encoder", "{folder}"])
def test_encoder_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    name = name.format(folder=tmp_path)
    nlp, _ = make_pipe(name)
    with pytest.raises(ValueError) as error:
        nlp.initialize(lambda: [example(nlp, ["Oslo"], [(0, 1, "GPE")])])
    assert f"[B005] Can't load the encoder '{name}'" in str(error.value)
    assert f"the folder {Path(name).absolute()}" in str(error.value)


# Settings


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("scorer", "max_span_length", 0),
        ("scorer", "linear_size", 0),
        ("scorer", "width_embedding_size", -1),
        ("scorer", "temperature", 0.0),
        ("text_encoder", "max_batch_wordpieces", 0),
        ("text_encoder", "window", 3),
        ("text_encoder", "attention_dropout", -0.1),
        ("type_encoder", "max_length", 2),
        ("type_encoder", "learn_rate_scale", -1.0),
        ("scorer", "learn_rate_scale", -0.5),
    ],
)
def test_setting_below_its_least(tiny_encoder: str, part: str, setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"B007.*`{setting}`"):
        make_pipe(tiny_encoder, part, **{setting: value})


@pytest.mark.parametrize("stride", [-1, 30, 31])
def test_stride_without_progress(tiny_encoder: str, stride: int) -> None:
    with pytest.raises(ValueError, match=r"B008.*from 0 to 29"):
        make_pipe(tiny_encoder, "text_encoder", window=32, stride=stride)


def test_window_beyond_the_encoders_positions(tiny_encoder: str) -> None:
    nlp, _ = make_pipe(tiny_encoder, "text_encoder", window=513)
    with pytest.raises(ValueError, match=r"B009.*513.*512"):
        nlp.initialize(lambda: [example(nlp, ["Oslo"], [(0, 1, "GPE")])])


def test_sharing_without_weights_to_share(tiny_encoder: str) -> None:
    pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
    config: dict[str, Any] = {"model": {"type_encoder": None}}
    config["model"]["text_encoder"] = {"@architectures": "spacy_binder.TransformerListener.v1", "upstream": "*"}
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match="B012"):
        nlp.add_pipe("binder_ner", config=config)


# Order of calls


@pytest.mark.parametrize(
    "call",
    [
        lambda nlp: nlp("Oslo"),
        lambda nlp: nlp.update([example(nlp, ["Oslo"], [(0, 1, "GPE")])]),
        lambda nlp: nlp.evaluate([example(nlp, ["Oslo"], [(0, 1, "GPE")])]),
    ],
    ids=["call", "update", "evaluate"],
)
def test_use_before_initialize(tiny_encoder: str, call: Callable[[Language], Any]) -> None:
    nlp, pipe = make_pipe(tiny_encoder)
    pipe.add_label("GPE")
    with pytest.raises(ValueError, match="E109"):
        call(nlp)


# Gold spans that can't be learned


def update_twice(nlp: Language, pipe: BinderNER, examples: list[Example], match: str) -> None:
    """Two updates, of which only the first warns."""
    nlp.initialize(lambda: examples)
    with pytest.warns(UserWarning, match=f"BW01.*{match}") as caught:
        nlp.update(examples)
    assert len(caught) == 1
    nlp.update(examples)


def test_gold_spans_that_are_too_long(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder, "scorer", max_span_length=2)
    examples = [example(nlp, ["King", "of", "Norway"], [(0, 3, "PER"), (2, 3, "GPE")])]
    update_twice(nlp, pipe, examples, "1 of 2 gold spans.*1 longer than max_span_length")
    assert +pipe.gold_counts == {"total": 4, "longer than max_span_length": 2}


def test_gold_spans_that_match_no_tokens(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder)
    reference = Doc(nlp.vocab, words=["Oslo", "-", "based", "Olsen"], spaces=[False, False, True, False])
    reference.spans["sc"] = [Span(reference, 0, 1, label="GPE"), Span(reference, 3, 4, label="PER")]
    examples = [Example(Doc(nlp.vocab, words=["Oslo-based", "Olsen"]), reference)]
    update_twice(nlp, pipe, examples, "1 of 2 gold spans.*1 not aligned with tokens")
    assert +pipe.gold_counts == {"total": 2, "not aligned with tokens": 2}


def test_gold_spans_that_every_window_cuts(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder, "text_encoder", window=8, stride=0)
    words = list("abcdefghijkl")
    examples = [example(nlp, words, [(4, 8, "A"), (8, 12, "A")])]
    update_twice(nlp, pipe, examples, "1 of 2 gold spans.*1 cut by every window")
    assert +pipe.gold_counts == {"total": 4, "cut by every window": 2}


def test_gold_spans_of_whitespace(tiny_encoder: str) -> None:
    nlp, pipe = make_pipe(tiny_encoder)
    examples = [example(nlp, ["Oslo", "\n", "Bergen"], [(0, 1, "GPE"), (1, 2, "GPE")])]
    update_twice(nlp, pipe, examples, "1 of 2 gold spans.*1 not aligned with wordpieces")


# Never an error


def test_docs_without_words(tiny_nlp: Language) -> None:
    tiny_nlp.get_pipe("binder_ner").cfg["threshold"] = 0.0
    empty, spaces = [], ["\n", "  ", "\t"]
    docs = [Doc(tiny_nlp.vocab, words=words) for words in (empty, spaces, empty)]
    assert [len(doc.spans["sc"]) for doc in tiny_nlp.pipe(docs)] == [0, 0, 0]


def test_learning_from_docs_without_words_among_others(tiny_nlp: Language) -> None:
    without = [example(tiny_nlp, words, []) for words in ([], ["\n", "  "])]
    alone = tiny_nlp.update(without)["binder_ner"]
    assert alone == 0.0
    losses = tiny_nlp.update([without[0], *demo_examples(tiny_nlp, ["news-01"], max_sentences=1), without[1]])
    assert numpy.isfinite(losses["binder_ner"]) and losses["binder_ner"] > 0


def test_very_long_doc(tiny_nlp: Language) -> None:
    """A hundred thousand tokens, each of which is in some span to the very end of them."""
    pipe = tiny_nlp.get_pipe("binder_ner")
    pipe.cfg["threshold"] = 0.01
    words = ["Oslo", "lies", "in", "Norway", "."] * 20_000
    with pytest.warns(UserWarning, match="BW04"):
        (found,) = pipe.predict([Doc(tiny_nlp.vocab, words=words)])
    # Of too many spans the best are kept, which need not be those of the last words.
    assert len(words) - 10 < found.end.max() <= len(words)
    assert numpy.unique(found.start // 200).size == len(words) // 200
