"""What is saved, what loading needs, and averaged weights."""

import copy
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy
import pytest
import spacy
import srsly
import torch
from conftest import ASSETS, binder_config, demo_examples, spans_of
from safetensors.torch import load as load_safetensors
from safetensors.torch import load_file
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from thinc.api import Adam

from spacy_binder.layers.module_shim import ModuleShim
from spacy_binder.layers.seal import unseal


@pytest.fixture(scope="module")
def nlp(trained: tuple[Path, Path]) -> Language:
    """The trained pipeline. Not to be changed."""
    return spacy.load(trained[0])


@pytest.fixture(scope="module")
def text(trained: tuple[Path, Path], nlp: Language) -> str:
    """A text that it has learned."""
    return next(DocBin().from_disk(trained[1]).get_docs(nlp.vocab)).text


def shims(nlp: Language) -> list[Any]:
    """The shims of the component."""
    return [shim for node in nlp.get_pipe("binder_ner").model.walk() for shim in node.shims]


def assert_same(one: Doc, other: Doc) -> None:
    assert len(one.spans["sc"]) > 0
    assert spans_of(one) == spans_of(other)
    numpy.testing.assert_allclose(one.spans["sc"].attrs["scores"], other.spans["sc"].attrs["scores"], atol=1e-6)


def through_disk(nlp: Language, folder: Path) -> Language:
    nlp.to_disk(folder)
    return spacy.load(folder)


def through_bytes(nlp: Language, folder: Path) -> Language:
    return spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())


def through_pickle(nlp: Language, folder: Path) -> Language:
    return pickle.loads(pickle.dumps(nlp))


def through_copy(nlp: Language, folder: Path) -> Language:
    return copy.deepcopy(nlp)


def through_source(nlp: Language, folder: Path) -> Language:
    other = spacy.blank("en", vocab=nlp.vocab)
    for name in nlp.pipe_names:
        other.add_pipe(name, source=nlp)
    return other


@pytest.mark.parametrize("through", [through_disk, through_bytes, through_source])
def test_pipelines_survive(
    nlp: Language, text: str, tmp_path: Path, through: Callable[[Language, Path], Language]
) -> None:
    again = through(nlp, tmp_path / "model")
    assert again.get_pipe("binder_ner").label_data == nlp.get_pipe("binder_ner").label_data
    assert_same(again(text), nlp(text))


@pytest.mark.parametrize("through", [through_pickle, through_copy])
def test_pipelines_are_copied_where_those_of_spancat_are(
    tiny_nlp: Language, tmp_path: Path, through: Callable[[Language, Path], Language]
) -> None:
    spancat = spacy.blank("en")
    spancat.add_pipe("spancat").add_label("PER")
    spancat.initialize()
    through(spancat, tmp_path)
    for shim in shims(through(tiny_nlp, tmp_path)):
        assert shim.is_built


@pytest.mark.parametrize("through_folder", [True, False])
def test_components_survive(tiny_nlp: Language, tmp_path: Path, through_folder: bool) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    pipe.cfg["threshold"] = 0.75
    again = spacy.blank("en").add_pipe("binder_ner")
    if through_folder:
        pipe.to_disk(tmp_path / "pipe")
        again.from_disk(tmp_path / "pipe")
    else:
        again.from_bytes(pipe.to_bytes())
    assert again.cfg == pipe.cfg
    assert again.model.to_bytes() == pipe.model.to_bytes()


def test_loading_needs_no_encoder(tiny_encoder: str, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_encoder, tmp_path / "some_encoder")
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(str(folder), threshold=1.0))
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"]))
    nlp.to_disk(tmp_path / "model")
    expected = nlp.to_bytes()
    shutil.rmtree(folder)
    again = spacy.load(tmp_path / "model")
    assert again.get_pipe("binder_ner").to_bytes() == nlp.get_pipe("binder_ner").to_bytes()
    assert again.from_bytes(expected)("Oslo").spans["sc"].attrs["scores"].shape == (0,)


def test_saved_files_know_no_folder_of_this_machine(tiny_encoder: str, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_encoder, tmp_path / "some_encoder")
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(str(folder)))
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"]))
    nlp.to_disk(tmp_path / "model")
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert (tmp_path / "model" / "binder_ner" / "model") in files
    # The config alone says what the encoder was called, as the user wrote it.
    assert [path.name for path in files if b"some_encoder" in path.read_bytes()] == ["config.cfg"]


def weights_file(folder: Path, layer: str) -> Path:
    """The file of an encoder's weights."""
    (path,) = folder.glob(f"{layer}-*.safetensors")
    return path


def test_weights_are_saved_as_safetensors(trained: tuple[Path, Path], nlp: Language) -> None:
    folder = trained[0] / "binder_ner"
    msg = srsly.msgpack_loads(unseal((folder / "model").read_bytes(), "model"))
    msg = srsly.msgpack_loads(msg["model"])
    scorer = srsly.msgpack_loads(unseal(msg["shims"][-1][0], "scorer"))["state"]
    saved = [
        load_file(weights_file(folder, "text_encoder")),
        load_file(weights_file(folder, "type_encoder")),
        load_safetensors(scorer),
    ]
    for state, shim in zip(saved, shims(nlp), strict=True):
        # Those of an encoder have the names that transformers gives them.
        expected = {name.removeprefix("transformer."): value for name, value in shim.module.state_dict().items()}
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], expected[name]) for name in state)


def test_weights_are_on_disk_once(trained: tuple[Path, Path]) -> None:
    folder = trained[0] / "binder_ner"
    assert (folder / "model").stat().st_size < weights_file(folder, "text_encoder").stat().st_size / 10


def test_a_model_file_that_holds_the_weights_loads(
    trained: tuple[Path, Path], nlp: Language, text: str, tmp_path: Path
) -> None:
    """As pipelines were saved at first."""
    copytree(trained[0], tmp_path / "model")
    folder = tmp_path / "model" / "binder_ner"
    weights_file(folder, "text_encoder").unlink()
    weights_file(folder, "type_encoder").unlink()
    (folder / "model").write_bytes(nlp.get_pipe("binder_ner").model.to_bytes())
    with pytest.warns(UserWarning, match=r"BW14.*Save the pipeline anew"):
        again = spacy.load(tmp_path / "model")
    assert_same(again(text), nlp(text))


def test_loading_unpickles_nothing(
    trained: tuple[Path, Path], nlp: Language, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("unpickled")

    monkeypatch.setattr(torch, "load", fail)
    monkeypatch.setattr(pickle, "loads", fail)
    monkeypatch.setattr(pickle, "load", fail)
    monkeypatch.setattr(pickle, "Unpickler", fail)
    assert_same(spacy.load(trained[0])(text), nlp(text))


def test_exclude_leaves_out_the_component_or_parts_of_it(tiny_nlp: Language, tmp_path: Path) -> None:
    tiny_nlp.to_disk(tmp_path / "model", exclude=["binder_ner"])
    assert not (tmp_path / "model" / "binder_ner").exists()
    pipe = tiny_nlp.get_pipe("binder_ner")
    pipe.to_disk(tmp_path / "pipe", exclude=["model"])
    assert sorted(path.name for path in (tmp_path / "pipe").iterdir()) == ["cfg", "vocab"]
    unbuilt = spacy.blank("en").add_pipe("binder_ner")
    unbuilt.from_bytes(pipe.to_bytes(), exclude=["model"])
    assert unbuilt.labels == pipe.labels
    assert not any(shim.is_built for node in unbuilt.model.walk() for shim in node.shims)


def test_averaged_weights_are_used_for_a_while(tiny_nlp: Language) -> None:
    optimizer = Adam(1e-2, use_averages=True)
    examples = demo_examples(tiny_nlp, ["news-01"], max_sentences=2)
    for _ in range(4):
        tiny_nlp.update(examples, sgd=optimizer)
    pipe = tiny_nlp.get_pipe("binder_ner")

    def scores() -> numpy.ndarray:
        pipe.cfg["threshold"] = 0.0
        with pytest.warns(UserWarning, match="BW04"):
            pipe._warned.clear()
            return pipe.predict([examples[0].predicted])[0].margin

    before = scores()
    own = [param for shim in shims(tiny_nlp) for param in shim.module.parameters()]
    weights = [param.detach().clone() for param in own]
    with tiny_nlp.use_params(optimizer.averages):
        assert not numpy.allclose(scores(), before, atol=1e-3)
        for shim in shims(tiny_nlp):
            assert isinstance(shim, ModuleShim)
            for name, param in shim.module.named_parameters():
                numpy.testing.assert_array_equal(param.detach().numpy(), optimizer.averages[shim.id, name])
    assert all(torch.equal(a, b) for a, b in zip(weights, own, strict=True))
    numpy.testing.assert_array_equal(scores(), before)


def test_a_pipeline_that_version_0_1_0_saved_gives_the_same_spans() -> None:
    with pytest.warns(UserWarning, match=r"BW14.*pipeline-0.1.0.*Save the pipeline anew"):
        nlp = spacy.load(ASSETS / "pipeline-0.1.0")
    for expected in srsly.read_json(ASSETS / "pipeline-0.1.0.json"):
        doc = nlp(expected["text"])
        group = doc.spans["sc"]
        assert [[s.start_char, s.end_char, s.label_] for s in group] == [span[:3] for span in expected["spans"]]
        assert group.attrs["scores"].tolist() == pytest.approx([span[3] for span in expected["spans"]], abs=1e-4)
