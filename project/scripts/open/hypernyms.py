"""Which synsets of WordNet are types of which nouns and names."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .wordnet import Synset

# Names of synsets that are too general for a type.
GENERAL_WORDS = (
    "abstraction|act|action|activity|actor|adult|area|artefact|artifact|attribute|body part|causal agent|"
    "cognition|collection|communication|communicator|condition|content|creation|creator|device|entity|event|force|"
    "group|grouping|information|instrumentality|knowledge domain|living thing|location|matter|measure|message|"
    "natural object|natural phenomenon|object|organism|part|phenomenon|physical entity|physical phenomenon|piece|"
    "point|point in time|power|process|property|psychological feature|quality|region|relation|signal|social group|"
    "state|statement|structure|substance|thing|unit|way|whole"
)
TOO_GENERAL = frozenset(GENERAL_WORDS.split("|"))
# Lexicographer files whose nouns are seldom spans of a text.
VAGUE_FILES = frozenset({"attribute", "relation", "feeling", "motive", "shape", "quantity", "tops", "Tops"})


class Rules(NamedTuple):
    """Which hypernyms are types.

    max_steps (int): The most steps from a noun or name up to its type.
    min_names (int): The least number of names under a type of names.
    min_nouns (int): The least number of nouns under a type of nouns.
    max_under (int): A type has fewer nouns and names than these under it.
    """

    max_steps: int = 6
    min_names: int = 4
    min_nouns: int = 5
    max_under: int = 12_000


@dataclass
class Inventory:
    """What passages of nouns, or passages of names, are made of.

    types_of (dict): The types of each noun or name that has any, by id.
    under (dict): The nouns or names of each type, by id.
    in_file (dict): The nouns or names of each lexicographer file.
    types (list[str]): All types.
    """

    types_of: dict[str, list[str]] = field(default_factory=dict)
    under: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    in_file: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    types: list[str] = field(default_factory=list)


def all_hypernyms(synsets: Mapping[str, Synset]) -> dict[str, dict[str, int]]:
    """RETURNS (dict[str, dict[str, int]]): All synsets above each synset, and the least number of steps to them."""
    above: dict[str, dict[str, int]] = {}
    for name in synsets:
        steps, level, n = {name: 0}, [name], 0
        while level:
            n += 1
            following = [up for one in level for up in synsets[one].hypernyms if up in synsets and up not in steps]
            level = list(dict.fromkeys(following))
            steps.update(dict.fromkeys(level, n))
        del steps[name]
        above[name] = steps
    return above


def make_inventories(
    synsets: Mapping[str, Synset], above: Mapping[str, Mapping[str, int]], rules: Rules
) -> dict[bool, Inventory]:
    """Find the types of all nouns and names.

    synsets (Mapping[str, Synset]): The synsets.
    above (Mapping): The result of `all_hypernyms`.
    rules (Rules): Which hypernyms are types.
    RETURNS (dict[bool, Inventory]): That of names under True, that of nouns under False.
    """
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for name, synset in synsets.items():
        # Not the mapping itself: its numbers of steps would be added.
        counts[synset.is_instance].update(above[name].keys())
    total = counts[True] + counts[False]
    inventories = {True: Inventory(), False: Inventory()}
    for name, synset in synsets.items():
        if not synset.is_instance and synset.file in VAGUE_FILES:
            continue
        least = rules.min_names if synset.is_instance else rules.min_nouns
        types = [
            up
            for up, steps in above[name].items()
            if steps <= rules.max_steps
            and counts[synset.is_instance][up] >= least
            and total[up] < rules.max_under
            and synsets[up].members[0] not in TOO_GENERAL
        ]
        if types:
            inventory = inventories[synset.is_instance]
            inventory.types_of[name] = types
            inventory.in_file[synset.file].append(name)
            for up in types:
                inventory.under[up].append(name)
    for inventory in inventories.values():
        inventory.types = list(inventory.under)
    return inventories
