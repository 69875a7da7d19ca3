"""Threads that share a pipeline, and processes that are forked from one."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from conftest import binder_config, demo_examples, spans_of
from families import FAMILIES, make_encoder
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.util import fix_random_seed
from torch import nn

N_THREADS = 8


@pytest.fixture(scope="module")
def texts(trained: tuple[Path, Path]) -> list[str]:
    """The sentences that the trained pipeline has learned."""
    return [doc.text for doc in DocBin().from_disk(trained[1]).get_docs(spacy.blank("en").vocab)]


@pytest.fixture(scope="module", params=["separate", "shared"])
def saved(
    request: pytest.FixtureRequest, trained: tuple[Path, Path], small_encoder: str, tmp_path_factory: Any
) -> Path:
    """A pipeline on disk that finds spans, whose encoders share their weights or don't."""
    if request.param == "separate":
        return trained[0]
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = binder_config(small_encoder, threshold=0.3)
    config["model"]["type_encoder"] = None
    config["model"]["scorer"] = {"learn_rate_scale": 10.0}
    nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 5e-4
    for _ in range(15):
        nlp.update(examples, sgd=optimizer)
    folder = tmp_path_factory.mktemp("shared")
    nlp.to_disk(folder)
    return folder


def shims_of(nlp: Language) -> list[Any]:
    pipe: Any = nlp.get_pipe("binder_ner")
    return [shim for node in pipe.model.walk() for shim in node.shims]


def in_training_mode(nlp: Language) -> list[str]:
    """RETURNS (list[str]): Those modules of a pipeline that are in training mode."""
    return [name for shim in shims_of(nlp) for name, module in shim.module.named_modules() if module.training]


def scores_of(nlp: Language, texts: list[str]) -> list[Any]:
    docs = nlp.pipe(texts, batch_size=3)
    return [(spans_of(doc), doc.spans["sc"].attrs["scores"].tolist()) for doc in docs]


def in_threads(work: Callable[[], Any]) -> list[Any]:
    """RETURNS (list): What some threads return, or raise, that start at the same time."""
    results: list[Any] = []
    barrier = threading.Barrier(N_THREADS)

    def run() -> None:
        barrier.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_threads_that_predict_first_at_once_give_what_one_gives(saved: Path, texts: list[str]) -> None:
    expected = scores_of(spacy.load(saved), texts)
    assert sum(len(spans) for spans, _ in expected) > 5
    for _ in range(3):
        nlp = spacy.load(saved)
        assert in_threads(lambda nlp=nlp: scores_of(nlp, texts)) == [expected] * N_THREADS


def test_predictions_change_no_mode(saved: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = spacy.load(saved)
    expected = scores_of(nlp, texts)
    nlp = spacy.load(saved)

    def fail(module: nn.Module, mode: bool = True) -> None:
        raise AssertionError("a mode was changed")

    monkeypatch.setattr(nn.Module, "train", fail)
    assert scores_of(nlp, texts) == expected


def test_modules_are_in_training_mode_only_while_they_learn(saved: Path, tiny_nlp: Language) -> None:
    nlp = spacy.load(saved)
    assert not in_training_mode(nlp)
    assert not in_training_mode(tiny_nlp)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    modes: list[bool] = []
    for shim in shims_of(nlp):
        shim.module.register_forward_hook(lambda module, *_: modes.append(module.training))
    nlp.update(examples, sgd=nlp.resume_training())
    assert all(modes)
    assert len(modes) >= len(shims_of(nlp))
    assert not in_training_mode(nlp)

    def fail(*_: Any) -> None:
        raise MemoryError

    for shim in shims_of(nlp):
        handle = shim.module.register_forward_pre_hook(fail)
        with pytest.raises(MemoryError):
            nlp.update(examples)
        assert not in_training_mode(nlp)
        handle.remove()


@pytest.mark.filterwarnings("ignore:.*BW16")
def test_predictions_do_not_change_a_tokenizer(saved: Path, texts: list[str]) -> None:
    """Its file says that it cuts off and pads. Another thread may use it while that is changed, which is an error."""
    nlp = spacy.load(saved)
    pipe: Any = nlp.get_pipe("binder_ner")
    pipe.add_label("LONG", "a description that is too long " * 40)
    tokenizers = [shim.tokenizer.backend_tokenizer for shim in shims_of(nlp)[:-1]]

    def states() -> list[Any]:
        return [(tokenizer.truncation, tokenizer.padding) for tokenizer in tokenizers]

    assert states() == [(None, None)] * len(tokenizers)
    nlp(texts[0])
    assert states() == [(None, None)] * len(tokenizers)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_first_predictions_leave_layers_in_place(family: str, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(make_encoder(family, tmp_path / "encoder"), threshold=1.0))
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=2))
    nlp = nlp.from_bytes(nlp.to_bytes())
    modules = [list(shim.module.modules()) for shim in shims_of(nlp)]
    nlp("Oslo is a city in Norway.")
    assert [list(shim.module.modules()) for shim in shims_of(nlp)] == modules


# Forks

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Lets torch use two threads."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(n_threads)


def in_fork(work: Callable[[], int]) -> int:
    """RETURNS (int): What a function returns in a fork of this process, -9 where it doesn't end."""
    child = os.fork()
    if not child:
        try:
            os._exit(work())
        finally:
            os._exit(255)
    for _ in range(200):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@needs_fork
@pytest.mark.usefixtures("two_threads")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_only_forks_that_use_the_component_are_limited_to_one_thread(tiny_nlp: Language) -> None:
    text = "Oslo is a city in Norway. " * 30
    tiny_nlp.get_pipe("binder_ner").cfg["threshold"] = 1.0
    tiny_nlp(text)
    assert in_fork(torch.get_num_threads) == 2

    def predict() -> int:
        tiny_nlp(text)
        return torch.get_num_threads()

    assert in_fork(predict) == 1
    # A fork of a fork.
    assert in_fork(lambda: in_fork(torch.get_num_threads)) == 2
    assert torch.get_num_threads() == 2


@needs_fork
@pytest.mark.usefixtures("two_threads")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_forks_of_spacy_use_one_thread_from_the_start(tiny_nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other components that use torch may come first, such as a transformer."""
    import multiprocessing

    monkeypatch.setattr("spacy.language.mp", multiprocessing.get_context("fork"))
    tiny_nlp.get_pipe("binder_ner").cfg["threshold"] = 1.0

    @Language.component("note_threads")
    def note_threads(doc: Any) -> Any:
        doc.user_data["threads"] = torch.get_num_threads()
        return doc

    tiny_nlp.add_pipe("note_threads", first=True)
    docs = list(tiny_nlp.pipe(["Oslo", "Bergen"], n_process=2, batch_size=1))
    assert [doc.user_data["threads"] for doc in docs] == [1, 1]
    assert torch.get_num_threads() == 2
