"""Fewer bits: what is computed, what is saved, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from conftest import MINILM, binder_config, demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_binder.analysis.component import find_component
from spacy_binder.analysis.optimization import Candidate, combinations, fastest_within, load_in_precision
from spacy_binder.layers.encoder_shim import EncoderShim
from spacy_binder.layers.openvino import CompiledEncoder, openvino_is_installed
from spacy_binder.modules.quantization import Int8Linear, quantize

SETTING = "components.binder_ner.model.text_encoder.inference_precision"


@pytest.fixture(scope="module")
def texts(trained: tuple[Path, Path]) -> list[str]:
    """The sentences that the trained pipeline has learned."""
    return [doc.text for doc in DocBin().from_disk(trained[1]).get_docs(spacy.blank("en").vocab)]


def shim_of(nlp: Language, ref: str) -> EncoderShim:
    pipe: Any = nlp.get_pipe("binder_ner")
    return pipe.model.get_ref(ref).shims[0]


def scores_of(nlp: Language, texts: list[str]) -> dict[tuple[int, int, int, str], float]:
    found = {}
    for i, doc in enumerate(nlp.pipe(texts)):
        for span, score in zip(spans_of(doc), doc.spans["sc"].attrs["scores"], strict=True):
            found[(i, *span)] = float(score)
    return found


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.1), ("int8", 0.3)])
def test_a_precision_chosen_at_load_finds_nearly_the_same(
    trained: tuple[Path, Path], texts: list[str], precision: str, tolerance: float
) -> None:
    expected = scores_of(spacy.load(trained[0]), texts)
    found = scores_of(spacy.load(trained[0], config={SETTING: precision}), texts)
    assert found != expected
    sure = {span for span, score in expected.items() if score > 0.5 + tolerance}
    assert len(sure) > 10
    assert sure <= found.keys()
    assert all(abs(found[span] - expected[span]) < tolerance for span in sure)


def test_8_bits_at_load_leave_the_weights_alone(trained: tuple[Path, Path], texts: list[str]) -> None:
    nlp = spacy.load(trained[0], config={SETTING: "int8"})
    before = {name: value.clone() for name, value in shim_of(nlp, "text_encoder").module.state_dict().items()}
    nlp(texts[0])
    shim = shim_of(nlp, "text_encoder")
    quantized = shim.cache[quantize]
    assert any(isinstance(layer, Int8Linear) for layer in quantized.modules())
    assert not any(isinstance(layer, Int8Linear) for layer in shim.module.modules())
    # What isn't a linear layer is shared, not copied.
    assert quantized.get_input_embeddings().weight is shim.module.get_input_embeddings().weight
    assert all(torch.equal(value, before[name]) for name, value in shim.module.state_dict().items())


def test_a_type_of_a_shared_encoder_may_be_described_as_int8(tiny_encoder: str) -> None:
    config = binder_config(tiny_encoder)
    config["model"]["type_encoder"] = None
    config["model"]["text_encoder"]["inference_precision"] = "int8"
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=config)
    pipe.add_label("PRECISION", "int8")  # type: ignore[attr-defined]
    nlp.initialize()
    first = scores_of(nlp, ["in int8", "or not"])
    assert scores_of(nlp, ["in int8", "or not"]) == first


def test_the_8_bit_copy_follows_the_weights(trained: tuple[Path, Path], texts: list[str]) -> None:
    nlp = spacy.load(trained[0], config={SETTING: "int8"})
    before = scores_of(nlp, texts)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 1e-5
    nlp.update(examples, sgd=optimizer)
    assert scores_of(nlp, texts) != before


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_an_optimized_pipeline_round_trips_and_is_smaller(
    trained: tuple[Path, Path], texts: list[str], precision: str, tmp_path: Path
) -> None:
    nlp = load_in_precision(trained[0], "binder_ner", precision)
    expected = scores_of(nlp, texts)
    assert expected
    nlp.to_disk(tmp_path / "model")
    sizes = [(p / "binder_ner" / "text_encoder.safetensors").stat().st_size for p in (trained[0], tmp_path / "model")]
    assert sizes[1] < sizes[0] * (0.52 if precision == "bfloat16" else 0.4)
    for loaded in (
        spacy.load(tmp_path / "model"),
        spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()),
    ):
        found = scores_of(loaded, texts)
        assert found.keys() == expected.keys()
        assert all(abs(found[span] - expected[span]) < 1e-4 for span in expected)


def test_8_bit_weights_cant_be_trained(trained: tuple[Path, Path]) -> None:
    nlp = load_in_precision(trained[0], "binder_ner", "int8")
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    with pytest.raises(ValueError, match=r"\[B017\]"):
        nlp.update(examples, sgd=nlp.resume_training())


def test_16_bit_weights_are_saved_in_full_once_trained(
    trained: tuple[Path, Path], texts: list[str], tmp_path: Path
) -> None:
    nlp = load_in_precision(trained[0], "binder_ner", "bfloat16")
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 1e-5
    nlp.update(demo_examples(nlp, ["news-01"], max_sentences=2), sgd=optimizer)
    expected = scores_of(nlp, texts)
    nlp.to_disk(tmp_path)
    found = scores_of(spacy.load(tmp_path), texts)
    assert found.keys() == expected.keys()
    assert all(abs(found[span] - expected[span]) < 1e-4 for span in expected)


def test_an_unknown_precision_is_refused(tiny_encoder: str) -> None:
    config = binder_config(tiny_encoder)
    config["model"]["text_encoder"]["inference_precision"] = "int4"
    with pytest.raises(ValueError, match=r"\[B016\] Unknown precision 'int4'\. There are: float32, bfloat16, int8\."):
        spacy.blank("en").add_pipe("binder_ner", config=config)


def test_the_component_is_found_or_has_to_be_named(tiny_encoder: str) -> None:
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match=r"\[B019\] The pipeline has 0 .*: none"):
        find_component(nlp)
    nlp.add_pipe("binder_ner", name="people", config=binder_config(tiny_encoder))
    assert find_component(nlp) == "people"
    nlp.add_pipe("binder_ner", name="places", config=binder_config(tiny_encoder))
    with pytest.raises(ValueError, match=r"\[B019\] The pipeline has 2 .*people, places"):
        find_component(nlp)
    assert find_component(nlp, "places") == "places"
    with pytest.raises(ValueError, match=r"\[B016\] Unknown component 'things'"):
        find_component(nlp, "things")


def test_the_fastest_within_the_loss_is_chosen() -> None:
    nlp = spacy.blank("en")
    baseline = Candidate("float32", "torch", nlp, 80.0, 100.0, 10)
    good, better, lossy = (
        Candidate("bfloat16", "torch", nlp, 79.8, 150.0, 5),
        Candidate("int8", "torch", nlp, 79.7, 200.0, 3),
        Candidate("int8", "torch", nlp, 79.6, 300.0, 3),
    )
    assert fastest_within([good, better, lossy], baseline, 0.31) is better
    assert fastest_within([good, better, lossy], baseline, 0.5) is lossy
    assert fastest_within([lossy], baseline, 0.3) is None


def test_engines_are_tried_where_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_binder.analysis.optimization.openvino_is_installed", lambda: True)
    by_torch = [("bfloat16", "torch"), ("int8", "torch")]
    by_openvino = [("float32", "openvino"), ("bfloat16", "openvino")]
    assert combinations() == by_torch + by_openvino
    assert combinations(engine="openvino") == by_openvino
    assert combinations("bfloat16") == [("bfloat16", "torch"), ("bfloat16", "openvino")]
    assert combinations("int8", "openvino") == combinations("float32", "torch") == []
    with pytest.raises(ValueError, match=r"\[B016\] Unknown engine 'onnx'\. There are: auto, torch, openvino\."):
        combinations(engine="onnx")
    monkeypatch.setattr("spacy_binder.analysis.optimization.openvino_is_installed", lambda: False)
    assert combinations() == by_torch
    with pytest.raises(ImportError, match=r"\[B021\]"):
        combinations(engine="openvino")


def test_a_pipeline_for_another_engine_is_loaded_and_saved(
    trained: tuple[Path, Path], texts: list[str], tmp_path: Path
) -> None:
    if not openvino_is_installed():
        pytest.skip("openvino isn't installed")
    expected = scores_of(spacy.load(trained[0]), texts)
    nlp = load_in_precision(trained[0], "binder_ner", "float32", "openvino")
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    found = scores_of(loaded, texts)
    assert CompiledEncoder in shim_of(loaded, "text_encoder").cache
    assert found.keys() == expected.keys()
    assert all(abs(found[span] - expected[span]) < 1e-4 for span in expected)


def test_a_listener_has_no_encoder_to_optimize(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer")
    listener = {"@architectures": "spacy_binder.TransformerListener.v1"}
    nlp.add_pipe("binder_ner", config={"model": {"text_encoder": listener, "type_encoder": {"name": MINILM}}})
    nlp.to_disk(tmp_path)
    with pytest.raises(ValueError, match=r"\[B018\] .*TransformerListener"):
        load_in_precision(tmp_path, "binder_ner", "int8")
