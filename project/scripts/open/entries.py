"""Write entries of WordNet as text: a list of words, words with their definitions, or sentences with the words."""

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from .wordnet import Synset

MAX_WORDS = 90
MAX_DEFINITION = 40
WORD = re.compile(r"\w+(?:[-'\u2019.]\w+)*\.?|[^\w\s]")
# What a definition begins with, such as "(chemistry)".
FIELD = re.compile(r"^\([^)]*\)\s*")
LIST_SIGNS = (",", ",", "and", ";")
# How often a noun comes in an example of WordNet, where there is one with it.
SHARE_OF_EXAMPLES = 0.6


class Mention(NamedTuple):
    """A noun or name in a passage.

    start, end (int): Its first word, and the one after its last.
    synset (str): Id of its synset.
    """

    start: int
    end: int
    synset: str


def split_words(text: str) -> list[str]:
    """RETURNS (list[str]): The words and signs of a text."""
    return WORD.findall(text)


def definition_of(synset: Synset) -> str:
    """RETURNS (str): The definition, without the field of knowledge in front of it."""
    return FIELD.sub("", synset.definition)


def write_entries(
    names: Sequence[str], synsets: Mapping[str, Synset], rng: Random, *, as_list: bool
) -> tuple[list[str], list[Mention]]:
    """Write entries one after the other, as many as fit into a passage.

    names (Sequence[str]): Ids of synsets.
    synsets (Mapping[str, Synset]): The synsets.
    rng (Random): Draws forms of text.
    as_list (bool): Whether the words come in a list, without definitions.
    RETURNS (tuple[list[str], list[Mention]]): The words of the passage, and where the nouns and names are.
    """
    words: list[str] = []
    mentions: list[Mention] = []
    for name in names:
        synset = synsets[name]
        text, start, end = _write_list_item(synset, rng) if as_list else _write_entry(synset, rng)
        if len(words) + len(text) > MAX_WORDS:
            break
        mentions.append(Mention(len(words) + start, len(words) + end, name))
        words += text
    return words, mentions


def _draw_member(synset: Synset, rng: Random) -> list[str]:
    return split_words(rng.choice(synset.members) if rng.random() < 0.5 else synset.members[0])


def _write_list_item(synset: Synset, rng: Random) -> tuple[list[str], int, int]:
    member = _draw_member(synset, rng)
    return [*member, rng.choice(LIST_SIGNS)], 0, len(member)


def _write_entry(synset: Synset, rng: Random) -> tuple[list[str], int, int]:
    """RETURNS (tuple): Words, and the first and the end of those that are the noun or name."""
    member = _draw_member(synset, rng)
    if not synset.is_instance and synset.examples and rng.random() < SHARE_OF_EXAMPLES:
        example = split_words(rng.choice(synset.examples))
        found = find_member(example, synset.members)
        if found:
            return [*example, "."], *found
    definition = split_words(definition_of(synset))[:MAX_DEFINITION]
    form = rng.randrange(5)
    if form == 4:
        start = len(definition) + 1
        return [*definition, rng.choice((":", "called", ",")), *member, "."], start, start + len(member)
    forms = (["(", *definition, ")", "."], [":", *definition, "."], [",", *definition, ","])
    rest = [rng.choice(("is", "was")), *definition, "."] if form == 3 else forms[form]
    return [*member, *rest], 0, len(member)


def find_member(words: Sequence[str], members: Sequence[str]) -> tuple[int, int] | None:
    """Find one of some nouns in a sentence, in any case, also with an "s" at its end.

    words (Sequence[str]): The words of the sentence.
    members (Sequence[str]): The nouns. The first one that is there counts.
    RETURNS (tuple[int, int], optional): Its first word, and the one after its last. None if there is none of them.
    """
    small = [word.lower() for word in words]
    for member in members:
        wanted = [word.lower() for word in split_words(member)]
        n = len(wanted)
        for start in range(len(small) - n + 1) if n else ():
            *first, last = small[start : start + n]
            if first == wanted[:-1] and last in (wanted[-1], f"{wanted[-1]}s"):
                return start, start + n
    return None
