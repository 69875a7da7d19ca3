"""Make passages with types of what relations and the text itself say of the entities."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from .definitions import Nouns, define, noun_of_name
from .entries import definition_of
from .hypernyms import TOO_GENERAL, all_hypernyms
from .passages import KEY, Passages
from .relations import Document, Entity
from .shares import KINDS, Shares
from .wording import join_words, plural
from .wordnet import Synset

# The most steps from a noun up to a type.
MAX_STEPS = 4
# A type is asked for where few entities are expected to be of it beside those that are known to be: at most so many in
# a passage, or this part of those that are known.
MAX_MISSED, MAX_MISSED_SHARE = 0.01, 0.1
# The types of a passage, and the most of these that an entity of it has.
N_TYPES, MAX_OWN = 14, 8
# Draws of a further type before a passage does with fewer.
MAX_DRAWS = 200
# How often a type without spans is of the kind of an entity of the passage, and a general type is asked for.
SHARE_OF_KIND, SHARE_OF_GENERAL = 0.7, 0.3
# The least number of entities of a phrase that WordNet doesn't have.
MIN_PHRASE = 3
# Types that say too little of an entity.
VAGUE_WORDS = (
    "person|male|female|man|woman|relative|relation|unpleasant person|unwelcome person|peer|associate|gathering|"
    "commodity|covering|implement|consumer goods|equipment|diversion|contestant|preserver|worker|good person|"
    "bad person|product|homo|hominid|primate|placental|mammal|vertebrate|chordate|work|idea|concept|category|kind|"
    "occupation|surface|boundary|extremity|branch|position|geographic point|geographical area|auditory communication|"
    "written communication|accomplishment|entertainment|change|happening|male offspring|female offspring|offspring|"
    "kinswoman|workplace|facility|system|family|holding device|playing card|sports implement|important person|"
    "personality|game equipment|lineage|genealogy|holder|acquirer|ordering|arrangement|agglomeration|age group|choice|"
    "language unit|group action|entry|attempt|evidence|musical notation|notation|geological formation|conveyance"
)
VAGUE = TOO_GENERAL.union(VAGUE_WORDS.split("|"))
# What the entities of a kind are called in general.
GENERAL = {"PER": "person", "ORG": "organization", "LOC": "place"}
# Kinds of organizations that have other general names, and words for all of a kind that aren't asked for elsewhere.
NO_ORGANIZATIONS = frozenset(("religion", "ethnic group"))
GENERAL_WORDS = frozenset(
    (*GENERAL.values(), "location", "organisation", "institution", "establishment", "administration")
)
# How often a passage is of a text whose entities are all known. The least number of entities of a type without spans.
SHARE_OF_WHOLE, MIN_ENTITIES = 0.8, 3
# Descriptions of a type beside its bare name, and the names of other passages that one of these has.
N_DESCRIPTIONS, N_NAMES = 3, 40
# For each kind, types and how often each is drawn.
Pools = Mapping[str, tuple[Sequence[str], Sequence[float]]]


class Fact(NamedTuple):
    """An entity in a passage.

    kind (str): Its kind.
    extents (list[tuple[int, int]]): Its mentions.
    types (list[str]): Its types. Empty if nothing is known of it.
    """

    kind: str
    extents: list[tuple[int, int]]
    types: list[str]


class FactPassage(NamedTuple):
    """A passage, and what is known of its entities.

    words (list[str]): The words.
    facts (list[Fact]): The entities.
    is_whole (bool): Whether these are all entities of the passage.
    lacks (frozenset[str]): The kinds that are not among them all the same. Defaults to none.
    """

    words: list[str]
    facts: list[Fact]
    is_whole: bool
    lacks: frozenset[str] = frozenset()


class Facts:
    """Types of entities, from relations, from the text and from WordNet above these."""

    def __init__(self, synsets: Mapping[str, Synset], definitions: Mapping[str, str] | None = None) -> None:
        """
        synsets (Mapping[str, Synset]): The nouns and names of WordNet.
        definitions (Mapping[str, str], optional): Definitions of types, where those of WordNet may be of another
            meaning.
        """
        self.synsets = synsets
        self.definitions = definitions or {}
        self.nouns = Nouns(synsets)
        self.above = all_hypernyms(synsets)
        # The synsets that a type was found as. None if it is not known which one of several is meant.
        self.senses: defaultdict[str, set[str | None]] = defaultdict(set)
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.shares = Shares()
        self.names: defaultdict[str, list[str]] = defaultdict(list)
        # Nouns that are words for people or languages, such as "German", and no places.
        self.demonyms = {
            word
            for name in synsets
            for word in synsets[name].members
            if word[:1].isupper()
            and not synsets[name].is_instance
            and synsets[name].file in ("person", "communication")
        }
        self.places = {word for one in synsets.values() if one.file in ("location", "object") for word in one.members}

    def mine(self, documents: Iterable[Document], passages: Passages, vocab: Vocab) -> Iterator[FactPassage]:
        """Find the types of the entities, and cut the documents.

        documents (Iterable[Document]): The documents.
        passages (Passages): Cuts them.
        vocab (Vocab): A vocabulary.
        YIELDS (FactPassage): The passages in which something is known of an entity.
        """
        for document in documents:
            types = [self._types_of(entity, document.words) for entity in document.entities]
            for entity, names in zip(document.entities, types, strict=True):
                self.counts[entity.kind].update(names)
                if document.is_whole:
                    self.shares.add(entity.kind, names)
                for name in names:
                    if len(self.names[name]) < N_NAMES:
                        start, end = entity.mentions[0]
                        self.names[name].append(" ".join(document.words[start:end]))
            for passage in passages.cut([self._mark_entities(document, vocab)]):
                extents: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
                for span in passage.spans[KEY]:
                    extents[int(span.label_)].append((span.start, span.end))
                facts = [Fact(document.entities[i].kind, extents[i], types[i]) for i in extents]
                if any(fact.types for fact in facts):
                    yield FactPassage([token.text for token in passage], facts, document.is_whole, document.lacks)

    def _mark_entities(self, document: Document, vocab: Vocab) -> Doc:
        """RETURNS (Doc): A doc whose spans have the number of their entity as label. "German" is no place."""
        starts: list[bool | int | None] = [False] * len(document.words)
        for start in document.starts:
            starts[start] = True
        doc = Doc(vocab, words=document.words, sent_starts=starts)
        spans = []
        for i, entity in enumerate(document.entities):
            for start, end in entity.mentions:
                text = " ".join(document.words[start:end])
                if not (entity.kind == "LOC" and text in self.demonyms and text not in self.places):
                    spans.append(Span(doc, start, end, label=str(i)))
        doc.spans[KEY] = spans
        return doc

    def _types_of(self, entity: Entity, words: Sequence[str]) -> list[str]:
        """RETURNS (list[str]): What relations and the text say of an entity, and what is above that in WordNet."""
        types = dict(entity.types)
        for name in types:
            self.senses[name].add(None)
        of_names = (noun_of_name(words[start:end], entity.kind, self.nouns) for start, end in entity.mentions)
        for noun, names in (*define(entity, words, self.nouns), *filter(None, of_names)):
            types[noun] = None
            # Of one meaning in all of WordNet, and not just among those that fit the kind.
            known = self.nouns.by_word.get(noun, ())
            self.senses[noun].add(known[0] if len(known) == 1 else None)
            for up in self._above_all(names):
                word = self.synsets[up].members[0]
                types[word] = None
                self.senses[word].add(up)
        return list(types)

    def definition(self, name: str) -> str | None:
        """RETURNS (str, optional): What a type is. None if it was found in several meanings, or in an unknown one."""
        if name in self.definitions:
            return self.definitions[name]
        one, *others = self.senses[name] or {None}
        return definition_of(self.synsets[one]) if one and not others else None

    def _above_all(self, names: Sequence[str]) -> list[str]:
        """RETURNS (list[str]): The types above each of some synsets: those that hold whichever meaning a noun has."""
        shared = [up for up, steps in self.above[names[0]].items() if steps <= MAX_STEPS]
        return [
            up
            for up in shared
            if all(up in self.above[name] for name in names[1:]) and self.synsets[up].members[0] not in VAGUE
        ]

    def draw(self, found: Sequence[FactPassage], n: int, vocab: Vocab, seed: int = 0) -> Iterator[Doc]:
        """Draw passages, and types for each.

        found (Sequence[FactPassage]): The passages.
        n (int): The number of docs.
        vocab (Vocab): Their vocabulary.
        seed (int): Decides what is drawn. Defaults to 0.
        YIELDS (Doc): The docs, with the types in `attrs["labels"]` of the span group.
        RAISES (ValueError): If there is no passage.
        """
        if not found:
            raise ValueError("No text says what its entities are.")
        rng = Random(seed)
        self._drop_seldom_phrases()
        pools = self._pools()
        groups = {whole: group for whole in (True, False) if (group := [one for one in found if one.is_whole is whole])}
        weights = {whole: [self._weight(passage) for passage in group] for whole, group in groups.items()}
        for _ in range(n):
            is_whole = rng.random() < SHARE_OF_WHOLE
            is_whole = is_whole if is_whole in groups else not is_whole
            [passage] = rng.choices(groups[is_whole], weights[is_whole])
            chosen = self._choose(passage, pools, rng)
            spans = []
            for name, facts in chosen.items():
                spans += [(start, -end, name) for fact in facts for start, end in fact.extents]
            doc = Doc(vocab, words=passage.words)
            group = [Span(doc, start, -end, label=name) for start, end, name in sorted(set(spans))]
            labels = {name: self.describe(name, doc.text, rng) for name in chosen}
            doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=group, attrs={"labels": labels})
            yield doc

    def _pools(self) -> Pools:
        """RETURNS (dict): The types of each kind, of texts whose entities are all known."""
        pools: dict[str, tuple[Sequence[str], Sequence[float]]] = {}
        for kind in self.counts:
            counts = {
                name: n
                for name, n in self.shares.both[kind].items()
                if n >= MIN_ENTITIES and name in self.counts[kind] and name not in GENERAL_WORDS
            }
            if counts:
                pools[kind] = (list(counts), [n**0.5 for n in counts.values()])
        return pools

    def _weight(self, passage: FactPassage) -> float:
        """RETURNS (float): How often a passage is drawn: the more types it has, and the rarer these are."""
        types = {(fact.kind, name) for fact in passage.facts for name in fact.types if name in self.counts[fact.kind]}
        return sum(self.counts[kind][name] ** -0.5 for kind, name in types)

    def _choose(self, passage: FactPassage, pools: Pools, rng: Random) -> dict[str, list[Fact]]:
        """RETURNS (dict[str, list[Fact]]): The types of a passage, and the entities of each."""
        by_type: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in passage.facts:
            for name in fact.types:
                # What a general type is of is known by the kind alone, see below.
                if name in self.counts[fact.kind] and name not in GENERAL.values():
                    by_type[name].append(fact)
        own: dict[str, None] = {}
        order = [fact for fact in passage.facts if fact.types]
        rng.shuffle(order)
        for fact in order:
            allowed = [
                name
                for name in fact.types
                if name in by_type and self.n_missed(name, passage) <= MAX_MISSED_SHARE * len(by_type[name])
            ]
            own.update(dict.fromkeys(rng.sample(allowed, min(len(allowed), rng.choice((1, 2))))))
            if len(own) >= MAX_OWN:
                break
        chosen = {name: by_type[name] for name in own}
        if passage.is_whole:
            for kind, name in GENERAL.items():
                if rng.random() < SHARE_OF_GENERAL:
                    chosen[name] = [
                        fact for fact in passage.facts if fact.kind == kind and NO_ORGANIZATIONS.isdisjoint(fact.types)
                    ]
        kinds = [fact.kind for fact in order if fact.kind in pools]
        for _ in range(MAX_DRAWS):
            if len(chosen) >= N_TYPES or not kinds:
                break
            kind = rng.choice(kinds) if rng.random() < SHARE_OF_KIND else rng.choice(list(pools))
            names, weights = pools[kind]
            name = rng.choices(names, weights)[0]
            if name not in by_type and name not in chosen and self.n_missed(name, passage) <= MAX_MISSED:
                chosen[name] = []
        return chosen

    def _drop_seldom_phrases(self) -> None:
        """Leave out phrases that come seldom, and that WordNet doesn't have: "couple left"."""
        for counts in self.counts.values():
            for name, count in list(counts.items()):
                if count < MIN_PHRASE and " " in name and name not in self.nouns.by_word:
                    del counts[name]

    def n_missed(self, name: str, passage: FactPassage) -> float:
        """RETURNS (float): How many entities of a passage are expected to be of a type beside those known to be."""
        known = [fact for fact in passage.facts if name not in fact.types]
        n = sum(self.shares.of(name, fact.kind, fact.types) for fact in known)
        # One more of each kind whose entities are not all known.
        return n + sum(self.shares.of(name, kind) for kind in (passage.lacks if passage.is_whole else KINDS))

    def describe(self, name: str, text: str, rng: Random) -> list[str]:
        """Describe a type.

        name (str): The type.
        text (str): The passage. Its names are not among the descriptions.
        rng (Random): Draws descriptions.
        RETURNS (list[str]): The bare name twice, and others: definition, plural, names of other passages.
        """
        others = [f"names of {plural(name)}"]
        if definition := self.definition(name):
            others += [f"{name}: {definition}", definition]
        known = list(dict.fromkeys(one for one in self.names[name] if one not in text))
        if len(known) > 1:
            others.append(f"{plural(name)}, such as {join_words(rng.sample(known, 2))}")
        return [name, name, *rng.sample(others, min(N_DESCRIPTIONS, len(others)))]
