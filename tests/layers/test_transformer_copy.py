"""What a saved pipeline may hold of a transformer inside a component."""

import json
import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
from shared_pipelines import shared_config, shared_nlp, transformer_config

from spacy_binder.layers.transformer_copy import CheckedShim


@pytest.fixture(scope="module")
def saved(tiny_encoder: str) -> bytes:
    """What is saved of the copy of a transformer."""
    nlp, _ = shared_nlp(tiny_encoder, "binder_ner")
    nlp.replace_listeners("transformer", "binder_ner", ["model.tok2vec"])
    layer: Any = nlp.get_pipe("binder_ner").model.get_ref("text_encoder")  # type: ignore[attr-defined]
    return layer.layers[0].layers[0].layers[0].shims[0].to_bytes()


def shim_of(encoder: str, **options: Any) -> CheckedShim:
    """The shim of a transformer that a component has from its config."""
    config = shared_config(encoder)
    config["model"]["tok2vec"] = {**transformer_config(encoder)["model"], **options}
    pipe: Any = spacy.blank("en").add_pipe("binder_ner", config=config)
    shim = pipe.model.get_ref("text_encoder").layers[0].layers[0].layers[0].shims[0]
    assert isinstance(shim, CheckedShim)
    return shim


def test_a_copy_loads_what_was_saved(saved: bytes, tiny_encoder: str) -> None:
    shim = shim_of(tiny_encoder).from_bytes(saved)
    expected = torch.load(BytesIO(srsly.msgpack_loads(saved)["state"]))  # type: ignore[index]
    found = shim._model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(weight, expected[name]) for name, weight in found.items())


class Hostile:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return Path.touch, (Path("unpickled"),)  # type: ignore[return-value]


def set_config(msg: dict[str, Any]) -> None:
    msg["config"]["auto_map"] = {"AutoModel": "code.Model"}


def set_size(msg: dict[str, Any]) -> None:
    msg["config"]["num_hidden_layers"] = 500


def set_argument(msg: dict[str, Any]) -> None:
    msg["tokenizer"]["kwargs"]["trust_remote_code"] = True


def set_file(msg: dict[str, Any]) -> None:
    msg["tokenizer"]["code.py"] = b"raise SystemExit"


def set_setting(msg: dict[str, Any]) -> None:
    settings = json.loads(msg["tokenizer"]["tokenizer_config.json"])
    settings["auto_map"] = {"AutoTokenizer": ["code.Tokenizer", None]}
    msg["tokenizer"]["tokenizer_config.json"] = json.dumps(settings).encode()


def set_weights(msg: dict[str, Any]) -> None:
    msg["state"] = pickle.dumps(Hostile())


def set_option(msg: dict[str, Any]) -> None:
    msg["config"], msg["_init_tokenizer_config"] = {}, {"trust_remote_code": True}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (set_config, "B023"),
        (set_size, "B027"),
        (set_argument, "B023"),
        (set_file, "B023"),
        (set_setting, "B023"),
        (set_weights, "B027"),
        (set_option, "B023"),
    ],
)
def test_what_a_copy_may_not_hold(
    saved: bytes, tiny_encoder: str, change: Callable, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    msg: Any = srsly.msgpack_loads(saved)
    change(msg)
    with pytest.raises(ValueError, match=code):
        shim_of(tiny_encoder).from_bytes(srsly.msgpack_dumps(msg))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("setting", ["tokenizer_config", "transformer_config"])
def test_options_of_a_copy(tiny_encoder: str, setting: str) -> None:
    with pytest.raises(ValueError, match=rf"B023.*{setting}.*trust_remote_code"):
        shim_of(tiny_encoder, **{setting: {"trust_remote_code": True}})
