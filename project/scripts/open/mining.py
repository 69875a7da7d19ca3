"""Make passages of WordNet in which types are annotated that the passages describe themselves."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from spacy.lang.en.stop_words import STOP_WORDS
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from .entries import Mention, definition_of, split_words, write_entries
from .hypernyms import Inventory, Rules, all_hypernyms, make_inventories
from .wording import join_words, plural
from .wordnet import Synset

KEY = "sc"
Place = tuple[int, int]
Words = tuple[str, ...]
SHARE_OF_NAMES, SHARE_OF_LISTS = 0.6, 0.1
LISTED, DEFINED = 8, 5
# How often an entry comes from the lexicographer file of the one before, so that types are hard to tell apart.
SHARE_OF_NEIGHBOURS = 0.4
# How often a type's name is its first word.
SHARE_OF_FIRST = 0.5
# The most words of a name that is found in a definition or example.
MAX_NAME = 4
# Descriptions of a type beside its bare name, and the types or names that one of these lists.
N_DESCRIPTIONS, N_LISTED = 3, 3
# Draws of a further type before a passage does with fewer.
MAX_DRAWS = 200


class WordNetPassages:
    """Draws passages of WordNet. The same synsets and the same seed give the same passages."""

    def __init__(self, synsets: Mapping[str, Synset], rules: Rules | None = None, *, n_types: int = 12) -> None:
        """
        synsets (Mapping[str, Synset]): The synsets.
        rules (Rules, optional): Which hypernyms are types. Defaults to those of the whole of WordNet.
        n_types (int): Types per passage, those that have a span in it and others. Where there are many of the first
            kind, half as many others come to these. Defaults to 12.
        RAISES (ValueError): If no noun or no name has a type.
        """
        self.synsets = synsets
        self.above = all_hypernyms(synsets)
        self.inventories = make_inventories(synsets, self.above, rules or Rules())
        self.n_types = n_types
        # The names of a text, and its nouns, and what they may be.
        self.by_words: dict[bool, defaultdict[Words, list[str]]] = {True: defaultdict(list), False: defaultdict(list)}
        self.below: defaultdict[str, list[str]] = defaultdict(list)
        for one, synset in synsets.items():
            for up in () if synset.is_instance else synset.hypernyms:
                self.below[up].append(one)
            for member in synset.members:
                # Nouns in small letters, and names with a capital. "at" is money of Laos, but seldom in a definition.
                if member[:1].isupper() is synset.is_instance and member not in STOP_WORDS:
                    self.by_words[synset.is_instance][tuple(split_words(member))].append(one)
        for is_name, inventory in self.inventories.items():
            if not inventory.types:
                raise ValueError(f"No {'name' if is_name else 'noun'} of WordNet has a type.")

    def draw(self, n: int, vocab: Vocab, seed: int = 0) -> Iterator[Doc]:
        """Draw passages.

        n (int): The number of passages.
        vocab (Vocab): The vocabulary of the docs.
        seed (int): Decides what is drawn. Defaults to 0.
        YIELDS (Doc): The passages. `attrs["labels"]` of the span group has the descriptions of each type. Each entry of
            these types has a span, and so has each name in definitions and examples that is of such a type in all its
            meanings. Nouns there have one in passages of nouns.
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
        # A mention has one meaning, and a name beside them may have several.
        places = [((one.start, one.end), [one.synset]) for one in mentions]
        words = [token.text for token in doc]
        taken = {i for one in mentions for i in range(one.start, one.end)}
        places += self._find(words, taken, is_name=True)
        chosen = self._choose_types(mentions, [ids for _, ids in places], inventory, rng)
        if not self.synsets[mentions[0].synset].is_instance:
            # Most nouns have several meanings. So they don't decide which types are asked for.
            places += self._find(words, taken, is_name=False)
        for kind in chosen:
            texts = self._describe(kind, inventory, doc.text, rng)
            name = texts[0]
            # Of two types of one name, the first is taken.
            if name not in described:
                described[name] = texts
                spans += [Span(doc, *place, label=name) for place, ids in places if self._are_under(ids, kind)]
        order = sorted(spans, key=lambda span: (span.start, -span.end, span.label_))
        doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=order, attrs={"labels": described})
        return doc

    def _find(self, words: Sequence[str], taken: set[int], *, is_name: bool) -> list[tuple[Place, list[str]]]:
        """RETURNS (list): Names, or nouns, among the words that are not taken. The longest, and what they may be."""
        known = self.by_words[is_name]
        found: list[tuple[Place, list[str]]] = []
        for start in range(len(words)):
            for end in range(min(start + MAX_NAME, len(words)), start, -1):
                *first, last = words[start:end]
                ids = known.get((*first, last))
                if not ids and not is_name and last not in STOP_WORDS:
                    ids = known.get((*first, last.removesuffix("s")))
                if ids and taken.isdisjoint(range(start, end)):
                    taken.update(range(start, end))
                    found.append(((start, end), ids))
                    break
        return found

    def _choose_types(
        self, mentions: Sequence[Mention], meanings: Sequence[list[str]], inventory: Inventory, rng: Random
    ) -> list[str]:
        """RETURNS (list[str]): One or two types of each mention, then types at random and of the same files."""
        # A name that is of a type in some of its meanings is neither a span of it nor a negative.
        doubtful = {up for ids in meanings for up in self._above_some(ids)}
        chosen: dict[str, None] = {}
        for *_, one in mentions:
            types = [kind for kind in inventory.types_of[one] if kind not in doubtful]
            chosen.update(dict.fromkeys(rng.sample(types, min(len(types), rng.choice((1, 1, 2))))))
        known = {word for *_, one in mentions for up in (one, *self.above[one]) for word in self.synsets[up].members}
        n_types = max(self.n_types, len(chosen) + self.n_types // 2)
        for _ in range(MAX_DRAWS):
            if len(chosen) >= n_types:
                break
            near = rng.choice(inventory.in_file[self.synsets[rng.choice(mentions).synset].file])
            kind = rng.choice(rng.choice((inventory.types, inventory.types_of[near])))
            if kind in doubtful:
                continue
            # Another meaning of a word that names a type of a mention would be a wrong negative.
            is_right = any(self._are_under(ids, kind) for ids in meanings)
            if is_right or known.isdisjoint(self.synsets[kind].members):
                chosen[kind] = None
        return list(chosen)

    def _above_some(self, ids: Sequence[str]) -> set[str]:
        """RETURNS (set[str]): The types that something is of in some of its meanings and not in all."""
        each = [{one, *self.above[one]} for one in ids]
        return set.union(*each) - set.intersection(*each)

    def _are_under(self, ids: Sequence[str], kind: str) -> bool:
        """RETURNS (bool): Whether something is of a type, or is the type itself, in all its meanings."""
        return all(one == kind or kind in self.above[one] for one in ids)

    def _describe(self, kind: str, inventory: Inventory, text: str, rng: Random) -> list[str]:
        """RETURNS (list[str]): Its bare name twice, and other descriptions. They list no name of the text."""
        synset = self.synsets[kind]
        name = synset.members[0] if rng.random() < SHARE_OF_FIRST else rng.choice(synset.members)
        definition = definition_of(synset)
        others = [f"{name}: {definition}", definition, f"names of {plural(name)}"]
        kinds = [self.synsets[one].members[0] for one in self.below[kind]]
        if len(kinds) > 1:
            listed = join_words([plural(one) for one in rng.sample(kinds, min(N_LISTED, len(kinds)))])
            others += [f"names of {listed}", f"{plural(name)}: {listed}"]
        names = [self.synsets[one].members[0] for one in inventory.under[kind]]
        elsewhere = [one for one in rng.sample(names, min(2 * N_LISTED, len(names))) if one not in text]
        if len(elsewhere) > 1:
            others.append(f"{plural(name)}, such as {join_words(elsewhere[:2])}")
        if len(synset.members) > 1:
            others.append(f"names of {plural(rng.choice([word for word in synset.members if word != name]))}")
        return [name, name, *rng.sample(others, N_DESCRIPTIONS)]
