"""Find what a text itself says an entity is: "X is a German composer", "the novelist X", "X, a river in Peru"."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from .relations import Entity
from .wordnet import Synset

# The lexicographer files that have nouns for entities of a kind.
FILES = {
    "PER": {"person"},
    "ORG": {"group", "artifact", "communication"},
    "LOC": {"location", "object", "artifact", "group"},
    "MISC": {"communication", "artifact", "act", "event", "cognition", "object", "group", "animal", "plant", "food"},
}
# The files of nouns that a name ends with, or has before "of": "Riga University", "Battle of Riga".
FILES_OF_NAMES = {"ORG": {"group"}, "LOC": {"location", "object", "artifact"}}
# Of other names these alone: "Super Bowl" is no bowl, and "Swallow" no swallowing. "New Haven" is no haven.
EVENTS_AND_PRIZES = (
    "award prize medal war battle siege revolution rebellion uprising invasion massacre earthquake festival election "
    "championship tournament conference congress summit treaty trial expedition exhibition ceremony"
)
NOUNS_OF_OTHERS = frozenset(EVENTS_AND_PRIZES.split())
BE = {"is", "was", "are", "were"}
ARTICLES = {"a", "an", "the", "one", "two"}
# One of these is before a noun and a name that is no person's: "the film X". In "spoke Romanian" there is none.
LEADS = {"a", "an", "the", "his", "her", "its", "their", "our"}
# Where a noun phrase ends.
END_WORDS = (
    "who which that by of in from and or for on at to with as , . ; : ( ) [ ] -- \u2013 written released directed "
    "based located created founded produced known published starring featuring developed born living given held "
    "set made used recorded performed composed formed situated where when whose is was are were has had"
)
ENDS = frozenset(END_WORDS.split())
# Nouns that say nothing of the entity, or are mostly other words.
VAGUE_WORDS = (
    "name one two part member second first third number group kind type example set form series list pair place man "
    "woman people person thing area side time day year in at no are as he it so go be do have who will may can "
    "three four five six seven eight nine ten last following next original main central upper outside opposite "
    "separate north south east west northwest northeast southwest southeast left right young married "
    "international local modern classical professional active best few open narrow current dominant black using "
    "like beat join die cover chain turn starting choice run light back end note domino block cube card paper "
    "spot title hit feat crosse unit body feature case term style expression designation interval use multitude "
    "land future class point distance male female"
)
VAGUE = frozenset(VAGUE_WORDS.split())
# Words before a noun that say nothing of its kind.
POINTERS = frozenset(("the", "his", "her", "its", "their", "other", "also", "own", "new", "former"))
QUOTES = frozenset(('"', "``", "'", "\u201c", "\u2018"))
MAX_NOUN = 3
MIN_LETTERS = 3
MAX_PHRASE = 8


class Nouns:
    """The nouns of WordNet, by word."""

    def __init__(self, synsets: Mapping[str, Synset]) -> None:
        """
        synsets (Mapping[str, Synset]): The synsets. Names are left out.
        """
        self.synsets = synsets
        self.by_word: defaultdict[str, list[str]] = defaultdict(list)
        for name, synset in synsets.items():
            if not synset.is_instance:
                for word in synset.members:
                    self.by_word[word.lower()].append(name)

    def find(self, words: Sequence[str], kind: str) -> tuple[str, list[str]] | None:
        """Find the noun at the end of some words.

        words (Sequence[str]): The words, in small letters.
        kind (str): The kind of the entity that it is said of.
        RETURNS (tuple[str, list[str]], optional): The noun, and the synsets that may be meant. None if there is none.
        """
        for n in range(min(MAX_NOUN, len(words)), 0, -1):
            phrase = " ".join(words[-n:])
            for noun in (phrase, phrase.removesuffix("s")):
                if noun in VAGUE or len(noun) < MIN_LETTERS:
                    continue
                fitting = [one for one in self.by_word.get(noun, ()) if self.synsets[one].file in FILES.get(kind, ())]
                if fitting:
                    return noun, fitting
        return None


def define(entity: Entity, words: Sequence[str], nouns: Nouns) -> Iterator[tuple[str, list[str]]]:
    """Find the nouns that a text uses for an entity.

    entity (Entity): The entity.
    words (Sequence[str]): The words of the text.
    nouns (Nouns): The nouns.
    YIELDS (tuple[str, list[str]]): A noun, or a noun with the small words before it, and the synsets that may be meant.
    """
    for start, end in entity.mentions:
        yield from _before(start, words, entity.kind, nouns)
        yield from _after(end, words, entity.kind, nouns)


def noun_of_name(words: Sequence[str], kind: str, nouns: Nouns) -> tuple[str, list[str]] | None:
    """Find the noun in a name: "university" of "Riga University" and of "University of Riga".

    words (Sequence[str]): The words of the name.
    kind (str): The kind of the entity.
    nouns (Nouns): The nouns.
    RETURNS (tuple[str, list[str]], optional): The noun, and the synsets that may be meant.
    """
    end = words.index("of") if "of" in words[1:] else len(words)
    if len(words) < 2 or not words[end - 1].istitle():
        return None
    noun = words[end - 1].lower()
    found = nouns.find([noun], kind)
    # Not without its plural: "Records" is no record.
    if found is None or found[0] != noun:
        return None
    if kind == "MISC":
        return found if noun in NOUNS_OF_OTHERS else None
    if kind == "LOC" and words[0] == "New":
        return None
    files = FILES_OF_NAMES.get(kind, set())
    fitting = [one for one in found[1] if nouns.synsets[one].file in files]
    return (noun, fitting) if fitting else None


def _before(start: int, words: Sequence[str], kind: str, nouns: Nouns) -> Iterator[tuple[str, list[str]]]:
    """YIELDS (tuple[str, list[str]]): The noun directly before a mention: "the novelist X"."""
    at = start - 1
    if at >= 0 and words[at] in QUOTES:
        at -= 1
    phrase: list[str] = []
    while at >= 0 and len(phrase) < MAX_PHRASE and _is_plain(words[at]):
        phrase.insert(0, words[at])
        at -= 1
    if kind != "PER":
        led = [words[at].lower() if at >= 0 else "", *phrase]
        leads = [i for i, word in enumerate(led) if word in LEADS]
        if not leads:
            return
        phrase = led[leads[-1] + 1 :]
    yield from _nouns_of(phrase, kind, nouns)


def _after(end: int, words: Sequence[str], kind: str, nouns: Nouns) -> Iterator[tuple[str, list[str]]]:
    """YIELDS (tuple[str, list[str]]): The nouns after a mention: "X is a singer and actor", "X, a river in Peru"."""
    at = end
    if at < len(words) and words[at] in QUOTES:
        at += 1
    if at < len(words) and words[at] == "(":
        while at < len(words) and words[at] != ")":
            at += 1
        at += 1
    has_comma = at < len(words) and words[at] == ","
    at += has_comma
    if at < len(words) and words[at] in BE:
        at += 1
    elif not has_comma:
        return
    if not (at < len(words) and words[at] in ARTICLES):
        return
    while at < len(words):
        at += 1
        phrase = []
        while at < len(words) and len(phrase) < MAX_PHRASE and words[at] not in ENDS:
            phrase.append(words[at])
            at += 1
        found = list(_nouns_of(phrase, kind, nouns))
        yield from found
        # "a singer , songwriter and actor": more nouns may follow, for a person.
        if not found or kind != "PER" or at >= len(words) or words[at] not in {",", "and"}:
            return
        if words[at] == "," and at + 1 < len(words) and words[at + 1] == "and":
            at += 1
        if at + 1 < len(words) and words[at + 1] in ARTICLES:
            at += 1


def _is_plain(word: str) -> bool:
    return (word.islower() and word.replace("-", "").isalpha() and word not in ENDS) or word == "-"


def _nouns_of(phrase: Sequence[str], kind: str, nouns: Nouns) -> Iterator[tuple[str, list[str]]]:
    """YIELDS (tuple[str, list[str]]): The noun at the end of a phrase, and the noun with the small words before it."""
    if not phrase or not phrase[-1].islower():
        return
    found = nouns.find(phrase, kind)
    if found is None:
        return
    noun, names = found
    yield noun, names
    rest = list(phrase[: len(phrase) - len(noun.split())])
    before: list[str] = []
    while rest and rest[-1].islower() and rest[-1].isalpha() and rest[-1] not in ARTICLES and len(before) < 2:
        before.insert(0, rest.pop())
    # The last small word alone: "silent film" of "short silent film".
    if before and len(before[-1]) >= MIN_LETTERS and before[-1] not in POINTERS:
        yield f"{before[-1]} {noun}", names
