"""The sentences of MultiCoNER as documents whose entities have a kind, so that the text says more of them."""

from collections.abc import Iterable, Iterator

from spacy.tokens import Doc

from .cleaning import COUNTRY
from .passages import KEY
from .relations import Document, Entity

# The kind of each label's entities, and what the label says of them.
ROLES: dict[str, tuple[str, list[str]]] = {
    "Artist": ("PER", []),
    "Politician": ("PER", ["politician"]),
    "Scientist": ("PER", ["scientist"]),
    "Athlete": ("PER", ["athlete"]),
    "Cleric": ("PER", ["cleric"]),
    "SportsManager": ("PER", ["coach"]),
    "OtherPER": ("PER", []),
    "HumanSettlement": ("LOC", []),
    COUNTRY: ("LOC", ["country"]),
    "Facility": ("LOC", []),
    "Station": ("LOC", ["station"]),
    "OtherLOC": ("LOC", []),
    "ORG": ("ORG", []),
    "MusicalGRP": ("ORG", ["musical group"]),
    "SportsGRP": ("ORG", ["sports team"]),
    "PublicCorp": ("ORG", ["company"]),
    "PrivateCorp": ("ORG", ["company"]),
    "CarManufacturer": ("ORG", ["manufacturer", "company"]),
    "AerospaceManufacturer": ("ORG", ["manufacturer", "company"]),
    "MusicalWork": ("MISC", ["musical work"]),
    "WrittenWork": ("MISC", ["written work"]),
    "VisualWork": ("MISC", []),
    "ArtWork": ("MISC", ["work of art"]),
    "Software": ("MISC", ["software"]),
    "Vehicle": ("MISC", ["vehicle"]),
    "OtherPROD": ("MISC", ["product"]),
}
# The kinds that it has no label for.
LACKS = frozenset(("TIME", "NUM"))
# Sentences of a document. They have nothing to do with each other.
JOINED = 4


def make_documents(sentences: Iterable[Doc]) -> Iterator[Document]:
    """Join sentences to documents.

    sentences (Iterable[Doc]): The sentences, after `mend_multiconer`.
    YIELDS (Document): The documents.
    """
    words: list[str] = []
    starts: list[int] = []
    entities: list[Entity] = []
    for sentence in sentences:
        starts.append(len(words))
        for span in sentence.spans[KEY]:
            if span.label_ in ROLES:
                kind, types = ROLES[span.label_]
                place = (len(words) + span.start, len(words) + span.end)
                entities.append(Entity(kind, [place], dict.fromkeys(types)))
        words += [token.text for token in sentence]
        if len(starts) == JOINED:
            yield Document(words, starts, entities, is_whole=True, lacks=LACKS)
            words, starts, entities = [], [], []
    if words:
        yield Document(words, starts, entities, is_whole=True, lacks=LACKS)
