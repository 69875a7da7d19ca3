"""Mend what some corpora annotate otherwise than the others: borders, capitals, and types that hold too much."""

from collections.abc import Iterable, Iterator

from spacy.tokens import Doc, Span

from .lexicon import Lexicon
from .mentions import bare_name, bare_noun, head_of, without_article, without_possessive
from .passages import KEY, shuffled

# Labels of MultiCoNER whose spans are names, and those whose spans are names or nouns.
PROPER_LABELS = (
    "Artist Politician Scientist Athlete Cleric SportsManager OtherPER HumanSettlement Country Station ORG MusicalGRP "
    "SportsGRP PublicCorp PrivateCorp CarManufacturer AerospaceManufacturer MusicalWork WrittenWork VisualWork ArtWork"
)
PROPER = frozenset(PROPER_LABELS.split())
MIXED = frozenset(("Facility", "OtherLOC", "Software", "Vehicle", "OtherPROD"))
# Words that have small letters inside names.
SMALL_WORDS = "a an and at by de der di for from in la le of on or 's the to van von with"
SMALL = frozenset(SMALL_WORDS.split())
# The label of MultiCoNER for countries too, and the one that they get.
SETTLEMENT, COUNTRY = "HumanSettlement", "Country"
# Labels of MultiCoNER for what has no label of its own, and types that such a span may be of all the same. Of 30
# persons that were read, 17 were of one of these types. So a sentence with such a span says nothing of these types.
DOUBTFUL = {
    "OtherPER": frozenset(("Artist", "Politician", "Scientist", "Athlete", "Cleric", "SportsManager")),
    "OtherLOC": frozenset(("Facility",)),
    "OtherPROD": frozenset(("Clothing", "Food", "Drink", "Software", "Vehicle")),
}
# A label of GUM whose mentions are seldom names, and belong to a corpus of names.
TIME = "time"
# Labels of GUM whose nouns are kept too.
NOUNS = frozenset(("animal", "plant", "substance"))
# Labels of re3d whose spans are names here. They have nouns and pronouns there.
NAMES = frozenset(("Organisation", "Person", "Location"))
PRONOUN_WORDS = (
    "i you he she it we they me him us them who whom this that these those one all both each some others his her its "
    "our their my your mine ours theirs himself herself itself ourselves themselves"
)
PRONOUNS = frozenset(PRONOUN_WORDS.split())


def keep_names(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with those spans alone that are names, and with times, animals, plants and substances."""
    for doc in docs:
        kept = []
        for span in doc.spans[KEY]:
            head = head_of(span)
            if head.pos_ == "PROPN":
                kept.append(bare_name(span, head))
            elif head.pos_ == "NOUN" and span.label_ in NOUNS:
                kept.append(bare_noun(span, head))
            elif span.label_ == TIME:
                kept.append(span)
        doc.spans[KEY] = _distinct(kept)
        yield doc


def drop_possessives(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with spans that don't end with "'s"."""
    for doc in docs:
        doc.spans[KEY] = _distinct(without_possessive(span) for span in doc.spans[KEY])
        yield doc


def _distinct(spans: Iterable[Span]) -> list[Span]:
    """RETURNS (list[Span]): Spans without those that have the tokens and the label of another."""
    return list({(span.start, span.end, span.label_): span for span in spans}.values())


def drop_articles(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with spans that don't begin with an article."""
    for doc in docs:
        doc.spans[KEY] = [without_article(span) for span in doc.spans[KEY]]
        yield doc


def drop_common_nouns(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs of re3d without articles in spans, and with names alone of persons, places and so on."""
    for doc in drop_articles(docs):
        doc.spans[KEY] = [span for span in doc.spans[KEY] if span.label_ not in NAMES or _looks_like_name(span)]
        yield doc


def _looks_like_name(span: Span) -> bool:
    text = span.text
    # "US" is no "us".
    is_pronoun = text == "I" or (text.lower() in PRONOUNS and not text.isupper())
    return not is_pronoun and any(char.isupper() for char in text)


def drop_handles(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs without spans of "@" and of the user name after it."""
    for doc in docs:
        doc.spans[KEY] = [
            span for span in doc.spans[KEY] if span.text != "@" and not (span.start and doc[span.start - 1].text == "@")
        ]
        yield doc


def mend_multiconer(docs: Iterable[Doc], lexicon: Lexicon, seed: int = 0) -> list[Doc]:
    """Mend MultiCoNER, whose sentences are in small letters and sorted by label.

    docs (Iterable[Doc]): Its sentences.
    lexicon (Lexicon): Tells countries, nouns and words in capitals.
    seed (int): Decides the order. Defaults to 0.
    RETURNS (list[Doc]): The sentences in random order, with capitals, and with a label for countries. Those that begin
        with a name that is not annotated are left out.
    """
    whole = (doc for doc in docs if begins_with_known_word(doc, lexicon))
    return shuffled(restore_capitals(name_countries(whole, lexicon), lexicon), seed)


def begins_with_known_word(doc: Doc, lexicon: Lexicon) -> bool:
    """RETURNS (bool): Whether the sentences of a doc begin with a span, or a word that texts write in small letters."""
    inside = {i for span in doc.spans[KEY] for i in range(span.start, span.end)}
    first = (token for token in doc if token.is_sent_start or not token.i)
    return all(token.i in inside or not token.is_alpha or token.text in lexicon.small for token in first)


def name_countries(docs: Iterable[Doc], lexicon: Lexicon) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with another label for settlements that are countries."""
    for doc in docs:
        doc.spans[KEY] = [
            Span(doc, span.start, span.end, label=COUNTRY)
            if span.label_ == SETTLEMENT and span.text.removeprefix("the ") in lexicon.countries
            else span
            for span in doc.spans[KEY]
        ]
        yield doc


def restore_capitals(docs: Iterable[Doc], lexicon: Lexicon) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with capitals at the beginning of sentences, and of the words of names."""
    for doc in docs:
        words = [token.text for token in doc]
        names = [span for span in doc.spans[KEY] if is_name(span, lexicon)]
        named = {i for span in names for i in range(span.start, span.end)}
        starts = {span.start for span in names}
        for i, word in enumerate(words):
            if i in named and word in lexicon.capitals:
                words[i] = word.upper()
            elif doc[i].is_sent_start or (i in named and (i in starts or word not in SMALL)):
                words[i] = word[:1].upper() + word[1:]
        cased = Doc(doc.vocab, words=words, sent_starts=[token.is_sent_start for token in doc])
        cased.spans[KEY] = [Span(cased, span.start, span.end, label=span.label_) for span in doc.spans[KEY]]
        yield cased


def is_name(span: Span, lexicon: Lexicon) -> bool:
    """RETURNS (bool): Whether a span of MultiCoNER is a name, and no noun such as "bridge"."""
    nouns = {span.text, span.text.removesuffix("s")}
    return span.label_ in PROPER or (span.label_ in MIXED and lexicon.nouns.isdisjoint(nouns))
