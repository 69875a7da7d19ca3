"""Each dataset of the project can be trained with each config."""

import sys
from itertools import product
from pathlib import Path

import pytest
from spacy.util import registry

ROOT = Path(__file__).parents[2]
DATASETS = sorted(path.parent.name for path in ROOT.glob("project/datasets/*/settings.cfg"))
CONFIGS = sorted(path.name for path in ROOT.glob("configs/*.cfg"))


@pytest.mark.parametrize(("dataset", "config"), list(product(DATASETS, CONFIGS)))
def test_settings_of_a_dataset_are_known_to_the_config(
    monkeypatch: pytest.MonkeyPatch, dataset: str, config: str
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "project" / "scripts"))
    configure = __import__("configure")
    try:
        merged = configure.dataset_config(
            ROOT / "configs" / config, ROOT / "project" / "datasets" / dataset / "settings.cfg"
        )
    finally:
        for name in ("configure", "describe"):
            sys.modules.pop(name, None)
    merged = merged.interpolate()
    # Filled, not made: it raises where a function has no such argument, and loads no encoder.
    registry.fill({"augmenter": merged["corpora"]["train"]["augmenter"]})
    registry.fill({"optimizer": merged["training"]["optimizer"], "batcher": merged["training"]["batcher"]})
    components = merged["components"]
    registry.fill({name: block["model"] for name, block in components.items() if "model" in block})
