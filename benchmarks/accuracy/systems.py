"""The systems that are compared, named changes to them, and their configs."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thinc.api import Config

from project.scripts.configure import dataset_config
from spacy_binder.installed import is_installed

from .reader import READER

ROOT = Path(__file__).parents[2]
# Our configs and those of peers, in the order of the tables; and whether a peer is for nested entities, for flat ones,
# or for both (None).
OWN = ["binder", "binder_paper"]
PEERS = {"spancat": True, "ner": False, "gliner": None}
# What isn't among the requirements.
NEEDS = {"gliner": "gliner"}
SCHEDULE = "training.optimizer.learn_rate"
STEPS = ("training.max_steps", f"{SCHEDULE}.warmup_steps", f"{SCHEDULE}.total_steps")


@dataclass(frozen=True)
class System:
    """What is trained.

    name (str): Its name in tables and files.
    base (str): The config that it is made from: one of ours, or a peer's.
    overrides (dict): Values that are set in it, by section and key with dots between.
    change (bool): Whether it is a change, which is judged on development data only.
    """

    name: str
    base: str
    overrides: dict[str, Any] = field(default_factory=dict)
    change: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_]+)*", self.name):
            raise ValueError(f"'{self.name}' isn't a name of lower-case letters, digits, - and _")

    def fits(self, nested: bool) -> bool:
        """RETURNS (bool): Whether it is for nested entities if `nested`, otherwise for flat ones."""
        return PEERS.get(self.base) in (None, nested)

    def installed(self) -> bool:
        """RETURNS (bool): Whether the package that it needs is installed."""
        return self.base not in NEEDS or is_installed(NEEDS[self.base])


def parse_system(text: str) -> System:
    """Read a change like `name:base:section.key=value;section.key=value`.

    text (str): The change. A value is JSON, or text.
    RETURNS (System): The system.
    RAISES (ValueError): If the text has another form.
    """
    name, _, rest = text.partition(":")
    base, _, settings = rest.partition(":")
    overrides = {}
    for setting in filter(None, settings.split(";")):
        key, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"'{setting}' isn't section.key=value")
        try:
            overrides[key.strip()] = json.loads(value)
        except json.JSONDecodeError:
            overrides[key.strip()] = value.strip()
    if not base:
        raise ValueError(f"'{text}' isn't name:base:section.key=value;...")
    return System(name, base, overrides, change=True)


def read_ablations(path: Path) -> list[System]:
    """RETURNS (list[System]): The changes of a JSON file: an object that has `base` and `set` for each name."""
    changes = json.loads(path.read_text(encoding="utf8"))
    return [System(name, change["base"], change["set"], change=True) for name, change in changes.items()]


def make_config(system: System, settings: Path, *, encoder: str = "", steps: float = 1.0) -> Config:
    """Make the config that a system is trained with. Paths and seed are still those of its base.

    system (System): The system.
    settings (Path): The dataset's settings. A peer has as many steps and evaluations as binder has with them.
    encoder (str): The text encoder's name, in place of the config's own. Empty for the config's own.
    steps (float): The share of its steps that it is trained for. Warm-up and decay are shortened by the same share.
    RETURNS (Config): The config, not interpolated.
    RAISES (ValueError): If there is no such base, or nothing to override.
    """
    base = (Path(__file__).parent / "peers" if system.base in PEERS else ROOT / "configs") / f"{system.base}.cfg"
    if not base.exists():
        raise ValueError(f"There is no config '{system.base}'")
    config = Config().from_disk(base, interpolate=False) if system.base in PEERS else dataset_config(base, settings)
    if system.base in PEERS:
        ours = dataset_config(ROOT / "configs" / f"{OWN[0]}.cfg", settings)
        for key in ("training.eval_frequency", "training.patience", *STEPS):
            set_value(config, key, get_value(ours, key))
        if "gliner" in config:
            set_value(config, "training.batcher", get_value(ours, "training.batcher"))
            flat = not get_value(ours, "components.binder_ner.allow_overlap")
            set_value(config, "gliner.prediction.flat_ner", flat)
    for key, value in system.overrides.items():
        set_value(config, key, value)
    for key in STEPS if steps != 1 else ():
        set_value(config, key, round(steps * get_value(config, key)))
    # spaCy's loop doesn't evaluate at the end by itself.
    training = config["training"]
    training["eval_frequency"] = min(training["eval_frequency"], training["max_steps"])
    if encoder:
        encoder_block(config)["name"] = encoder
    corpora = config["corpora"]
    augmenter = corpora["train"].get("augmenter")
    if augmenter and "name" in augmenter and encoder:
        augmenter["name"] = encoder
    for part in ("train", "dev"):
        corpora[part] = {"@readers": READER, "path": f"${{paths.{part}}}", "ents": "ner" in config["components"]}
    corpora["train"]["augmenter"] = augmenter
    return config


def encoder_block(config: Config) -> dict[str, Any]:
    """RETURNS (dict): The section of a config that names the text encoder."""
    if "gliner" in config:
        return get_value(config, "gliner.encoder")
    key = "transformer.model" if "transformer" in config["components"] else "binder_ner.model.text_encoder"
    return get_value(config, f"components.{key}")


def get_value(config: Config, key: str) -> Any:
    """RETURNS (Any): The value of a key like section.key, or None if the config has no such section."""
    value: Any = config
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def set_value(config: Config, key: str, value: Any) -> None:
    """Set a value, or a whole section, in a section that the config has.

    RAISES (ValueError): If the config has no such section.
    """
    section, _, last = key.rpartition(".")
    inner = get_value(config, section)
    if not isinstance(inner, dict):
        raise ValueError(f"The config has no section '{section}' for '{key}'")
    inner[last] = value
