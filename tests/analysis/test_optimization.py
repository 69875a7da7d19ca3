"""Faster pipelines: what is computed and saved in fewer bits, what is refused, and what is chosen."""

import time
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from conftest import MINILM, binder_config, demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_binder.analysis.component import find_component
from spacy_binder.analysis.optimization import (
    Candidate,
    combinations,
    compare_speed,
    current_choice,
    fastest_within,
    load_in_precision,
    take_sample,
)
from spacy_binder.analysis.reading import read_examples
from spacy_binder.installed import is_installed
from spacy_binder.layers.encoder_shim import EncoderShim
from spacy_binder.layers.openvino import CompiledEncoder
from spacy_binder.layers.seal import unseal

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


@pytest.fixture(scope="module")
def examples(trained: tuple[Path, Path]) -> list[Example]:
    """The sentences with their gold spans."""
    return list(read_examples(spacy.load(trained[0]), "binder_ner", trained[1]))


@pytest.fixture(scope="module")
def quantized(trained: tuple[Path, Path], examples: list[Example]) -> Language:
    """The trained pipeline in int8."""
    if not (is_installed("openvino") and is_installed("nncf")):
        pytest.skip("openvino or nncf isn't installed")
    return load_in_precision(trained[0], "binder_ner", "int8", "openvino", examples)


def test_bfloat16_at_load_finds_nearly_the_same(trained: tuple[Path, Path], texts: list[str]) -> None:
    expected = scores_of(spacy.load(trained[0]), texts)
    found = scores_of(spacy.load(trained[0], config={SETTING: "bfloat16"}), texts)
    assert_nearly_same(found, expected, 0.1)


def assert_nearly_same(found: dict, expected: dict, tolerance: float) -> None:
    assert found != expected
    sure = {span for span, score in expected.items() if score > 0.5 + tolerance}
    assert len(sure) > 10
    assert sure <= found.keys()
    assert all(abs(found[span] - expected[span]) < tolerance for span in sure)


def test_int8_finds_nearly_the_same(trained: tuple[Path, Path], quantized: Language, texts: list[str]) -> None:
    assert_nearly_same(scores_of(quantized, texts), scores_of(spacy.load(trained[0]), texts), 0.3)


def test_int8_round_trips(quantized: Language, texts: list[str], tmp_path: Path) -> None:
    expected = scores_of(quantized, texts)
    quantized.to_disk(tmp_path)
    for loaded in (
        spacy.load(tmp_path),
        spacy.blank("en").from_config(quantized.config).from_bytes(quantized.to_bytes()),
    ):
        found = scores_of(loaded, texts)
        assert found.keys() == expected.keys()
        assert all(abs(found[span] - expected[span]) < 1e-4 for span in expected)


def test_int8_cant_be_trained(quantized: Language) -> None:
    examples = demo_examples(quantized, ["news-01"], max_sentences=2)
    with pytest.raises(ValueError, match=r"\[B017\]"):
        quantized.update(examples, sgd=quantized.resume_training())


def test_int8_goes_when_the_weights_change(quantized: Language, tmp_path: Path) -> None:
    quantized.to_disk(tmp_path)
    config = {SETTING: "float32", "components.binder_ner.model.text_encoder.inference_engine": "torch"}
    nlp = spacy.load(tmp_path, config=config)
    assert shim_of(nlp, "text_encoder").quantized
    nlp.update(demo_examples(nlp, ["news-01"], max_sentences=1), sgd=nlp.resume_training())
    assert not shim_of(nlp, "text_encoder").quantized


def test_int8_has_to_be_made_first(trained: tuple[Path, Path]) -> None:
    if not is_installed("openvino"):
        pytest.skip("openvino isn't installed")
    engine = {"components.binder_ner.model.text_encoder.inference_engine": "openvino"}
    with pytest.raises(ValueError, match=r"\[B043\] .*no int8 copy"):
        spacy.load(trained[0], config={SETTING: "int8", **engine})("Oslo")


def test_int8_of_earlier_versions_is_refused(trained: tuple[Path, Path]) -> None:
    shim = shim_of(spacy.load(trained[0]), "text_encoder")
    msg: Any = srsly.msgpack_loads(unseal(shim.to_bytes(), ""))
    with pytest.raises(ValueError, match=r"\[B041\] .*'int8'.*optimize"):
        EncoderShim().from_bytes(srsly.msgpack_dumps({**msg, "storage": "int8"}))


def test_bfloat16_round_trips_and_is_smaller(
    trained: tuple[Path, Path], texts: list[str], examples: list[Example], tmp_path: Path
) -> None:
    nlp = load_in_precision(trained[0], "binder_ner", "bfloat16", "torch", examples)
    expected = scores_of(nlp, texts)
    assert expected
    nlp.to_disk(tmp_path / "model")
    folders = (trained[0] / "binder_ner", tmp_path / "model" / "binder_ner")
    sizes = [next(folder.glob("text_encoder-*.safetensors")).stat().st_size for folder in folders]
    assert sizes[1] < sizes[0] * 0.52
    loaded = spacy.load(tmp_path / "model")
    found = scores_of(loaded, texts)
    assert found.keys() == expected.keys()
    assert all(abs(found[span] - expected[span]) < 1e-4 for span in expected)
    # Once trained, weights are saved in full again.
    optimizer = loaded.resume_training()
    optimizer.learn_rate = 1e-5
    loaded.update(demo_examples(loaded, ["news-01"], max_sentences=2), sgd=optimizer)
    trained_scores = scores_of(loaded, texts)
    loaded.to_disk(tmp_path / "again")
    again = scores_of(spacy.load(tmp_path / "again"), texts)
    assert again.keys() == trained_scores.keys()
    assert all(abs(again[span] - trained_scores[span]) < 1e-4 for span in again)


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


def candidate(precision: str, f_score: float, speed: float, engine: str = "openvino") -> Candidate:
    return Candidate(precision, engine, spacy.blank("en"), f_score, speed, 1)


def test_the_fastest_within_the_loss_is_chosen() -> None:
    baseline = candidate("float32", 80.0, 100.0, "torch")
    good, better, lossy = (
        candidate("bfloat16", 79.8, 150.0),
        candidate("int8", 79.7, 200.0),
        candidate("int8", 79.6, 300),
    )
    assert fastest_within([good, better, lossy], baseline, 0.31) is better
    assert fastest_within([good, better, lossy], baseline, 0.5) is lossy
    assert fastest_within([lossy], baseline, 0.3) is None


def test_nothing_slower_is_chosen() -> None:
    """Neither than the pipeline as it is, nor than float32 by torch."""
    baseline, slow = candidate("float32", 80.0, 100.0, "torch"), candidate("bfloat16", 80.0, 99.0, "torch")
    assert fastest_within([slow], baseline, 0.3) is None
    as_it_is, plain = candidate("bfloat16", 80.0, 20.0, "torch"), candidate("float32", 79.0, 100.0, "torch")
    assert fastest_within([slow, plain], as_it_is, 0.3) is None
    assert fastest_within([slow, plain], as_it_is, 2.0) is plain


def pipeline(delay: float) -> Language:
    """RETURNS (Language): A pipeline that takes some seconds per doc."""
    nlp = spacy.blank("en")

    name = f"wait_{1000 * delay:.0f}_ms"

    @Language.component(name)
    def wait(doc: Doc) -> Doc:
        time.sleep(delay)
        return doc

    nlp.add_pipe(name)
    return nlp


def test_speed_is_measured_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more docs are read than the sample needs, and a corpus may be smaller than that."""
    monkeypatch.setattr("spacy_binder.analysis.optimization.SAMPLE_SECONDS", 0.1)
    slow, fast = pipeline(0.02), pipeline(0.002)
    read: list[Example] = []
    docs = demo_examples(slow, ["news-01"], max_sentences=1) * 100
    speed, sample = take_sample(slow, (read.append(example) or example for example in docs))
    assert 1 < len(read) == len(sample) < 100
    assert speed < len(sample[0][0]) / 0.02
    assert len(take_sample(fast, docs[:3])[1]) == 3
    assert compare_speed(slow, fast, sample) > 2
    assert compare_speed(fast, slow, sample) < 0.5


def test_engines_are_tried_where_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"openvino", "nncf"}
    monkeypatch.setattr("spacy_binder.analysis.optimization.is_installed", lambda name: name in installed)
    plain, torch16 = ("float32", "torch"), ("bfloat16", "torch")
    by_openvino = [("float32", "openvino"), ("bfloat16", "openvino"), ("int8", "openvino")]
    assert combinations() == [plain, torch16, *by_openvino]
    assert combinations(engine="openvino") == [plain, *by_openvino]
    assert combinations("bfloat16") == [plain, torch16, ("bfloat16", "openvino")]
    assert combinations("int8") == [plain, ("int8", "openvino")]
    assert combinations("float32", "torch") == [plain]
    with pytest.raises(ValueError, match=r"\[B016\] Unknown engine 'onnx'\. There are: auto, torch, openvino\."):
        combinations(engine="onnx")
    installed.discard("nncf")
    assert combinations() == [plain, torch16, *by_openvino[:2]]
    with pytest.raises(ImportError, match=r"\[B021\]"):
        combinations("int8")
    installed.clear()
    assert combinations() == [plain, torch16]
    with pytest.raises(ImportError, match=r"\[B021\]"):
        combinations(engine="openvino")


def test_a_pipeline_for_another_engine_is_loaded_and_saved(
    trained: tuple[Path, Path], texts: list[str], examples: list[Example], tmp_path: Path
) -> None:
    if not is_installed("openvino"):
        pytest.skip("openvino isn't installed")
    expected = scores_of(spacy.load(trained[0]), texts)
    nlp = load_in_precision(trained[0], "binder_ner", "float32", "openvino", examples)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert current_choice(loaded, "binder_ner") == ("float32", "openvino")
    found = scores_of(loaded, texts)
    assert CompiledEncoder in shim_of(loaded, "text_encoder").cache
    assert found.keys() == expected.keys()
    assert all(abs(found[span] - expected[span]) < 1e-4 for span in expected)


def test_a_listener_has_no_encoder_to_optimize() -> None:
    pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer")
    listener = {"@architectures": "spacy_binder.TransformerListener.v1"}
    nlp.add_pipe("binder_ner", config={"model": {"text_encoder": listener, "type_encoder": {"name": MINILM}}})
    with pytest.raises(ValueError, match=r"\[B018\] .*binder_transformer_listener"):
        current_choice(nlp, "binder_ner")
