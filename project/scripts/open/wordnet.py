"""Read the nouns and names of Open English WordNet from its YAML files."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from spacy_binder.corpora.problems import wrong_format

# All values are read as text, so that the noun "no" is not False. The one in C is ten times as fast.
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
EXPECTED = "synsets of Open English WordNet, with `members` and `definition`"


class Synset(NamedTuple):
    """Words of one meaning.

    file (str): The lexicographer file that it is in, such as "artifact".
    members (tuple[str, ...]): The words. The first one names the synset.
    definition (str): The definition.
    examples (tuple[str, ...]): Sentences with one of the words.
    hypernyms (tuple[str, ...]): Ids of the synsets of which it is a kind or an instance.
    is_instance (bool): Whether it is an instance: a name, such as "Oslo". Otherwise it is a noun, such as "city".
    """

    file: str
    members: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]
    hypernyms: tuple[str, ...]
    is_instance: bool


def read_wordnet(folder: Path) -> dict[str, Synset]:
    """Read the files `noun.*.yaml` of a folder.

    folder (Path): The folder.
    RETURNS (dict[str, Synset]): The synsets by id, in the order of the files' names.
    RAISES (ValueError): If there is no such file, or a file has another form.
    """
    files = sorted(folder.glob("noun.*.yaml"))
    if not files:
        raise ValueError(f"No file noun.*.yaml of Open English WordNet in {folder}.")
    synsets: dict[str, Synset] = {}
    for path in files:
        try:
            values = yaml.load(path.read_text(encoding="utf8"), Loader=LOADER)
        except yaml.YAMLError as error:
            raise wrong_format(path, 1, f"no YAML: {error}", EXPECTED) from None
        if not isinstance(values, dict):
            raise wrong_format(path, 1, type(values).__name__, EXPECTED)
        for name, value in values.items():
            synsets[name] = _read_synset(name, value, path)
    return synsets


def _read_synset(name: str, value: Any, path: Path) -> Synset:
    if not isinstance(value, dict) or not value.get("members") or not value.get("definition"):
        raise wrong_format(path, 1, f"the synset {name} with {list(value)!r:.60}", EXPECTED)
    # An example is a text, or a text with its source.
    examples = [one if isinstance(one, str) else one.get("text", "") for one in value.get("example", ())]
    return Synset(
        file=path.name.removeprefix("noun.").removesuffix(".yaml"),
        members=tuple(value["members"]),
        definition=value["definition"][0],
        examples=tuple(filter(None, examples)),
        hypernyms=(*value.get("hypernym", ()), *value.get("instance_hypernym", ())),
        is_instance="instance_hypernym" in value,
    )
