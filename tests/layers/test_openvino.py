"""OpenVINO as engine: the same vectors and spans, kept no longer than the weights, and refused where it can't be."""

import copy
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy
import pytest
import spacy
import torch
from conftest import binder_config, demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import DocBin
from srsly import cloudpickle
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, RobertaConfig, RobertaModel

from spacy_binder.installed import is_installed
from spacy_binder.layers.encoder_shim import EncoderShim
from spacy_binder.layers.openvino import CompiledEncoder, compile_encoder
from spacy_binder.modules.encoder import Encoder
from spacy_binder.text.windows import WindowBatch

BLOCK = "components.binder_ner.model.text_encoder"
SIZES = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
ENCODERS = [
    (BertModel, BertConfig(**SIZES, intermediate_size=64)),
    (RobertaModel, RobertaConfig(**SIZES, intermediate_size=64)),
    (DistilBertModel, DistilBertConfig(vocab_size=100, dim=32, n_layers=2, n_heads=4, hidden_dim=64)),
]


@pytest.fixture
def installed() -> None:
    """Skips where there is no openvino. It isn't imported here, because then it would report that to its makers."""
    if not is_installed("openvino"):
        pytest.skip("openvino isn't installed")


@pytest.fixture(scope="module")
def texts(trained: tuple[Path, Path]) -> list[str]:
    """The sentences that the trained pipeline has learned."""
    return [doc.text for doc in DocBin().from_disk(trained[1]).get_docs(spacy.blank("en").vocab)]


def load(model: Path, **settings: object) -> Language:
    settings = {"inference_engine": "openvino", **settings}
    return spacy.load(model, config={f"{BLOCK}.{name}": value for name, value in settings.items()})


def shim_of(nlp: Language) -> EncoderShim:
    pipe: Any = nlp.get_pipe("binder_ner")
    return pipe.model.get_ref("text_encoder").shims[0]


def scores_of(nlp: Language, texts: list[str], **options: Any) -> dict[tuple[int, int, int, str], float]:
    return {
        (i, *span): float(score)
        for i, doc in enumerate(nlp.pipe(texts, **options))
        for span, score in zip(spans_of(doc), doc.spans["sc"].attrs["scores"], strict=True)
    }


def assert_same(found: dict, expected: dict) -> None:
    assert len(expected) > 10
    assert found.keys() == expected.keys()
    assert max(abs(found[span] - expected[span]) for span in expected) < 1e-4


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("kind", "config"), ENCODERS, ids=["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("word_shapes", [False, True])
def test_vectors_are_those_of_torch_for_windows_of_any_shape(kind: Any, config: Any, word_shapes: bool) -> None:
    torch.manual_seed(0)
    shim = EncoderShim()
    shim.set_module(Encoder(kind(config), word_shapes=word_shapes))
    if word_shapes:
        torch.nn.init.normal_(shim.module.word_shapes.weight)
    before = {name: value.clone() for name, value in shim.module.state_dict().items()}
    encoder = CompiledEncoder(shim, "float32", 1)
    assert not shim.module.training
    assert all(param.requires_grad for param in shim.module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in shim.module.state_dict().items())
    random = numpy.random.default_rng(0)
    for lengths in ([1], [40, 3, 17], [5, 5], [90] * 20):
        lengths = numpy.array(lengths)
        shape = (len(lengths), lengths.max())
        input_ids, shapes = random.integers(3, 100, shape), random.integers(0, 8, shape)
        inside = numpy.arange(shape[1]) < lengths[:, None]
        input_ids[~inside] = config.pad_token_id
        vectors = encoder(WindowBatch(lengths, input_ids, shapes, lengths, lengths, lengths, lengths))
        expected = shim.encode(input_ids, lengths, shapes, is_train=False, mixed_precision=False)
        assert vectors.dtype == torch.float32
        torch.testing.assert_close(vectors[inside], expected[inside], atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("installed")
def test_spans_and_scores_are_those_of_torch(trained: tuple[Path, Path], texts: list[str]) -> None:
    expected = scores_of(spacy.load(trained[0]), texts)
    assert_same(scores_of(load(trained[0]), texts), expected)
    found = scores_of(load(trained[0], inference_precision="bfloat16"), texts)
    assert {span for span, score in expected.items() if score > 0.6} <= found.keys()


@pytest.mark.usefixtures("installed")
def test_what_is_compiled_is_kept_until_the_weights_change(trained: tuple[Path, Path], texts: list[str]) -> None:
    nlp = load(trained[0])
    cache = shim_of(nlp).cache
    assert CompiledEncoder not in cache
    before = scores_of(nlp, texts)
    encoder = cache[CompiledEncoder]
    scores_of(nlp, texts[:1])
    assert cache[CompiledEncoder] is encoder
    shim = shim_of(nlp)
    averages = {(shim.id, name): param.detach().numpy() * 0.9 for name, param in shim.module.named_parameters()}
    with shim.use_params(averages):
        assert scores_of(nlp, texts) != before
    assert_same(scores_of(nlp, texts), before)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 1e-4
    nlp.update(demo_examples(nlp, ["news-01"], max_sentences=2), sgd=optimizer)
    assert CompiledEncoder not in cache
    assert scores_of(nlp, texts) != before


@pytest.mark.usefixtures("installed")
def test_threads_are_those_of_torch(tiny_nlp: Language) -> None:
    threads = torch.get_num_threads()
    try:
        # OpenVINO starts no more threads than the process may use processors.
        for n in range(1, min(2, len(os.sched_getaffinity(0))) + 1):
            torch.set_num_threads(n)
            encoder = compile_encoder(shim_of(tiny_nlp), "float32")
            assert encoder.made_for == ("float32", n)
            assert encoder._compiled.get_property("INFERENCE_NUM_THREADS") == n
    finally:
        torch.set_num_threads(threads)


@pytest.mark.usefixtures("installed")
def test_threads_share_what_is_compiled(tiny_nlp: Language) -> None:
    """Each one gets the vectors of its own windows."""
    encoder = compile_encoder(shim_of(tiny_nlp), "float32")

    def make_batch(length: int) -> WindowBatch:
        lengths = numpy.full(4, length)
        input_ids = numpy.random.default_rng(length).integers(1000, 20000, (4, length))
        return WindowBatch(lengths, input_ids, input_ids, lengths, lengths, lengths, lengths)

    batches = [make_batch(length) for length in range(20, 28)]
    expected = [encoder(batch) for batch in batches]
    barrier = Barrier(len(batches))

    def encode(batch: WindowBatch) -> list[torch.Tensor]:
        barrier.wait()
        return [encoder(batch) for _ in range(10)]

    with ThreadPoolExecutor(len(batches)) as threads:
        for found, vectors in zip(threads.map(encode, batches), expected, strict=True):
            torch.testing.assert_close(found, [vectors] * 10, atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("installed")
def test_pipelines_with_a_compiled_encoder_are_saved_and_copied(
    trained: tuple[Path, Path], texts: list[str], tmp_path: Path
) -> None:
    nlp = load(trained[0])
    expected = scores_of(nlp, texts)
    nlp.to_disk(tmp_path)
    for other in (
        spacy.load(tmp_path),
        spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()),
        cloudpickle.loads(cloudpickle.dumps(nlp)),
    ):
        assert CompiledEncoder not in shim_of(other).cache
        assert_same(scores_of(other, texts), expected)
    shim = shim_of(nlp)
    assert CompiledEncoder in shim.cache
    assert not copy.deepcopy(shim).cache


@pytest.mark.usefixtures("installed")
def test_an_encoder_that_cant_be_traced_is_named() -> None:
    class Stubborn(torch.nn.Module):
        def forward(self, **inputs: Any) -> Any:
            raise RuntimeError("not me\nat all")

    shim = EncoderShim()
    shim.set_module(Encoder(Stubborn()))
    with pytest.raises(ValueError, match=r"\[B022\] .*class Stubborn.* The cause: not me$"):
        CompiledEncoder(shim, "float32", 1)


def config_with(encoder: str, **settings: object) -> dict:
    config = binder_config(encoder)
    config["model"]["text_encoder"].update({"inference_engine": "openvino", **settings})
    return config


def test_other_precisions_devices_and_engines_are_refused(
    tiny_encoder: str, trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = spacy.blank("en")
    with pytest.raises(
        ValueError, match=r"\[B042\] The engine 'torch' can't .* int8\. It can in float32 or bfloat16.*made again"
    ):
        nlp.add_pipe(
            "binder_ner", config=config_with(tiny_encoder, inference_engine="torch", inference_precision="int8")
        )
    with pytest.raises(ValueError, match=r"\[B016\] Unknown engine 'onnx'\. There are: torch, openvino\."):
        nlp.add_pipe("binder_ner", config=config_with(tiny_encoder, inference_engine="onnx"))
    monkeypatch.setattr("spacy_binder.layers.openvino.is_installed", lambda _: True)
    nlp = load(trained[0])
    monkeypatch.setattr(shim_of(nlp), "_model", shim_of(nlp).module.to("meta"))
    with pytest.raises(ValueError, match=r"\[B020\] .*is on the device 'meta'"):
        nlp("A text.")


def test_a_missing_package_is_named(tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_binder.layers.openvino.is_installed", lambda _: False)
    with pytest.raises(ImportError, match=r"\[B021\] .*spacy-binder\[openvino\]"):
        spacy.blank("en").add_pipe("binder_ner", config=config_with(tiny_encoder))


@pytest.mark.usefixtures("installed")
def test_a_process_reports_nothing_to_the_makers_and_can_be_forked(
    trained: tuple[Path, Path], texts: list[str]
) -> None:
    """OpenVINO sends who imports and converts what; with its stand-in for that, it doesn't. Forks don't hang."""
    code = f"""
import multiprocessing, os, spacy, sys, torch
torch.set_num_threads(2)
texts = {texts!r}
nlp = spacy.load({str(trained[0])!r}, config={{"{BLOCK}.inference_engine": "openvino"}})
assert "openvino" not in sys.modules
expected = [doc.to_json() for doc in nlp.pipe(texts)]
assert "openvino" in sys.modules and "openvino_telemetry" not in sys.modules
if hasattr(os, "fork"):
    multiprocessing.set_start_method("fork")
    assert [doc.to_json() for doc in nlp.pipe(texts, n_process=2, batch_size=1)] == expected
    fork = os.fork()
    if not fork:
        nlp.get_pipe("binder_ner").model.get_ref("text_encoder").shims[0].cache.clear()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 7
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
