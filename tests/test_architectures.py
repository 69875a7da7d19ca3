"""What the architectures wire together: which encoder the types get, and whether a config survives spaCy's commands."""

import math
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from conftest import binder_config, demo_examples
from families import make_encoder
from spacy.cli._util import app
from spacy.language import Language
from spacy.util import fix_random_seed, load_config
from thinc.api import Adam, Optimizer
from transformers import AutoModel, AutoTokenizer
from typer.testing import CliRunner

from spacy_binder.architectures import build_shared_type_encoder
from spacy_binder.pipeline import BinderNER

BLOCK = "components.binder_ner.model"
SPARSE = f"""
[nlp]
lang = "en"
pipeline = ["binder_ner"]

[components]

[components.binder_ner]
factory = "binder_ner"

[{BLOCK}]
@architectures = "spacy_binder.Binder.v1"

[{BLOCK}.text_encoder]
@architectures = "spacy_binder.TextEncoder.v1"
name = "{{encoder}}"

[initialize]

[initialize.components]

[initialize.components.binder_ner]
labels = ["GPE", "PER"]
"""


def families_of(nlp: Language) -> list[str]:
    """RETURNS (list[str]): The families of the text encoder and of the type encoder."""
    model: Any = nlp.get_pipe("binder_ner").model  # type: ignore[attr-defined]
    return [model.get_ref(ref).shims[0].module.config.model_type for ref in ("text_encoder", "type_encoder")]


def initialized(nlp: Language) -> Language:
    examples = demo_examples(nlp, ["news-01"], max_sentences=1)
    nlp.initialize(lambda: examples)
    return nlp


def test_types_follow_the_name_of_the_text_encoder(tmp_path: Path) -> None:
    encoder = make_encoder("distilbert", tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config={"model": {"text_encoder": {"name": encoder}}})
    assert families_of(initialized(nlp)) == ["distilbert", "distilbert"]


def test_types_may_have_another_encoder(tmp_path: Path) -> None:
    text, types = make_encoder("distilbert", tmp_path / "text"), make_encoder("mpnet", tmp_path / "types")
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config={"model": {"text_encoder": {"name": text}, "type_encoder": {"name": types}}})
    assert families_of(initialized(nlp)) == ["distilbert", "mpnet"]


def test_types_follow_in_configs_that_spacy_fills_and_builds(tmp_path: Path) -> None:
    """`init fill-config`, `debug config` and `assemble`, then a save, a load, and a load with another name."""
    encoder = make_encoder("distilbert", tmp_path / "encoder")
    (tmp_path / "sparse.cfg").write_text(SPARSE.format(encoder=encoder), encoding="utf8")
    filled = str(tmp_path / "filled.cfg")
    for arguments in (
        ["init", "fill-config", str(tmp_path / "sparse.cfg"), filled],
        ["debug", "config", filled, "--paths.train", "train.spacy", "--paths.dev", "dev.spacy"],
        ["assemble", filled, str(tmp_path / "assembled")],
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    model = load_config(filled)["components"]["binder_ner"]["model"]
    assert (model["text_encoder"]["name"], model["type_encoder"]["name"]) == (encoder, None)
    nlp = spacy.load(tmp_path / "assembled")
    assert families_of(nlp) == ["distilbert", "distilbert"]
    nlp.to_disk(tmp_path / "saved")
    assert families_of(spacy.load(tmp_path / "saved")) == ["distilbert", "distilbert"]
    other = make_encoder("mpnet", tmp_path / "other")
    nlp = spacy.load(tmp_path / "saved", config={f"{BLOCK}.text_encoder.name": other})
    nlp.initialize()
    assert families_of(nlp) == ["mpnet", "mpnet"]


def test_types_with_the_weights_of_the_text_encoder(tiny_encoder: str, tmp_path: Path) -> None:
    """By the mean over the wordpieces. The weights are saved once, and learn from both."""
    shared = {"@architectures": "spacy_binder.SharedTypeEncoder.v1", "pooling": "mean", "max_length": 6}
    nlp = spacy.blank("en")
    config = binder_config(tiny_encoder)
    nlp.add_pipe("binder_ner", config={"model": {**config["model"], "type_encoder": shared}})
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    optimizer = nlp.initialize(lambda: examples)
    text, inputs = "names of ferries and other ships", {"max_length": 6, "truncation": True, "return_tensors": "pt"}
    with torch.no_grad():
        [states] = (
            AutoModel.from_pretrained(tiny_encoder)
            .eval()(**AutoTokenizer.from_pretrained(tiny_encoder)(text, **inputs))
            .last_hidden_state
        )
    pipe: Any = nlp.get_pipe("binder_ner")
    assert len(states) == 6
    torch.testing.assert_close(pipe.model.layers[1].predict([text])[0], states.mean(0), atol=1e-5, rtol=1e-5)
    nlp.update(examples, sgd=optimizer)
    vector = pipe.model.layers[1].predict([text])
    nlp.to_disk(tmp_path)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1
    again: Any = spacy.load(tmp_path).get_pipe("binder_ner")
    assert torch.equal(again.model.layers[1].predict([text]), vector)
    with pytest.raises(ValueError, match=r"B016.*pooling.*cls, mean"):
        build_shared_type_encoder(pooling="max")


def steps_of(encoder: str, scale: float) -> list[list[torch.Tensor]]:
    """RETURNS (list[list[Tensor]]): What one update changes in the weights of text and type encoder."""
    config = binder_config(encoder)
    config["model"]["type_encoder"]["learn_rate_scale"] = scale
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    fix_random_seed(0)
    nlp.initialize(lambda: examples)
    weights = [list(layer.shims[0].module.parameters()) for layer in pipe.model.layers[:2]]
    before = [[one.clone() for one in of_layer] for of_layer in weights]
    # With such an eps a step depends on the size of the gradient.
    pipe.update(examples, sgd=Adam(0.5, eps=1.0, L2=0.0))
    return [[(a - b).detach() for a, b in zip(*pair, strict=True)] for pair in zip(weights, before, strict=True)]


def test_the_type_encoder_can_learn_more_slowly(tiny_encoder: str) -> None:
    """Each step of its weights is a part of a step at the full rate. The text encoder learns as before."""
    text, types = steps_of(tiny_encoder, 1.0)
    same_text, slow_types = steps_of(tiny_encoder, 0.25)
    assert max(float(step.abs().max()) for step in types) > 1e-4
    torch.testing.assert_close(same_text, text)
    torch.testing.assert_close(slow_types, [0.25 * step for step in types], atol=1e-6, rtol=1e-4)


def test_types_cannot_follow_a_listener() -> None:
    """It has no encoder of its own, and MiniLM beside another family would be a surprise."""
    pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
    listener = {"@architectures": "spacy_binder.TransformerListener.v1", "upstream": "*"}
    with pytest.raises(ValueError, match=r"B012.*type_encoder\.name = null"):
        spacy.blank("en").add_pipe("binder_ner", config={"model": {"text_encoder": listener}})


@pytest.mark.parametrize("together", [False, True])
def test_gradients_are_clipped_together(tiny_encoder: str, together: bool) -> None:
    """By the norm over all modules, as in the published code, so that they keep their proportions."""
    config = binder_config(tiny_encoder)
    config["model"]["clip_together"] = together
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=config)
    assert isinstance(pipe, BinderNER)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    nlp.initialize(lambda: examples)
    # Two updates make one step.
    for _ in range(2):
        pipe.update(examples)
    shims: list[Any] = [shim for node in pipe.model.walk() for shim in node.shims]
    modules = [[param for param in shim.module.parameters() if param.grad is not None] for shim in shims]
    norms = [math.sqrt(sum(float((param.grad.double() ** 2).sum()) for param in params)) for params in modules]
    assert len(norms) == 3
    clip = min(norms) / 2
    if together:
        norms = [math.sqrt(sum(norm**2 for norm in norms))] * 3
    expected = {}
    for params, norm in zip(modules, norms, strict=True):
        for param in params:
            gradient = param.grad * (clip / norm)
            # Adam's first step. With such an eps it depends on the size of the gradient.
            expected[param] = param.detach() - 0.5 * gradient / (gradient.abs() + 1.0)
    pipe.finish_update(Adam(0.5, eps=1.0, grad_clip=clip, L2=0.0))
    for param, weights in expected.items():
        torch.testing.assert_close(param.detach(), weights, atol=1e-6, rtol=1e-4)


def test_other_optimizers_clip_together(tiny_encoder: str) -> None:
    """They would clip each parameter by itself, which does nothing after all were clipped together."""
    config = binder_config(tiny_encoder)
    config["model"]["clip_together"] = True
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=config)
    assert isinstance(pipe, BinderNER)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    nlp.initialize(lambda: examples)
    pipe.update(examples)
    given: list[float] = []

    class Recorder(Optimizer):
        def __call__(self, key: Any, weights: Any, gradient: Any, *, lr_scale: float = 1.0) -> Any:
            given.append(float((gradient**2).sum()))
            return weights, gradient

    pipe.finish_update(Recorder(0.1, grad_clip=1e-3, use_radam=True))
    assert math.sqrt(sum(given)) == pytest.approx(1e-3, rel=1e-3)
