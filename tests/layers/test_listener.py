"""The listener: windows and vectors of a shared transformer, its gradients, and what it can't use."""

from typing import Any

import numpy
import pytest
import spacy
import torch
from conftest import binder_config, demo_examples, spans_of
from shared_pipelines import (
    LISTENER,
    shared_config,
    shared_examples,
    shared_nlp,
    train,
    transformer_config,
    transformer_of,
    weights_of,
)
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed
from tiny_pipelines import make_nlp

# Windows, vectors and gradients


def listening_nlp(encoder: str) -> tuple[Language, list[Example]]:
    """A pipeline with a shared transformer, initialized, and examples with a doc without tokens among them."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    transformer = {
        "model": {
            "@architectures": "spacy-transformers.TransformerModel.v3",
            "name": encoder,
            "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 60, "stride": 45},
            "tokenizer_config": {"use_fast": True},
        }
    }
    nlp.add_pipe("transformer", config=transformer)
    config = {
        "model": {
            "text_encoder": {"@architectures": "spacy_binder.TransformerListener.v1", "upstream": "*"},
            "type_encoder": {"name": encoder},
        }
    }
    nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=3)
    empty = nlp.make_doc("")
    reference = empty.copy()
    reference.spans["sc"] = []
    examples = [examples[0], Example(empty, reference)]
    nlp.initialize(lambda: examples)
    return nlp, examples


def test_listener_teaches_the_transformer(tiny_encoder: str) -> None:
    nlp, examples = listening_nlp(tiny_encoder)
    transformer = nlp.get_pipe("transformer")
    (shim,) = [shim for node in transformer.model.walk() for shim in node.shims]
    weights = dict(shim._model.named_parameters())
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 2e-3
    losses = [nlp.update(examples, sgd=optimizer)["binder_ner"] for _ in range(60)]
    assert losses[-1] < 0.6 * losses[0]
    changed = [name for name, weight in weights.items() if not torch.equal(weight.detach(), before[name])]
    assert any("word_embeddings" in name for name in changed)
    assert any("layer.1" in name for name in changed)
    docs = list(nlp.pipe(["", examples[0].reference.text, "\n"]))
    assert [len(doc.spans["sc"]) > 0 for doc in docs] == [False, True, False]


def test_listener_teaches_nothing_by_gradients_that_are_no_numbers(
    tiny_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp, examples = listening_nlp(tiny_encoder)
    pipe: Any = nlp.get_pipe("binder_ner")
    (shim,) = [shim for node in nlp.get_pipe("transformer").model.walk() for shim in node.shims]
    before = {name: weight.detach().clone() for name, weight in shim._model.named_parameters()}
    right = pipe.get_loss

    def wrong(*args: Any) -> Any:
        loss, d_scores = right(*args)
        d_scores.span.view(-1)[0] = torch.nan
        return loss, d_scores

    monkeypatch.setattr(pipe, "get_loss", wrong)
    with pytest.warns(UserWarning, match="BW15"):
        nlp.update(examples, sgd=nlp.create_optimizer())
    assert all(torch.equal(weight, before[name]) for name, weight in shim._model.named_parameters())


def test_listener_gives_the_windows_of_an_own_encoder(tiny_encoder: str) -> None:
    nlp, _ = listening_nlp(tiny_encoder)
    text = "The ferry Skarvholm ran aground in Vestfjorden."
    docs = [nlp.make_doc(text), nlp.make_doc(""), nlp.make_doc(" \n"), nlp.make_doc("Bodø \n rescue centre")]
    for doc in docs:
        nlp.get_pipe("transformer")(doc)
    listening = nlp.get_pipe("binder_ner").model.get_ref("text_encoder").predict(docs)
    own_layer = make_nlp(binder_config(tiny_encoder))[1].model.get_ref("text_encoder")
    own = own_layer.predict(docs)
    for field in ("doc", "word_start", "token", "first", "last", "lengths"):
        numpy.testing.assert_array_equal(getattr(listening.windows, field), getattr(own.windows, field), err_msg=field)
    (one,), (other,) = listening.passes, own.passes
    numpy.testing.assert_array_equal(one.batch.rows, other.batch.rows)
    # Whitespace is no wordpiece, so the vectors are the same too.
    for a, b, n in zip(one.vectors, other.vectors, one.batch.lengths.tolist(), strict=True):
        torch.testing.assert_close(a[:n], b[:n], atol=1e-5, rtol=1e-4)


def test_listener_without_transformer_says_so(tiny_encoder: str) -> None:
    nlp, _ = listening_nlp(tiny_encoder)
    with (
        nlp.select_pipes(disable=["transformer"]),
        pytest.raises(ValueError, match=r"B015.*before the component"),
    ):
        nlp("Oslo")


def test_listening_pipeline_survives(tiny_encoder: str, tmp_path: Any) -> None:
    nlp, examples = listening_nlp(tiny_encoder)
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 2e-3
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path)
    text = examples[0].reference.text
    expected = nlp(text)
    assert len(expected.spans["sc"])
    assert spans_of(spacy.load(tmp_path)(text)) == spans_of(expected)


# One transformer, several components


def gradients(nlp: Language, examples: list[Example]) -> dict[str, torch.Tensor]:
    """The gradients that reach the transformer in an update, which has no step."""
    module = transformer_of(nlp)
    # spaCy lets the transformer step before its listeners, by the gradients of the update before.
    module.zero_grad()
    nlp.update(examples, sgd=False, losses={})  # type: ignore[arg-type]
    return {name: weight.grad.clone() for name, weight in module.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("others", [("tagger",), ("ner",), ("tagger", "ner")])
def test_gradients_of_components_add_up(tiny_encoder: str, others: tuple[str, ...]) -> None:
    """What reaches the transformer is the sum of what reaches it in pipelines with one of the components each."""
    nlp, examples = shared_nlp(tiny_encoder, *others, "binder_ner")
    # The last layers of spaCy's components start at zero, and pass no gradient on.
    train(nlp, examples, n_updates=3)
    expected: dict[str, torch.Tensor] = {}
    for name in (*others, "binder_ner"):
        alone, _ = shared_nlp(tiny_encoder, name)
        for same in ("transformer", name):
            alone.get_pipe(same).from_bytes(nlp.get_pipe(same).to_bytes())  # type: ignore[attr-defined]
        found = gradients(alone, examples)
        assert found["encoder.layer.0.output.dense.weight"].abs().max() > 1e-4
        for weight, gradient in found.items():
            expected[weight] = expected.get(weight, torch.zeros_like(gradient)) + gradient
    together = gradients(nlp, examples)
    assert together.keys() == expected.keys()
    for weight, gradient in together.items():
        torch.testing.assert_close(gradient, expected[weight], atol=1e-5, rtol=1e-3)


def test_components_learn_together(tiny_encoder: str) -> None:
    nlp, examples = shared_nlp(tiny_encoder, "tagger", "binder_ner", "ner")
    before = weights_of(transformer_of(nlp))
    losses = train(nlp, examples)
    for name in ("tagger", "binder_ner", "ner"):
        assert losses[-1][name] < 0.7 * losses[0][name], name
    changed = [
        name for name, weight in weights_of(transformer_of(nlp)).items() if not torch.equal(weight, before[name])
    ]
    assert any("layer.0" in name for name in changed)
    assert any("layer.1" in name for name in changed)
    doc = nlp(examples[0].reference.text)
    assert doc.spans["sc"]
    assert {token.tag_ for token in doc} == {"NAME", "OTHER"}


# Tokens that the transformer cuts off


def cut_off_nlp(encoder: str) -> tuple[Language, list[Example]]:
    """A pipeline whose transformer takes 32 wordpieces of windows of 60 tokens."""
    return shared_nlp(encoder, "binder_ner", window=60, stride=60, model_max_length=32)


def expected_cut_off(nlp: Language, text: str, *, window: int = 60, stride: int = 60, most: int = 32) -> list[int]:
    """The tokens that no window has among its first wordpieces, by the tokenizer itself."""
    tokenizer = nlp.get_pipe("transformer").model.tokenizer  # type: ignore[attr-defined]
    doc = nlp.make_doc(text)
    kept = set()
    for start in range(0, len(doc), stride):
        span = doc[start : start + window]
        offsets = tokenizer(span.text, return_offsets_mapping=True, verbose=False)["offset_mapping"][1:most]
        end = max(b for _, b in offsets)
        kept |= {token.i for token in span if token.idx - span.start_char < end}
        if start + window >= len(doc):
            break
    return [token.i for token in doc if token.i not in kept and not token.is_space]


def test_tokens_that_are_cut_off_are_told(tiny_encoder: str) -> None:
    nlp, examples = cut_off_nlp(tiny_encoder)
    text = examples[0].reference.text
    lost = expected_cut_off(nlp, text)
    assert len(lost) > 10
    first = nlp.make_doc(text)[lost[0]].text
    with pytest.warns(UserWarning, match=rf"BW17.* {len(lost)} token\(s\) of 1 document.*'{first}'.*window") as caught:
        doc = nlp(text)
    assert len(caught) == 1
    assert all(token not in lost for span in doc.spans["sc"] for token in (span.start, span.end - 1))
    # Once, also for other texts.
    nlp(text + " Oslo")


def test_gold_spans_on_tokens_that_are_cut_off_are_counted(tiny_encoder: str) -> None:
    nlp, examples = cut_off_nlp(tiny_encoder)
    gold = examples[0].reference
    lost = expected_cut_off(nlp, gold.text)
    n_lost = sum(span.start in lost or span.end - 1 in lost for span in gold.spans["sc"])
    assert 0 < n_lost < len(gold.spans["sc"])
    with pytest.warns(UserWarning) as caught:
        train(nlp, examples, n_updates=2)
    assert sorted(str(warning.message)[:6] for warning in caught) == ["[BW01]", "[BW17]"]
    pipe: Any = nlp.get_pipe("binder_ner")
    assert pipe.gold_counts["not aligned with wordpieces"] == 2 * n_lost


def test_overlap_of_windows_saves_what_one_of_them_cuts_off(tiny_encoder: str) -> None:
    """A token that another window has is not lost, but at the end of a doc there is none."""
    nlp, examples = shared_nlp(tiny_encoder, "binder_ner", window=30, stride=10, model_max_length=26)
    text = examples[0].reference.text
    lost = expected_cut_off(nlp, text, window=30, stride=10, most=26)
    assert 0 < len(lost) < 10 < len(expected_cut_off(nlp, text, window=30, stride=30, most=26))
    with pytest.warns(UserWarning, match=rf"BW17.* {len(lost)} token\(s\)"):
        nlp(text)


def test_tokens_without_wordpieces_are_not_taken_for_cut_off(tiny_encoder: str) -> None:
    """The tokenizer drops a zero-width space, whatever the window."""
    nlp, _ = shared_nlp(tiny_encoder, "binder_ner")
    doc = nlp("Bodø \u200b rescue \u200b")
    assert len(doc) == 4


def test_windows_are_not_longer_than_the_transformer_takes(tiny_encoder: str) -> None:
    nlp, examples = cut_off_nlp(tiny_encoder)
    docs = [examples[0].predicted]
    nlp.get_pipe("transformer")(docs[0])
    with pytest.warns(UserWarning, match="BW17"):
        encoded = nlp.get_pipe("binder_ner").model.get_ref("text_encoder").predict(docs)  # type: ignore[attr-defined]
    assert encoded.windows.lengths.max() == 32
    for windows in encoded.passes:
        assert windows.batch.last.max() < windows.vectors.shape[1]


# What can't be used


def test_listener_without_transformer_in_training_says_so(tiny_encoder: str) -> None:
    nlp, _ = shared_nlp(tiny_encoder, "binder_ner")
    fresh = shared_examples(nlp)
    with pytest.raises(ValueError, match=r"B015.*annotating_components"):
        nlp.update(fresh, sgd=nlp.create_optimizer(), exclude=["transformer"])
    # If it annotates, it may be frozen.
    nlp.update(fresh, sgd=nlp.create_optimizer(), exclude=["transformer"], annotates=["transformer"])


@pytest.mark.parametrize("place", ["nowhere", "behind", "other name"])
def test_initialize_without_transformer_says_so(tiny_encoder: str, place: str) -> None:
    nlp = spacy.blank("en")
    config = shared_config(tiny_encoder)
    if place == "other name":
        config["model"]["tok2vec"]["upstream"] = "trf"
        nlp.add_pipe("transformer", config=transformer_config(tiny_encoder))
    nlp.add_pipe("binder_ner", config=config)
    if place == "behind":
        nlp.add_pipe("transformer", config=transformer_config(tiny_encoder))
    examples = shared_examples(nlp)
    with pytest.raises(ValueError, match=r"B063.*comes before.*upstream"):
        nlp.initialize(lambda: examples)


@pytest.mark.parametrize("name", ["TransformerListener", "TextEncoder"])
def test_shared_binder_needs_a_listener(tiny_encoder: str, name: str) -> None:
    config = shared_config(tiny_encoder)
    wrong = {"@architectures": f"spacy_binder.{name}.v1"}
    config["model"]["tok2vec"] = wrong if name == "TransformerListener" else {**wrong, "name": tiny_encoder}
    with pytest.raises(ValueError, match=r"B062.*SharedTransformer"):
        spacy.blank("en").add_pipe("binder_ner", config=config)


def test_shared_binder_takes_no_pooling_listener(tiny_encoder: str) -> None:
    config = shared_config(tiny_encoder)
    config["model"]["tok2vec"] = LISTENER
    with pytest.raises(ValueError, match=r"B062.*SharedTransformer"):
        spacy.blank("en").add_pipe("binder_ner", config=config)


@pytest.mark.parametrize(
    "block",
    [
        LISTENER,
        {"@architectures": "spacy_binder.SharedTransformer.v1"},
        transformer_config("any")["model"],
        {"@architectures": "spacy.Tok2VecListener.v1", "width": 8},
    ],
    ids=["pooling", "bare", "transformer", "tok2vec"],
)
def test_binder_takes_no_other_text_encoder(tiny_encoder: str, block: dict[str, Any]) -> None:
    config = binder_config(tiny_encoder)
    config["model"]["text_encoder"] = block
    with pytest.raises(ValueError, match=r"B064.*SharedBinder"):
        spacy.blank("en").add_pipe("binder_ner", config=config)


def test_types_of_a_shared_binder_need_a_name(tiny_encoder: str) -> None:
    config = shared_config(tiny_encoder)
    config["model"]["type_encoder"]["name"] = None
    with pytest.raises(ValueError, match=r"B012.*type_encoder\.name = null"):
        spacy.blank("en").add_pipe("binder_ner", config=config)
    config["model"]["type_encoder"] = {"@architectures": "spacy_binder.SharedTypeEncoder.v1"}
    with pytest.raises(ValueError, match=r"B012.*SharedTypeEncoder"):
        spacy.blank("en").add_pipe("binder_ner", config=config)
