"""What is known of words: names of countries, common nouns, and words that have capitals throughout."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .hypernyms import all_hypernyms
from .wordnet import Synset

# The first words of the synsets that countries and cities are under.
COUNTRY, CITY = ("country", "state", "land"), "city"
# A word has capitals throughout if it comes so often, and so in this share of them.
MIN_CAPITALS, SHARE_OF_CAPITALS = 3, 0.8


class Lexicon(NamedTuple):
    """Words in small letters.

    countries (frozenset[str]): Names of countries, without those that are names of cities too.
    nouns (frozenset[str]): Nouns that are no names.
    capitals (frozenset[str]): Words that most texts write in capitals throughout, such as "bbc".
    small (frozenset[str]): Words that texts write in small letters, and nouns.
    """

    countries: frozenset[str]
    nouns: frozenset[str]
    capitals: frozenset[str]
    small: frozenset[str]


def make_lexicon(synsets: Mapping[str, Synset], texts: Iterable[Iterable[str]]) -> Lexicon:
    """Find what words are.

    synsets (Mapping[str, Synset]): The nouns and names of WordNet.
    texts (Iterable[Iterable[str]]): The words of some texts with their capitals.
    RETURNS (Lexicon): The lexicon.
    """
    above = all_hypernyms(synsets)
    under: defaultdict[str, set[str]] = defaultdict(set)
    for name, synset in synsets.items():
        if synset.is_instance:
            for up in above[name]:
                kinds = synsets[up].members
                if kinds[: len(COUNTRY)] == COUNTRY or kinds[0] == CITY:
                    under[kinds[0]].update(word.lower() for word in synset.members)
    nouns = {word.lower() for one in synsets.values() if not one.is_instance for word in one.members}
    small = {word for one in synsets.values() if not one.is_instance for word in one.members if word.islower()}
    counts, of_capitals = Counter[str](), Counter[str]()
    for words in texts:
        for word in words:
            if word.islower():
                small.add(word)
            counts[word.lower()] += 1
            of_capitals[word.lower()] += word.isupper() and len(word) > 1
    capitals = {word for word, n in of_capitals.items() if n >= MIN_CAPITALS and n >= SHARE_OF_CAPITALS * counts[word]}
    return Lexicon(frozenset(under[COUNTRY[0]] - under[CITY]), frozenset(nouns), frozenset(capitals), frozenset(small))
