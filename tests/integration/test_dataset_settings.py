"""Each dataset of the project can be trained with each config."""

import sys
from itertools import product

import pytest
from conftest import ROOT
from spacy.util import registry

# The project isn't installed.
sys.path.append(str(ROOT))
from project.scripts.configure import dataset_config

DATASETS = sorted(path.parent.name for path in ROOT.glob("project/datasets/*/settings.cfg"))
# Those that make a component. One that takes it from a trained pipeline takes its settings too. Another has a mix of
# corpora in the place of a dataset.
OTHERS = ("binder_continue", "binder_open")
CONFIGS = sorted(path.name for path in ROOT.glob("configs/*.cfg") if path.stem not in OTHERS)


@pytest.mark.parametrize(("dataset", "config"), list(product(DATASETS, CONFIGS)))
def test_settings_of_a_dataset_are_known_to_the_config(dataset: str, config: str) -> None:
    settings = ROOT / "project" / "datasets" / dataset / "settings.cfg"
    merged = dataset_config(ROOT / "configs" / config, settings).interpolate()
    # Filled, not made: it raises where a function has no such argument, and loads no encoder.
    registry.fill({"augmenter": merged["corpora"]["train"]["augmenter"]})
    registry.fill({"optimizer": merged["training"]["optimizer"], "batcher": merged["training"]["batcher"]})
    components = merged["components"]
    registry.fill({name: block["model"] for name, block in components.items() if "model" in block})
