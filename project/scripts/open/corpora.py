"""The corpora that the open pipeline is trained and measured on, as passages."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from convert import CONVERTERS
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from spacy_binder.corpora.conllu import read_conllu
from spacy_binder.corpora.problems import Problems

from .cleaning import COUNTRY, DOUBTFUL, drop_common_nouns, drop_handles, drop_possessives, keep_names, mend_multiconer
from .lexicon import Lexicon
from .passages import KEY

DOMAINS = ("ai", "literature", "music", "politics", "science")
# The label of CrossNER that says nothing of what it is.
MISC = "misc"
Change = Callable[[Iterable[Doc], Lexicon], Iterable[Doc]]


class Source(NamedTuple):
    """A corpus of the mix.

    dataset (str): A dataset of the project.
    train (tuple[str, ...]): Its parts that are trained on. Of corpora that nothing is measured on, also other parts.
    dev (bool): Whether its development part is measured on.
    change (Callable, optional): What mends its docs.
    added (tuple[str, ...]): Labels that this adds. Defaults to none.
    doubtful (Mapping): Labels whose spans may be of other types too, and these. Defaults to none.
    """

    dataset: str
    train: tuple[str, ...]
    dev: bool
    change: Change | None = None
    added: tuple[str, ...] = ()
    doubtful: Mapping[str, frozenset[str]] = {}

    def doubts(self, doc: Doc) -> frozenset[str]:
        """RETURNS (frozenset[str]): The types of which a doc may have spans that are not annotated."""
        return frozenset().union(*(self.doubtful.get(span.label_, ()) for span in doc.spans[KEY]))


def _alone(change: Callable[[Iterable[Doc]], Iterable[Doc]]) -> Change:
    """RETURNS (Callable): A change that needs no lexicon."""
    return lambda docs, _: change(docs)


SOURCES = {
    "gum": Source("gum", ("train",), True, _alone(keep_names)),
    "gum_all": Source("gum", ("train",), False, _alone(drop_possessives)),
    "litbank": Source("litbank", ("train",), False),
    "btc": Source("btc", ("train", "test"), False, _alone(drop_handles)),
    "wikigold": Source("wikigold", ("train", "dev", "test"), False),
    "re3d": Source("re3d", ("train", "test"), True, _alone(drop_common_nouns)),
    "wnut17": Source("wnut17", ("train",), True),
    "ncbi": Source("ncbi", ("train",), False),
    "craft": Source("craft", ("train",), True),
    "anatem": Source("anatem", ("train",), False),
    "multiconer": Source("multiconer", ("train",), True, mend_multiconer, (COUNTRY,), DOUBTFUL),
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
