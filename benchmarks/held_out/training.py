"""The config of a training that leaves types out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thinc.api import Config

from ..accuracy.systems import get_value, set_value
from ..parts import ROOT

BASE = ROOT / "configs" / "binder_open.cfg"
# The share of all steps in which the learning rate rises, as in the workflow `open`.
WARM_UP = 0.1
# Passages of each corpus that spaCy's loop scores. These scores choose nothing.
N_WATCHED = 20


def make_config(
    corpus: Path, labels: Path, held_out: Mapping[str, list[str]], change: Mapping[str, Any], steps: int, seed: int
) -> Config:
    """Make the config of a training.

    corpus (Path): What the workflow's commands `open-corpora` and `open-types` make.
    labels (Path): A file with the types that are trained, for which `trained_labels` is meant.
    held_out (Mapping[str, list[str]]): Labels to leave out, by corpus of the mix. Those of a corpus that `change` takes
        out are passed over.
    change (Mapping[str, Any]): Values that are set in the config, by section and key with dots between. None takes the
        key or the section out.
    steps (int): The number of updates.
    seed (int): The random seed.
    RETURNS (Config): The config, not interpolated.
    RAISES (ValueError): If the config has no such section.
    """
    config = Config().from_disk(BASE, interpolate=False)
    config["paths"].update(train=str(corpus / "train"), dev=str(corpus / "dev"), labels=str(labels))
    config["system"]["seed"] = seed
    mix = config["corpora"]["train"]
    for name, left_out in held_out.items():
        mix["labels"].setdefault(name, {}).update(dict.fromkeys(left_out))
    for reader in config["corpora"]["dev"]["corpora"].values():
        reader["limit"] = N_WATCHED
    training = config["training"]
    training.update(max_steps=steps, eval_frequency=steps)
    training["optimizer"]["learn_rate"]["warmup_steps"] = round(steps * WARM_UP)
    training["logger"] = {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": None}
    for key, value in change.items():
        if value is not None:
            set_value(config, key, value)
            continue
        section, _, last = key.rpartition(".")
        inner = get_value(config, section)
        if not isinstance(inner, dict) or last not in inner:
            raise ValueError(f"The config has no '{key}'")
        del inner[last]
    mix["labels"] = {name: becomes for name, becomes in mix["labels"].items() if name in mix["corpora"]}
    return config


def trained_labels(corpus: Path, held_out: Mapping[str, list[str]]) -> dict[str, Any]:
    """RETURNS (dict): What describes the types of the mix, without those that only left out labels become."""
    words: dict[str, Any] = json.loads((corpus / "labels.json").read_text(encoding="utf8"))
    kept, dropped = set(), set()
    for name, becomes in Config().from_disk(BASE, interpolate=False)["corpora"]["train"]["labels"].items():
        for label, type_ in becomes.items():
            (dropped if label in held_out.get(name, ()) else kept).add(type_)
    return {type_: text for type_, text in words.items() if type_ not in dropped - kept}
