"""The corpora that the open pipeline is trained and measured on, as passages."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from convert import CONVERTERS
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from spacy_binder.corpora.conllu import read_conllu
from spacy_binder.corpora.problems import Problems

from .chains import head_of
from .passages import KEY

DOMAINS = ("ai", "literature", "music", "politics", "science")
# The label of CrossNER that says nothing of what it is.
MISC = "misc"
# Labels of MultiCoNER whose spans are names.
PROPER_LABELS = (
    "Artist Politician Scientist Athlete Cleric SportsManager OtherPER HumanSettlement Station ORG MusicalGRP "
    "SportsGRP PublicCorp PrivateCorp CarManufacturer AerospaceManufacturer MusicalWork WrittenWork VisualWork ArtWork"
)
PROPER = frozenset(PROPER_LABELS.split())
# Words that have small letters inside names.
SMALL_WORDS = "a an and at by de der di for from in la le of on or 's the to van von with"
SMALL = frozenset(SMALL_WORDS.split())
# A label of GUM whose mentions are seldom names, and belong to a corpus of names.
TIME = "time"


class Source(NamedTuple):
    """A corpus of the mix.

    dataset (str): A dataset of the project.
    train (tuple[str, ...]): Its parts that are trained on. Of corpora that nothing is measured on, also other parts.
    dev (bool): Whether its development part is measured on.
    named (bool): Whether only mentions by name are taken. Defaults to False.
    lower (bool): Whether all words of the corpus have small letters, so that names get capitals. Defaults to False.
    by_label (bool): Whether its sentences are sorted by label, so that they are shuffled first. Defaults to False.
    """

    dataset: str
    train: tuple[str, ...]
    dev: bool
    named: bool = False
    lower: bool = False
    by_label: bool = False


SOURCES = {
    "gum": Source("gum", ("train",), True, named=True),
    "gum_all": Source("gum", ("train",), False),
    "litbank": Source("litbank", ("train",), False),
    "btc": Source("btc", ("train", "test"), False),
    "wikigold": Source("wikigold", ("train", "dev", "test"), False),
    "re3d": Source("re3d", ("train", "test"), True),
    "wnut17": Source("wnut17", ("train",), True),
    "ncbi": Source("ncbi", ("train",), False),
    "craft": Source("craft", ("train",), True),
    "anatem": Source("anatem", ("train",), False),
    "multiconer": Source("multiconer", ("train",), True, lower=True, by_label=True),
}


def read_part(name: str, part: str, assets: Path, datasets: Path, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """Read a part of a dataset of the project.

    name (str): The dataset.
    part (str): train, dev or test.
    assets, datasets (Path): The folders of that name of the project.
    nlp (Language): Its vocabulary becomes that of the docs.
    problems (Problems): Counts annotations that do not fit.
    YIELDS (Doc): The docs. Those of GUM have syntax.
    """
    settings = datasets / name
    if name == "gum":
        names = settings / f"{part}.txt"
        yield from read_conllu(assets / name / "dep", nlp, names=names, problems=problems, syntax=True)
    else:
        yield from CONVERTERS[name](assets / name, settings, part, nlp, problems)


def keep_names(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with those spans alone whose head is a proper noun, and with times."""
    for doc in docs:
        doc.spans[KEY] = [span for span in doc.spans[KEY] if span.label_ == TIME or head_of(span).pos_ == "PROPN"]
        yield doc


def restore_capitals(docs: Iterable[Doc]) -> Iterator[Doc]:
    """YIELDS (Doc): The docs with capitals at the beginning of sentences, and of the words of names."""
    for doc in docs:
        words = [token.text for token in doc]
        named = {i for span in doc.spans[KEY] if span.label_ in PROPER for i in range(span.start, span.end)}
        starts = {span.start for span in doc.spans[KEY]}
        for i, word in enumerate(words):
            if doc[i].is_sent_start or (i in named and (i in starts or word not in SMALL)):
                words[i] = word[:1].upper() + word[1:]
        cased = Doc(doc.vocab, words=words, sent_starts=[token.is_sent_start for token in doc])
        cased.spans[KEY] = [Span(cased, span.start, span.end, label=span.label_) for span in doc.spans[KEY]]
        yield cased


def leave_out_misc(docs: Iterable[Doc], labels: Iterable[str]) -> Iterator[Doc]:
    """Leave out the spans of CrossNER that are none of the types of a domain.

    docs (Iterable[Doc]): The docs of a domain.
    labels (Iterable[str]): All its labels.
    YIELDS (Doc): The docs. They say which types were annotated: all but `misc`.
    """
    kept = [label for label in labels if label != MISC]
    for doc in docs:
        spans = [Span(doc, span.start, span.end, label=span.label_) for span in doc.spans[KEY] if span.label_ != MISC]
        doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=spans, attrs={"labels": kept})
        yield doc


def spread(docs: list[Doc], n: int) -> list[Doc]:
    """RETURNS (list[Doc]): Some of a list of docs, at equal distances. All of them if there are fewer."""
    return [docs[i * len(docs) // n] for i in range(n)] if len(docs) > n else docs
