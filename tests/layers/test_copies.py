"""Copies and pickles of the model, other weights for a while, other devices."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import spacy
import torch
from conftest import binder_config, demo_examples
from spacy.language import Language
from spacy.util import fix_random_seed
from thinc.api import Adam, Model
from torch import nn

from spacy_binder.layers.module_shim import ModuleShim


@pytest.fixture(params=[False, True], ids=["separate", "shared"])
def nlp(request: pytest.FixtureRequest, tiny_encoder: str) -> Language:
    """An initialized pipeline, whose encoders share their weights or don't."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = binder_config(tiny_encoder)
    if request.param:
        config["model"]["type_encoder"] = None
    nlp.add_pipe("binder_ner", config=config)
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=2))
    return nlp


def model_of(nlp: Language) -> Model:
    pipe: Any = nlp.get_pipe("binder_ner")
    return pipe.model


def shims_of(model: Model) -> list[Any]:
    return [shim for node in model.walk() for shim in node.shims]


def type_vectors(model: Model) -> torch.Tensor:
    """RETURNS (Tensor): The vectors of two types. thinc's copies have no refs, so the layer is taken by its place."""
    return model.layers[1].predict(["a town", "a river"]).clone()


COPIES: dict[str, Callable[[Language], Model]] = {
    "Model.copy": lambda nlp: model_of(nlp).copy(),
    "deepcopy": lambda nlp: model_of(copy.deepcopy(nlp)),
    "pickle": lambda nlp: model_of(pickle.loads(pickle.dumps(nlp))),
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_have_weights_of_their_own(nlp: Language, way: str) -> None:
    model = model_of(nlp)
    expected = type_vectors(model)
    other = COPIES[way](nlp)
    for shim in shims_of(model):
        for param in shim.module.parameters():
            param.data.mul_(0.5)
        shim.cache.clear()
    assert not torch.allclose(type_vectors(model), expected, atol=1e-3)
    assert torch.equal(type_vectors(other), expected)
    assert len(shims_of(other)) == len(shims_of(model))


def test_a_shared_encoder_is_seen_and_saved_once(tiny_encoder: str, nlp: Language) -> None:
    model = model_of(nlp)
    n_encoders = len({id(shim.module) for shim in shims_of(model)}) - 1
    assert n_encoders == len(shims_of(model)) - 1
    names = [node["name"] for node in model.to_dict()["nodes"]]
    # As in pipelines that earlier versions saved.
    kind = "binder_type_encoder" if n_encoders == 2 else "binder_shared_type_encoder"
    assert names == ["binder", "binder_text_encoder", kind, "binder_span_scorer"]


def test_other_weights_are_left_also_by_an_exception(nlp: Language) -> None:
    optimizer = Adam(1e-2, use_averages=True)
    examples = demo_examples(nlp, ["news-01"], max_sentences=1)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    model = model_of(nlp)
    own = [param.detach().clone() for shim in shims_of(model) for param in shim.module.parameters()]
    expected = type_vectors(model)
    assert optimizer.averages is not None
    with pytest.raises(KeyboardInterrupt), model.use_params(optimizer.averages):
        assert not torch.allclose(type_vectors(model), expected, atol=1e-4)
        raise KeyboardInterrupt
    found = [param for shim in shims_of(model) for param in shim.module.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(found, own, strict=True))
    assert torch.equal(type_vectors(model), expected)


def test_weights_of_another_shape_change_nothing(nlp: Language) -> None:
    shim = shims_of(model_of(nlp))[0]
    named = dict(shim.module.named_parameters())
    before = {name: param.detach().clone() for name, param in named.items()}
    params = {(shim.id, name): param.detach().numpy() + 1 for name, param in named.items()}
    params[shim.id, list(named)[-1]] = torch.zeros(7).numpy()
    with pytest.raises(RuntimeError), shim.use_params(params):
        pass
    assert all(torch.equal(param, before[name]) for name, param in named.items())


def test_nothing_stays_behind_on_another_device() -> None:
    """There may be no other device here, but weights in another precision are a change of the same kind."""
    shim = ModuleShim(lambda: nn.Linear(2, 2))
    shim.to_device("cpu", 0)
    shim.build()
    shim.cache["vectors"] = torch.zeros(1)
    shim.to_device("cpu", 0)
    assert not shim.cache
    optimizer = Adam(0.1, use_averages=False)
    for dtype in (torch.float32, torch.float64):
        shim.module.to(dtype)
        shim.to_device("cpu", 0)
        shim.module(torch.ones(1, 2, dtype=dtype)).sum().backward()
        shim.finish_update(optimizer)
        assert shim._adam is not None
        states = shim._adam.adam.state.values()
        assert {value["exp_avg"].dtype for value in states} == {dtype}
        # The state is that of before.
        assert {int(value["step"]) for value in states} == {1 if dtype == torch.float32 else 2}
