"""Small pipelines for the tests of the component, and what is in their models."""

from collections.abc import Iterator

import spacy
import torch
from conftest import binder_config, demo_examples
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Model

from spacy_binder.pipeline import BinderNER

NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def quiet_config(encoder: str, **text_encoder: object) -> dict:
    """A config without the encoders' own dropout, so that two updates are comparable."""
    config = binder_config(encoder)
    config["model"]["text_encoder"].update({"transformer_config": NO_DROPOUT, **text_encoder})
    config["model"]["type_encoder"]["transformer_config"] = NO_DROPOUT
    return config


def make_nlp(config: dict) -> tuple[Language, BinderNER, list[Example]]:
    """An initialized pipeline, its component and one document."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"])
    nlp.initialize(lambda: examples)
    assert isinstance(pipe, BinderNER)
    return nlp, pipe, examples


def modules(model: Model) -> Iterator[torch.nn.Module]:
    """The torch modules of a model."""
    for node in model.walk():
        for shim in node.shims:
            yield shim.module


def parameters(model: Model) -> list[torch.Tensor]:
    """Copies of a model's parameters."""
    return [param.detach().clone() for module in modules(model) for param in module.parameters()]


def gradients(model: Model) -> list[torch.Tensor]:
    """Copies of a model's gradients, and drops them."""
    found = []
    for module in modules(model):
        for param in module.parameters():
            found.append(torch.zeros_like(param) if param.grad is None else param.grad.to_dense().clone())
            param.grad = None
    return found
