"""Values that are no numbers ruin no weights, and are told."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from conftest import demo_examples
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_binder.modules.span_scorer import SpanScores
from spacy_binder.pipeline import BinderNER


@pytest.fixture
def pipe(tiny_nlp: Language) -> BinderNER:
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    return pipe


def weights(pipe: BinderNER) -> list[torch.Tensor]:
    modules: list[Any] = [shim for node in pipe.model.walk() for shim in node.shims]
    return [param.detach().clone() for shim in modules for param in shim.module.parameters()]


def with_wrong_gradients(get_loss: Callable, *, loss_too: bool = False) -> Callable:
    """The loss, with one gradient that is no number."""

    def wrong(*args: Any) -> tuple[float, SpanScores]:
        loss, d_scores = get_loss(*args)
        d_scores.span.view(-1)[0] = torch.nan
        return (float("nan") if loss_too else loss), d_scores

    return wrong


def test_step_with_wrong_gradients_is_skipped_and_told_once(
    tiny_nlp: Language, pipe: BinderNER, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = demo_examples(tiny_nlp, ["news-01"], max_sentences=2)
    optimizer = tiny_nlp.create_optimizer()
    tiny_nlp.update(examples, sgd=optimizer)
    before = weights(pipe)
    with monkeypatch.context() as patched:
        patched.setattr(pipe, "get_loss", with_wrong_gradients(pipe.get_loss, loss_too=True))
        with pytest.warns(UserWarning, match=r"BW15.*step 2"):
            losses = tiny_nlp.update(examples, sgd=optimizer)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tiny_nlp.update(examples, sgd=optimizer)
    assert losses == {"binder_ner": 0.0}
    assert all(torch.equal(*pair) for pair in zip(before, weights(pipe), strict=True))
    assert pipe.n_skipped_steps == 2
    tiny_nlp.update(examples, sgd=optimizer)
    after = weights(pipe)
    assert all(param.isfinite().all() for param in after)
    assert any(not torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_training_stops_after_ten_such_steps_in_a_row(
    tiny_nlp: Language, pipe: BinderNER, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = demo_examples(tiny_nlp, ["news-01"], max_sentences=1)
    right, optimizer = pipe.get_loss, tiny_nlp.create_optimizer()
    wrong = with_wrong_gradients(right)
    for get_loss, n in ((wrong, 9), (right, 1), (wrong, 9)):
        monkeypatch.setattr(pipe, "get_loss", get_loss)
        for _ in range(n):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tiny_nlp.update(examples, sgd=optimizer)
    with pytest.raises(ValueError, match=r"B055.*10 training steps in a row"):
        tiny_nlp.update(examples, sgd=optimizer)
    assert pipe.n_skipped_steps == 19


def test_spacy_train_keeps_the_best_pipeline(
    tiny_nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = demo_examples(tiny_nlp, ["news-01"], max_sentences=3)
    DocBin(docs=[example.reference for example in examples]).to_disk(tmp_path / "data.spacy")
    config = tiny_nlp.config.copy()
    for part in ("train", "dev"):
        config["corpora"][part]["path"] = str(tmp_path / "data.spacy")
    config["training"] |= {"max_steps": 40, "eval_frequency": 5}
    config["training"]["logger"] = {"@loggers": "spacy.ConsoleLogger.v3"}
    config.to_disk(tmp_path / "config.cfg")
    right, n_calls = BinderNER.get_loss, [0]

    def get_loss(self: BinderNER, *args: Any) -> Any:
        n_calls[0] += 1
        return right(self, *args) if n_calls[0] <= 6 else with_wrong_gradients(lambda *args: right(self, *args))(*args)

    monkeypatch.setattr(BinderNER, "get_loss", get_loss)
    with pytest.raises(ValueError, match="B055"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\[BW")
        train(tmp_path / "config.cfg", tmp_path / "out")
    best = spacy.load(tmp_path / "out" / "model-best").get_pipe("binder_ner")
    assert isinstance(best, BinderNER)
    assert all(param.isfinite().all() for param in weights(best))


def test_damaged_weights_are_told_at_inference(tiny_nlp: Language, pipe: BinderNER) -> None:
    doc = demo_examples(tiny_nlp, ["news-01"], max_sentences=1)[0].predicted
    shim: Any = pipe.model.get_ref("text_encoder").shims[0]
    next(shim.module.parameters()).data[:] = torch.nan
    with pytest.warns(UserWarning, match=r"BW12.*'binder_ner'"):
        assert len(pipe(doc).spans["sc"]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe(doc)
