"""Mine types from coreference chains: "the museum" and "the Louvre" are one entity, so "museum" is a type of both."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from .mentions import head_of, without_possessive
from .passages import KEY, Passages
from .wording import plural

# Nouns that say too little, or that count.
VAGUE_WORDS = (
    "all bit case day end example fact few first form group guy kind last level lot man many more most much n't "
    "number one other part people percent person place point second set side some something that these thing "
    "this those time type way woman year anything everything %"
)
VAGUE = frozenset(VAGUE_WORDS.split())
MIN_LETTERS = 3
# The most types of a passage: those of a chain with a name, others of its chains, and those that it hasn't.
N_NAMED, N_OTHERS, N_ELSEWHERE = 5, 5, 15
Extent = tuple[int, int]


class ChainPassage(NamedTuple):
    """A passage, and the types of the entities that it mentions.

    words (list[str]): The words.
    mentions (dict[str, list[tuple[int, int]]]): The mentions of each type.
    named (list[str]): Those types that an entity with a name has.
    in_document (frozenset[str]): All types of the document.
    """

    words: list[str]
    mentions: dict[str, list[Extent]]
    named: list[str]
    in_document: frozenset[str]


def mine_chains(docs: Iterable[Doc], passages: Passages) -> Iterator[ChainPassage]:
    """Find the types of the entities of some docs.

    docs (Iterable[Doc]): Docs with syntax. Spans of one entity have the same `span.id_` in a doc.
    passages (Passages): Cuts them.
    YIELDS (ChainPassage): The passages that mention an entity with a type.
    """
    for doc in docs:
        types: defaultdict[str, list[str]] = defaultdict(list)
        named: set[str] = set()
        kept = []
        for span in doc.spans[KEY]:
            head = head_of(span)
            lemma = head.lemma_.lower()
            if head.pos_ == "NOUN" and lemma not in VAGUE and lemma.isalpha() and len(lemma) >= MIN_LETTERS:
                types[span.id_].append(lemma)
            if head.pos_ == "PROPN":
                named.add(span.id_)
            if head.pos_ in ("NOUN", "PROPN"):
                kept.append(without_possessive(span))
        doc.spans[KEY] = kept
        in_document = frozenset(lemma for lemmas in types.values() for lemma in lemmas)
        for passage in passages.cut([doc]):
            mentions: defaultdict[str, dict[Extent, None]] = defaultdict(dict)
            of_names: dict[str, None] = {}
            for span in passage.spans[KEY]:
                for lemma in types[span.id_]:
                    mentions[lemma][span.start, span.end] = None
                    if span.id_ in named:
                        of_names[lemma] = None
            if mentions:
                words = [token.text for token in passage]
                extents = {lemma: list(found) for lemma, found in mentions.items()}
                yield ChainPassage(words, extents, list(of_names), in_document)


def draw_chains(found: Sequence[ChainPassage], n: int, vocab: Vocab, seed: int = 0) -> Iterator[Doc]:
    """Draw passages, and some types for each. A passage with more names comes more often, with other types.

    found (Sequence[ChainPassage]): The passages.
    n (int): The number of docs.
    vocab (Vocab): Their vocabulary.
    seed (int): Decides what is drawn. Defaults to 0.
    YIELDS (Doc): The docs. `attrs["labels"]` of the span group has the types: some of the passage, and some that no
        entity of its document has.
    RAISES (ValueError): If there is no passage.
    """
    if not found:
        raise ValueError("No coreference chain has a name and a noun.")
    rng = Random(seed)
    lemmas = list(dict.fromkeys(lemma for passage in found for lemma in passage.mentions))
    weights = [1 + len(passage.named) for passage in found]
    for passage in rng.choices(found, weights, k=n):
        own = list(passage.mentions)
        chosen = dict.fromkeys(rng.sample(passage.named, min(N_NAMED, len(passage.named))))
        chosen.update(dict.fromkeys(rng.sample(own, min(N_OTHERS, len(own)))))
        elsewhere = rng.sample(lemmas, min(N_ELSEWHERE, len(lemmas)))
        labels = {lemma: describe(lemma) for lemma in chosen}
        labels.update({lemma: describe(lemma) for lemma in elsewhere if lemma not in passage.in_document})
        doc = Doc(vocab, words=passage.words)
        spans = sorted((start, -end, lemma) for lemma in chosen for start, end in passage.mentions[lemma])
        group = [Span(doc, start, -end, label=lemma) for start, end, lemma in spans]
        doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=group, attrs={"labels": labels})
        yield doc


def describe(lemma: str) -> list[str]:
    """RETURNS (list[str]): Descriptions of a type: the noun, twice, and its plural."""
    return [lemma, lemma, plural(lemma)]
