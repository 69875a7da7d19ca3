"""Make passages of WordNet in which types are annotated that the passages describe themselves."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from .entries import Mention, definition_of, write_entries
from .hypernyms import Inventory, Rules, all_hypernyms, make_inventories
from .wordnet import Synset

KEY = "sc"
SHARE_OF_NAMES, SHARE_OF_LISTS = 0.6, 0.25
LISTED, DEFINED = 8, 5
# How often an entry comes from the lexicographer file of the one before, so that types are hard to tell apart.
SHARE_OF_NEIGHBOURS = 0.4
# How often a type's name is its first word.
SHARE_OF_FIRST = 0.8
# Draws of a further type before a passage does with fewer.
MAX_DRAWS = 200


class WordNetPassages:
    """Draws passages of WordNet. The same synsets and the same seed give the same passages."""

    def __init__(self, synsets: Mapping[str, Synset], rules: Rules | None = None, *, n_types: int = 12) -> None:
        """
        synsets (Mapping[str, Synset]): The synsets.
        rules (Rules, optional): Which hypernyms are types. Defaults to those of the whole of WordNet.
        n_types (int): Types per passage, those that have a span in it and others. A passage that has more of the first
            kind has no others. Defaults to 12.
        RAISES (ValueError): If no noun or no name has a type.
        """
        self.synsets = synsets
        self.above = all_hypernyms(synsets)
        self.inventories = make_inventories(synsets, self.above, rules or Rules())
        self.n_types = n_types
        for is_name, inventory in self.inventories.items():
            if not inventory.types:
                raise ValueError(f"No {'name' if is_name else 'noun'} of WordNet has a type.")

    def draw(self, n: int, vocab: Vocab, seed: int = 0) -> Iterator[Doc]:
        """Draw passages.

        n (int): The number of passages.
        vocab (Vocab): The vocabulary of the docs.
        seed (int): Decides what is drawn. Defaults to 0.
        YIELDS (Doc): The passages. `attrs["labels"]` of the span group has the descriptions of each type. Each entry of
            these types has a span. What else definitions and examples mention has none.
        """
        rng = Random(seed)
        made = 0
        while made < n:
            inventory = self.inventories[rng.random() < SHARE_OF_NAMES]
            as_list = rng.random() < SHARE_OF_LISTS
            names = self._draw_entries(inventory, LISTED if as_list else DEFINED, rng)
            words, mentions = write_entries(names, self.synsets, rng, as_list=as_list)
            if mentions:
                made += 1
                yield self._annotate(Doc(vocab, words=words), mentions, inventory, rng)

    def _draw_entries(self, inventory: Inventory, n: int, rng: Random) -> list[str]:
        """RETURNS (list[str]): Nouns or names. They are drawn by types, so that those of rare types come too."""
        names: list[str] = []
        for _ in range(n):
            if names and rng.random() < SHARE_OF_NEIGHBOURS:
                names.append(rng.choice(inventory.in_file[self.synsets[names[-1]].file]))
            else:
                names.append(rng.choice(inventory.under[rng.choice(inventory.types)]))
        return names

    def _annotate(self, doc: Doc, mentions: Sequence[Mention], inventory: Inventory, rng: Random) -> Doc:
        described: dict[str, list[str]] = {}
        spans: list[Span] = []
        for kind in self._choose_types(mentions, inventory, rng):
            texts = self._describe(kind, inventory is self.inventories[True], rng)
            name = texts[0]
            # Of two types of one name, the first is taken.
            if name not in described:
                described[name] = texts
                spans += [Span(doc, start, end, label=name) for start, end, one in mentions if self.is_under(one, kind)]
        order = sorted(spans, key=lambda span: (span.start, -span.end, span.label_))
        doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=order, attrs={"labels": described})
        return doc

    def _choose_types(self, mentions: Sequence[Mention], inventory: Inventory, rng: Random) -> list[str]:
        """RETURNS (list[str]): One or two types of each mention, then types at random and of the same files."""
        chosen: dict[str, None] = {}
        for *_, one in mentions:
            types = inventory.types_of[one]
            chosen.update(dict.fromkeys(rng.sample(types, min(len(types), rng.choice((1, 1, 2))))))
        known = {word for *_, one in mentions for up in (one, *self.above[one]) for word in self.synsets[up].members}
        for _ in range(MAX_DRAWS):
            if len(chosen) >= self.n_types:
                break
            near = rng.choice(inventory.in_file[self.synsets[rng.choice(mentions).synset].file])
            kind = rng.choice(rng.choice((inventory.types, inventory.types_of[near])))
            # Another meaning of a word that names a type of a mention would be a wrong negative.
            is_right = any(self.is_under(one, kind) for *_, one in mentions)
            if is_right or known.isdisjoint(self.synsets[kind].members):
                chosen[kind] = None
        return list(chosen)

    def is_under(self, name: str, kind: str) -> bool:
        """RETURNS (bool): Whether a noun or name is of a type, or is the type itself."""
        return name == kind or kind in self.above[name]

    def _describe(self, kind: str, is_name: bool, rng: Random) -> list[str]:
        """RETURNS (list[str]): Descriptions of a type. The bare name comes twice, so that half of the draws are it."""
        synset = self.synsets[kind]
        name = synset.members[0] if rng.random() < SHARE_OF_FIRST else rng.choice(synset.members)
        definition = definition_of(synset)
        return [name, name, f"{name}: {definition}", f"names of {plural(name)}" if is_name else definition]


def plural(noun: str) -> str:
    """RETURNS (str): The plural of a noun, by rule."""
    if noun.endswith("s"):
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    if noun.endswith(("x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun}s"
