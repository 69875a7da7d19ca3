"""The thinc glue: the text encoder, the listener, and torch's Adam with thinc's settings."""

import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from conftest import binder_config, demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam, Model, RAdam
from torch import nn

from spacy_binder.layers import encoder_shim as shim_module
from spacy_binder.layers.adam import TorchAdam
from spacy_binder.layers.module_shim import ModuleShim

# The text encoder


def text_encoder_of(encoder: str, docs: list[Doc], **settings: Any) -> Model:
    """An initialized text encoder of the component's own."""
    config = binder_config(encoder)
    config["model"]["text_encoder"].update(settings)
    pipe = spacy.blank("en").add_pipe("binder_ner", config=config)
    layer = pipe.model.get_ref("text_encoder")
    layer.initialize(docs)
    return layer


@pytest.mark.parametrize("budget", [32, 70, 1000])
def test_passes_hold_no_more_wordpieces_than_allowed(tiny_encoder: str, budget: int) -> None:
    nlp = spacy.blank("en")
    docs = [example.predicted for example in demo_examples(nlp, ["news-01", "law-01"])]
    layer = text_encoder_of(tiny_encoder, docs, window=32, max_batch_wordpieces=budget)
    encoded = layer.predict(docs)
    sizes, rows = [], []
    for windows in encoded.passes:
        sizes.append(windows.batch.input_ids.size)
        rows.extend(windows.batch.rows.tolist())
        assert windows.vectors.shape == (*windows.batch.input_ids.shape, 32)
    assert max(sizes) <= budget
    assert sorted(rows) == list(range(len(encoded.windows)))
    assert len(sizes) >= encoded.windows.lengths.sum() / budget


def test_docs_of_several_vocabs_in_a_batch(trained: tuple[Path, Path]) -> None:
    nlp = spacy.load(trained[0])
    texts = [doc.text for doc in DocBin().from_disk(trained[1]).get_docs(spacy.blank("en").vocab)]
    made = [spacy.blank("en").make_doc(text) if i % 2 else nlp.make_doc(text) for i, text in enumerate(texts)]
    docs = list(nlp.pipe(made))
    assert len({id(doc.vocab) for doc in docs}) > 1
    assert sum(len(doc.spans["sc"]) for doc in docs) > 5
    assert [spans_of(doc) for doc in docs] == [spans_of(doc) for doc in nlp.pipe(texts)]


def test_token_longer_than_a_window_is_reported_once(tiny_encoder: str) -> None:
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["a", "xyz" * 30, "b"])
    layer = text_encoder_of(tiny_encoder, [doc], window=16, stride=2)
    with pytest.warns(UserWarning, match=r"BW03.* 1 token.*the 14 that.*'xyzxyz") as caught:
        encoded = layer.predict([doc])
    assert len(caught) == 1
    assert sorted(set(encoded.windows.token.tolist())) == [0, 1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.predict([doc])


def test_attention_without_dropout(tiny_encoder: str) -> None:
    """All of its dropout is gone, and stays so in what is saved; the other layers' is there."""
    nlp = spacy.blank("en")
    config = binder_config(tiny_encoder)
    config["model"]["text_encoder"]["attention_dropout"] = 0.0
    nlp.add_pipe("binder_ner", config=config)
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"]))
    again = spacy.blank("en")
    again.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    again.from_bytes(nlp.to_bytes())
    for pipeline in (nlp, again):
        model: Any = pipeline.get_pipe("binder_ner")
        encoder = model.model.get_ref("text_encoder").shims[0].module
        attention = encoder.transformer.encoder.layer[0].attention
        assert (attention.self.dropout.p, attention.output.dropout.p) == (0.0, 0.1)


def test_encoder_without_a_name_for_attention_dropout(tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_module, "ATTENTION_DROPOUTS", ("dropout_of_attention",))
    nlp = spacy.blank("en")
    config = binder_config(tiny_encoder)
    config["model"]["text_encoder"]["attention_dropout"] = 0.0
    nlp.add_pipe("binder_ner", config=config)
    with pytest.raises(ValueError, match=r"B040.*has no dropout_of_attention"):
        nlp.initialize(lambda: demo_examples(nlp, ["news-01"]))


def test_vectors_are_those_of_transformers(tiny_encoder: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    nlp = spacy.blank("en")
    docs = [nlp.make_doc("The ferry Skarvholm ran aground."), nlp.make_doc("Bodø rescue centre")]
    layer = text_encoder_of(tiny_encoder, docs)
    (encoded,) = layer.predict(docs).passes
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    module = AutoModel.from_pretrained(tiny_encoder).eval()
    for row, vectors in zip(encoded.batch.rows.tolist(), encoded.vectors, strict=True):
        with torch.no_grad():
            expected = module(**tokenizer(docs[row].text, return_tensors="pt")).last_hidden_state[0]
        torch.testing.assert_close(vectors[: len(expected)], expected, atol=1e-5, rtol=1e-4)


def test_settings_are_in_attrs_and_come_from_the_config(tiny_nlp: Language, tmp_path: Any) -> None:
    """Those of the config hold over those that were saved; what the weights depend on is restored."""
    tiny_nlp.to_disk(tmp_path)
    block = "components.binder_ner.model"
    config = {
        f"{block}.text_encoder.window": 40,
        f"{block}.type_encoder.max_length": 9,
        f"{block}.scorer.max_span_length": 2,
    }
    model = spacy.load(tmp_path, config=config).get_pipe("binder_ner").model
    assert model.get_ref("text_encoder").attrs["settings"].window == 40
    assert model.get_ref("type_encoder").attrs["settings"].max_length == 9
    assert model.get_ref("scorer").attrs["max_span_length"] == 30


# The listener


def listening_nlp(encoder: str) -> tuple[Language, list[Example]]:
    """A pipeline with a shared transformer, initialized, and examples with a doc without tokens among them."""
    pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
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
    own = text_encoder_of(tiny_encoder, docs).predict(docs)
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


# Adam


def two_layers() -> nn.Sequential:
    """A small module, always with the same weights; its second layer needs no gradient for the bias."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    module[2].bias.requires_grad_(False)
    return module


def make_gradients(module: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    (module(torch.randn(5, 4)) ** 2).sum().backward()


@pytest.mark.parametrize("weight_decay", [True, False])
def test_adam_is_that_of_torch(weight_decay: bool) -> None:
    ours, theirs = two_layers(), two_layers()
    settings = {"beta1": 0.8, "beta2": 0.9, "eps": 1e-6, "L2": 0.1, "grad_clip": 0.5}
    adam = TorchAdam(Adam(0.01, L2_is_weight_decay=weight_decay, **settings), ours)
    kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
    trainable = [param for param in theirs.parameters() if param.requires_grad]
    reference = kind(trainable, lr=0.03, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1)
    for step in range(5):
        make_gradients(ours, step)
        make_gradients(theirs, step)
        adam.step(0, learn_rate_scale=3.0)
        nn.utils.clip_grad_norm_(trainable, 0.5)
        reference.step()
        reference.zero_grad()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
        assert a.grad is None


def test_adam_and_its_averages_are_those_of_thinc() -> None:
    """One shim steps with torch, the other parameter by parameter with thinc's optimizer."""
    settings: dict[str, Any] = {"L2": 0.0, "grad_clip": 0.0, "use_averages": True, "eps": 1e-8}
    optimizers = [Adam(0.01, **settings) for _ in range(2)]
    shims = []
    for _ in optimizers:
        shim = ModuleShim(two_layers)
        shim.build()
        shims.append(shim)
    for step in range(6):
        for shim, optimizer in zip(shims, optimizers, strict=True):
            make_gradients(shim.module, step)
            if shim is shims[0]:
                shim.finish_update(optimizer)
            else:
                shim._step(optimizer, shim.module)
            optimizer.step_schedules()
    ours, theirs = optimizers[0].averages, optimizers[1].averages
    assert ours and theirs
    named = [dict(shim.module.named_parameters()) for shim in shims]
    for name, weight in named[0].items():
        torch.testing.assert_close(weight, named[1][name], atol=1e-5, rtol=1e-4)
        if weight.requires_grad:
            mine, thincs = ours[shims[0].id, name], theirs[shims[1].id, name]
            numpy.testing.assert_allclose(mine.ravel(), thincs.ravel(), atol=1e-5)
            assert not numpy.allclose(mine.ravel(), weight.detach().numpy().ravel(), atol=1e-4)


def test_learn_rate_follows_its_schedule() -> None:
    module = nn.Linear(1, 1, bias=False)
    optimizer = Adam(0.0)
    adam = TorchAdam(optimizer, module)
    before = module.weight.item()
    module.weight.grad = torch.ones(1, 1)
    adam.step(0, 1.0)
    assert module.weight.item() == before
    optimizer.learn_rate = 0.5
    module.weight.grad = torch.ones(1, 1)
    adam.step(0, 1.0)
    # Adam's first steps on a constant gradient are as long as the learning rate.
    assert before - module.weight.item() == pytest.approx(0.5, rel=1e-3)


def test_other_optimizers_step_too(tiny_nlp: Language) -> None:
    examples = demo_examples(tiny_nlp, ["news-01"], max_sentences=2)
    optimizer = RAdam(2e-3)
    losses = [tiny_nlp.update(examples, sgd=optimizer)["binder_ner"] for _ in range(12)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("setting", ["mixed_precision", "gradient_checkpointing"])
def test_memory_savers_learn_the_same(tiny_encoder: str, setting: str) -> None:
    """The loss of a first update in bfloat16, or with activations computed twice, is that of the plain one."""
    losses = []
    for value in (False, True):
        fix_random_seed(0)
        nlp = spacy.blank("en")
        config = binder_config(tiny_encoder)
        no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        config["model"]["text_encoder"].update({setting: value, "transformer_config": no_dropout})
        config["model"]["type_encoder"]["transformer_config"] = no_dropout
        nlp.add_pipe("binder_ner", config=config)
        examples = demo_examples(nlp, ["news-01"])
        optimizer = nlp.initialize(lambda examples=examples: examples)
        losses.append([nlp.update(examples, sgd=optimizer, drop=0.0)["binder_ner"] for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], rel=0.02 if setting == "mixed_precision" else 1e-4)
