"""Every registered name resolves, importing costs little, and the configs are those of the code."""

import configparser
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import spacy
from conftest import ROOT
from spacy.language import Language
from spacy.util import load_config, load_model_from_config, registry

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf8")
ENTRY_POINTS = [
    (group, *(part.strip() for part in line.split("=")))
    for group, lines in SETUP["options.entry_points"].items()
    for line in lines.strip().splitlines()
]


@pytest.mark.parametrize(("group", "name", "target"), ENTRY_POINTS)
def test_entry_points_resolve(group: str, name: str, target: str) -> None:
    kind = group.removeprefix("spacy_")
    if kind == "cli":
        return
    if kind == "factories":
        assert Language.has_factory(name) or spacy.blank("en").has_factory(name)
        function = registry.get("factories", name)
    else:
        function = registry.get(kind, name)
    module, attribute = target.split(":")
    assert function is getattr(import_module(module), attribute)


def test_importing_costs_little() -> None:
    """The package alone costs nothing, and each `spacy.blank()` imports the factories' modules."""
    code = "import sys\n"
    for module in ("spacy_binder", "spacy", "spacy_binder.pipeline"):
        code += f"import {module}\nprint(*{{name.split('.')[0] for name in sys.modules}})\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package, with_spacy, with_pipeline = (set(line.split()) for line in done.stdout.splitlines())
    assert "spacy_binder" in package
    assert not package & {"torch", "spacy", "thinc", "numpy", "transformers"}
    assert "spacy" in with_spacy
    added = with_pipeline - with_spacy
    assert not added & {"torch", "transformers", "spacy_transformers", "safetensors", "tokenizers"}


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.cfg")), ids=lambda path: path.name)
def test_configs_are_valid(path: Path, trained: tuple[Path, Path]) -> None:
    config = load_config(path)
    if "pipeline" in config["paths"]:
        config["paths"]["pipeline"] = str(trained[0])
    nlp = load_model_from_config(config, auto_fill=True, validate=True)
    assert "binder_ner" in nlp.pipe_names
    key = nlp.get_pipe("binder_ner").cfg["spans_key"]
    assert config["training"]["score_weights"][f"spans_{key}_f"] > 0
