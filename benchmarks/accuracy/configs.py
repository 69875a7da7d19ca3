"""The config of a system on a dataset."""

from pathlib import Path
from typing import Any

from thinc.api import Config

from project.scripts.configure import dataset_config

from .reader import READER
from .systems import PEERS, System

ROOT = Path(__file__).parents[2]


def find_base(name: str) -> Path:
    """RETURNS (Path): A config of ours or of a peer, by name.

    RAISES (ValueError): If there is none.
    """
    path = (Path(__file__).parent / "peers" if name in PEERS else ROOT / "configs") / f"{name}.cfg"
    if not path.exists():
        raise ValueError(f"There is no config '{name}'")
    return path


def make_config(system: System, settings: Path, *, encoder: str = "", steps: float = 1.0) -> Config:
    """Make the config that a system is trained with. Paths and seed are still those of its base.

    system (System): The system.
    settings (Path): The dataset's settings. A peer takes the number of steps from them, and when it is evaluated.
    encoder (str): The text encoder's name, in place of the config's own. Empty for the config's own.
    steps (float): The share of its steps that it is trained for. Warm-up and decay are shortened likewise.
    RETURNS (Config): The config, not interpolated.
    RAISES (ValueError): If there is no such base, or nothing to override.
    """
    base = find_base(system.base)
    config = peer_config(base, settings) if system.base in PEERS else dataset_config(base, settings)
    for key, value in system.overrides.items():
        set_value(config, key, value)
    if steps != 1:
        scale_steps(config, steps)
    if encoder:
        set_encoder(config, encoder)
    for part in ("train", "dev"):
        reader = {"@readers": READER, "path": f"${{paths.{part}}}", "ents": "ner" in config["nlp"]["pipeline"]}
        if part == "train" and config["corpora"][part].get("augmenter"):
            reader["augmenter"] = config["corpora"][part]["augmenter"]
        config["corpora"][part] = reader
    return config


def peer_config(base: Path, settings: Path) -> Config:
    """RETURNS (Config): A peer's config with as many steps and evaluations as binder has on the dataset."""
    config = Config().from_disk(base, interpolate=False)
    ours = dataset_config(find_base("binder"), settings)["training"]
    config["training"].update({name: ours[name] for name in ("max_steps", "eval_frequency", "patience")})
    schedule = ours["optimizer"]["learn_rate"]
    config["training"]["optimizer"]["learn_rate"].update(
        {name: schedule[name] for name in ("warmup_steps", "total_steps")}
    )
    return config


def scale_steps(config: Config, factor: float) -> None:
    """Train for more or fewer steps, with a schedule that ends with them."""
    training, schedule = config["training"], config["training"]["optimizer"]["learn_rate"]
    for settings, names in ((training, ["max_steps", "patience"]), (schedule, ["warmup_steps", "total_steps"])):
        settings.update({name: round(factor * settings[name]) for name in names if name in settings})


def encoder_block(config: Config) -> dict[str, Any]:
    """RETURNS (dict): The section of a config that names the text encoder."""
    components = config["components"]
    if "transformer" in components:
        return components["transformer"]["model"]
    return components["binder_ner"]["model"]["text_encoder"]


def set_encoder(config: Config, name: str) -> None:
    """Name another encoder wherever a config names one."""
    encoder_block(config)["name"] = name
    augmenter = config["corpora"]["train"].get("augmenter") or {}
    if "name" in augmenter:
        augmenter["name"] = name


def set_value(config: Config, key: str, value: Any) -> None:
    """Set a value, or a whole section, in a section that the config has.

    RAISES (ValueError): If the config has no such section.
    """
    *sections, last = key.split(".")
    inner: Any = config
    for name in sections:
        inner = inner.get(name) if isinstance(inner, dict) else None
    if not sections or not isinstance(inner, dict):
        raise ValueError(f"The config has no section '{'.'.join(sections)}' for '{key}'")
    inner[last] = value
