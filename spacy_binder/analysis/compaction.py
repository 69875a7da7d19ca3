"""Make a smaller pipeline: the vectors of its descriptions in the place of its type encoder."""

from __future__ import annotations

from typing import Any

from spacy.language import Language

from ..descriptions import read_types
from ..errors import Errors
from ..layers.baked_types import baked_types
from ..layers.encoder_shim import EncoderShim
from .component import get_component

ARCHITECTURE = "spacy_binder.BakedTypes.v1"


def compact(nlp: Language, name: str) -> None:
    """Bake the vectors of all descriptions into a pipeline, and drop its type encoder.

    nlp (Language): The pipeline. It is changed.
    name (str): Its component.
    RAISES (ValueError): If the component has no type encoder of its own.
    """
    pipe = get_component(nlp, name)
    encoder = pipe.model.get_ref("type_encoder")
    if not any(isinstance(shim, EncoderShim) for shim in encoder.shims):
        raise ValueError(Errors.B067.format(name=name))
    texts = [text for words in read_types(pipe.cfg) for text in words.texts]
    texts = list(dict.fromkeys([*texts, *pipe.cfg["trained"]]))
    vectors: Any = encoder.predict(texts)
    baked = baked_types(texts, vectors.cpu().numpy())
    pipe.model.replace_node(encoder, baked)
    pipe.model.set_ref("type_encoder", baked)
    nlp.get_pipe_config(name)["model"]["type_encoder"] = {"@architectures": ARCHITECTURE}
