"""Mend what some corpora annotate otherwise than the others: borders, capitals, and types that hold too much."""

from collections.abc import Iterable, Iterator

from spacy.tokens import Doc, Span

from .chains import head_of
from .lexicon import Lexicon
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
# A label of GUM whose mentions are seldom names, and belong to a corpus of names.
TIME = "time"
ARTICLES = frozenset(
    ("a", "an", "the", "this", "that", "these", "those", "its", "his", "her", "their", "our", "my", "your")
)
# What ends a name: the rest of a noun phrase says more of it.
RESTS = frozenset((",", "(", "who", "which", "that"))


def keep_names(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with those spans alone whose head is a proper noun, as names alone, and with times."""
    for doc in docs:
        kept = []
        for span in doc.spans[KEY]:
            head = head_of(span)
            if head.pos_ == "PROPN":
                rest = (token.i for token in span if token.i > head.i and token.lower_ in RESTS)
                kept.append(without_article(Span(doc, span.start, next(rest, span.end), label=span.label_)))
            elif span.label_ == TIME:
                kept.append(span)
        doc.spans[KEY] = list({(span.start, span.end, span.label_): span for span in kept}.values())
        yield doc


def without_article(span: Span) -> Span:
    """RETURNS (Span): A span without articles before it. "The Hague" keeps its own."""
    doc, start = span.doc, span.start
    while start + 1 < span.end and doc[start].lower_ in ARTICLES and (doc[start].is_lower or doc[start].is_sent_start):
        start += 1
    return Span(doc, start, span.end, label=span.label_)


def drop_articles(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with spans that don't begin with an article."""
    for doc in docs:
        doc.spans[KEY] = [without_article(span) for span in doc.spans[KEY]]
        yield doc


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
    RETURNS (list[Doc]): The sentences in random order, with capitals, and with a label for countries.
    """
    return shuffled(restore_capitals(name_countries(docs, lexicon), lexicon), seed)


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
