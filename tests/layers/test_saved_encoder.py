"""Pipelines that others made: what their files ask for is refused by name, before anything is built or written."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
from conftest import binder_config, demo_examples
from families import make_encoder
from safetensors.torch import load, save
from spacy.language import Language

from spacy_binder.layers import saved_encoder
from spacy_binder.layers.encoder_shim import EncoderShim
from spacy_binder.layers.seal import unseal
from spacy_binder.pipeline import BinderNER

KERNEL = "someone/attention:forward"


def shim_of(nlp: Language, ref: str = "text_encoder") -> Any:
    pipe = nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    return pipe.model.get_ref(ref).shims[0]


@pytest.fixture(scope="module")
def given(tiny_encoder: str) -> EncoderShim:
    """An encoder as it is saved. Not to be changed."""
    shim = EncoderShim()
    shim.load(tiny_encoder, tokenizer_config={}, transformer_config={})
    return shim


def load_changed(given: EncoderShim, change: Callable[[dict[str, Any]], object]) -> EncoderShim:
    """RETURNS (EncoderShim): The encoder, loaded from bytes that somebody changed."""
    message: Any = srsly.msgpack_loads(unseal(given.to_bytes(), ""))
    change(message)
    return EncoderShim().from_bytes(srsly.msgpack_dumps(message))


def test_unchanged_bytes_load(given: EncoderShim) -> None:
    found = load_changed(given, lambda message: None)
    assert found.module.config.to_dict() == {**given.module.config.to_dict(), "_name_or_path": ""}
    state = found.module.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in given.module.state_dict().items())
    text = "Oslo lies in Norway."
    assert found.tokenizer(text)["input_ids"] == given.tokenizer(text)["input_ids"]


@pytest.mark.parametrize("name", ["../../x", "{folder}/x", "sub/vocab.txt", "..", "", "modeling.py", "tokenizer.py"])
def test_only_known_names_of_tokenizer_files(
    given: EncoderShim, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain names that transformers gives, so nothing is written elsewhere."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a" / "b"))
    (tmp_path / "a" / "b").mkdir(parents=True)
    name = name.format(folder=tmp_path)
    with pytest.raises(ValueError, match=r"\[B023\] the tokenizer's files: "):
        load_changed(given, lambda message: message["tokenizer"].update({name: b"x"}))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "name, value",
    [
        ("auto_map", {"AutoModel": "modeling.Mine"}),
        ("_attn_implementation", KERNEL),
        ("attn_implementation", KERNEL),
        ("kernel_config", {"RMSNorm": "someone/layers:RMSNorm"}),
        ("quantization_config", {"quant_method": "someone"}),
        ("trust_remote_code", True),
        ("backbone", "someone/model"),
        ("_experts_implementation", "someone"),
        ("experts_implementation", "someone"),
    ],
)
@pytest.mark.parametrize("inner", [False, True], ids=["outer", "inner"])
def test_settings_of_an_encoder_that_decide_which_code_runs(
    given: EncoderShim, name: str, value: Any, inner: bool
) -> None:
    setting = {"text_config": [{name: value}]} if inner else {name: value}
    with pytest.raises(ValueError, match=rf"\[B023\] the config of the encoder: `{name}` is refused"):
        load_changed(given, lambda message: message["config"].update(setting))


@pytest.mark.parametrize(
    "name, value",
    [
        ("auto_map", {"AutoTokenizer": [None, "tokenizer.Mine"]}),
        ("vocab_file", "/etc/passwd"),
        ("tokenizer_file", "/etc/passwd"),
        ("init_inputs", ["/etc/passwd"]),
        ("sp_model_kwargs", {"model_file": "/etc/passwd"}),
    ],
)
def test_settings_of_a_tokenizer_that_name_code_or_files(given: EncoderShim, name: str, value: Any) -> None:
    def change(message: dict[str, Any]) -> None:
        files = message["tokenizer"]
        settings = {**json.loads(files["tokenizer_config.json"]), name: value}
        files["tokenizer_config.json"] = json.dumps(settings).encode()

    with pytest.raises(ValueError, match=r"\[B023\] tokenizer_config\.json: "):
        load_changed(given, change)


SIZES = [
    ("num_hidden_layers", 100_000),
    ("hidden_size", 4_000_000),
    ("intermediate_size", 2_000_000_000),
    ("vocab_size", 2_000_000_000),
    ("max_position_embeddings", 10**12),
    ("type_vocab_size", 10**9),
    ("num_hidden_layers", 3),
    ("hidden_size", 64),
]


@pytest.mark.parametrize("on_disk", [False, True], ids=["bytes", "disk"])
@pytest.mark.parametrize("name, value", SIZES)
def test_sizes_that_are_not_those_of_the_weights(
    tiny_nlp: Language, given: EncoderShim, name: str, value: int, on_disk: bool, tmp_path: Path
) -> None:
    """They are refused before time or memory is spent on them."""
    started = time.monotonic()
    if on_disk:
        shim = shim_of(tiny_nlp)
        shim.module.config.update({name: value})
        tiny_nlp.to_disk(tmp_path)
        with pytest.raises(ValueError, match=r"\[B027\]"):
            spacy.load(tmp_path)
    else:
        with pytest.raises(ValueError, match=r"\[B027\]"):
            load_changed(given, lambda message: message["config"].update({name: value}))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["linear_size", "text_width", "width_embedding_size", "max_span_length"])
def test_sizes_of_a_span_scorer(tiny_nlp: Language, name: str) -> None:
    shim = shim_of(tiny_nlp, "scorer")
    message: Any = srsly.msgpack_loads(unseal(shim.to_bytes(), ""))
    message["settings"][name] = 10**11
    with pytest.raises(ValueError, match=r"\[B027\].*the weights of the span scorer"):
        shim.from_bytes(srsly.msgpack_dumps(message))


def test_modules_that_others_build_have_no_limit(given: EncoderShim) -> None:
    load_changed(given, lambda message: None)
    assert torch.nn.Linear(2000, 2000).weight.numel() == 4_000_000
    assert saved_encoder._budget.left is None


@pytest.mark.parametrize(
    "content",
    [
        [],
        None,
        {},
        {"model_type": "no such family"},
        {"model_type": ["bert"]},
        {"model_type": "bert", "hidden_size": "a"},
    ],
    ids=str,
)
def test_config_that_is_none(given: EncoderShim, content: Any) -> None:
    if content is None:
        # An encoder that was never built.
        assert not load_changed(given, lambda message: message.update(config=None)).is_built
        return
    with pytest.raises(ValueError, match=r"\[B027\].*encoder"):
        load_changed(given, lambda message: message.update(config=content))


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe"])
def test_damaged_tokenizer(given: EncoderShim, name: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\[B027\].*(the tokenizer's files|tokenizer_config\.json)"):
        load_changed(given, lambda message: message["tokenizer"].update({name: content}))


def with_whole_numbers(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.to(torch.int8) for name, tensor in weights.items()}


def with_another_shape(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor[..., :-1].contiguous() for name, tensor in weights.items()}


def without_a_weight(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(list(weights.items())[1:])


@pytest.mark.parametrize("change", [with_whole_numbers, with_another_shape, without_a_weight])
def test_weights_that_are_not_those_of_the_encoder(given: EncoderShim, change: Callable[[dict], dict]) -> None:
    with pytest.raises(ValueError, match=r"\[B027\].*the weights of the encoder"):
        load_changed(given, lambda message: message.update(state=save(change(load(message["state"])))))


def test_weights_cut_short(given: EncoderShim) -> None:
    with pytest.raises(ValueError, match=r"\[B027\].*the weights of the encoder"):
        load_changed(given, lambda message: message.update(state=message["state"][:-100]))


def test_missing_file_of_weights(tiny_nlp: Language, tmp_path: Path) -> None:
    tiny_nlp.to_disk(tmp_path)
    [path] = (tmp_path / "binder_ner").glob("text_encoder*.safetensors")
    path.unlink()
    with pytest.raises(ValueError, match=r"\[B0..\].*text_encoder"):
        spacy.load(tmp_path)


@pytest.mark.parametrize("part", ["text_encoder", "type_encoder"])
@pytest.mark.parametrize(
    "setting, options",
    [
        ("transformer_config", {"trust_remote_code": True}),
        ("tokenizer_config", {"trust_remote_code": True}),
        ("transformer_config", {"attn_implementation": KERNEL}),
        ("transformer_config", {"auto_map": {"AutoModel": "someone/x--modeling.Mine"}}),
    ],
)
def test_options_of_a_config(tiny_encoder: str, part: str, setting: str, options: dict[str, Any]) -> None:
    """A config is part of a saved pipeline, and `initialize` would use them."""
    config = binder_config(tiny_encoder)
    config["model"][part][setting] = options
    with pytest.raises(ValueError, match=rf"\[B023\] `{setting}`: `{next(iter(options))}` is refused"):
        spacy.blank("en").add_pipe("binder_ner", config=config)


def test_other_options_of_a_config(tiny_encoder: str) -> None:
    config = binder_config(tiny_encoder)
    config["model"]["text_encoder"]["transformer_config"] = {"attn_implementation": "eager", "trust_remote_code": False}
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=config)
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=1))
    assert shim_of(nlp).module.config._attn_implementation == "eager"


def test_encoder_with_code_of_its_own_is_not_run(tiny_encoder: str, tmp_path: Path) -> None:
    """It would ask on standard input whether to run it."""
    for path in Path(tiny_encoder).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(str(tmp_path)))
    with pytest.raises(ValueError, match=r"\[B005\]"):
        nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=1))
    assert not (tmp_path / "was_run").exists()


# Other versions of transformers


@pytest.mark.parametrize("family", ["deberta", "xlm-roberta", "xlnet"])
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_tokenizers_are_loaded_as_they_were_saved(family: str, tmp_path: Path) -> None:
    """Also one that is unlike the own tokenizer of its family, and whatever class the file names."""
    shim = EncoderShim()
    shim.load(make_encoder(family, tmp_path), tokenizer_config={}, transformer_config={})

    def save_elsewhere(message: dict[str, Any]) -> None:
        files = message["tokenizer"]
        settings = json.loads(files["tokenizer_config.json"])
        settings |= {"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<mask>"]}
        files["tokenizer_config.json"] = json.dumps(settings).encode()

    found = load_changed(shim, save_elsewhere)
    texts = ["12,000 naïve Café-goers (in Bergen, 4 May 1911) didn't read the “notes”.", " Oslo", "東京<mask> x"]
    assert found.tokenizer(texts)["input_ids"] == shim.tokenizer(texts)["input_ids"]
    assert found.tokenizer.pad_token_id == shim.tokenizer.pad_token_id


def test_loading_needs_no_network(tiny_nlp: Language, tmp_path: Path) -> None:
    """Neither by the tokenizer nor by the encoder, where a hub could be asked."""
    tiny_nlp.to_disk(tmp_path)
    code = f"""
import sys
sys.addaudithook(lambda event, args: event in ("socket.connect", "socket.getaddrinfo") and print("asked", event, args))
import spacy
from huggingface_hub.constants import HF_HUB_OFFLINE
assert not HF_HUB_OFFLINE
spacy.load({str(tmp_path)!r})("Oslo lies in Norway.")
"""
    online = {
        name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=online)
    assert done.returncode == 0, done.stderr
    assert "asked" not in done.stdout
