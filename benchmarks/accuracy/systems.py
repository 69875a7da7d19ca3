"""The systems that are compared, and named changes to them."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Our configs and those of peers, in the order of the tables; and whether a peer is for nested or for flat entities.
OWN = ["binder", "binder_paper"]
PEERS = {"spancat": True, "ner": False}


@dataclass(frozen=True)
class System:
    """What is trained.

    name (str): Its name in tables and files.
    base (str): The config that it is made from: one of ours, or a peer's.
    overrides (dict): Values that are set in it, by section and key with dots between.
    change (bool): Whether it is a change, which is judged on development data alone.
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
        return PEERS.get(self.base, nested) == nested


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
    """Read the changes of a JSON file.

    path (Path): The file: an object that has `base` and `set` for each name.
    RETURNS (list[System]): The systems.
    RAISES (ValueError): If a change has something else, or no proper name.
    """
    systems = []
    for name, change in json.loads(path.read_text(encoding="utf8")).items():
        if set(change) != {"base", "set"}:
            raise ValueError(f"'{name}' in {path.name} needs 'base' and 'set', and nothing else")
        systems.append(System(name, change["base"], change["set"], change=True))
    return systems
