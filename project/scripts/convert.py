"""Turn a dataset into DocBins, with a description of each label."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copyfile

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from spacy_binder.corpora.conll import read_conll
from spacy_binder.corpora.docbins import HEADER, write_docbins
from spacy_binder.corpora.genia import read_genia
from spacy_binder.corpora.inline import read_inline
from spacy_binder.corpora.litbank import read_litbank
from spacy_binder.corpora.problems import HEADER as PROBLEMS_HEADER
from spacy_binder.corpora.problems import Problems


def convert_demo(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of the embedded corpus."""
    for name in (assets / f"{part}.txt").read_text(encoding="utf8").split():
        yield from read_inline(assets / "documents" / f"{name}.txt", nlp, problems=problems)


def convert_litbank(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of LitBank, by the split in SETTINGS."""
    yield from read_litbank(assets / "tsv", nlp, names=settings / f"{part}.txt", problems=problems)


def convert_genia(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The abstracts of one part of what is at hand of GENIA, by the split in SETTINGS."""
    yield from read_genia(assets / "dev.jsonlines", nlp, names=settings / f"{part}.txt", problems=problems)


def convert_ncbi(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): One part of NCBI-disease, ten sentences a document."""
    name = {"train": "train.tsv", "dev": "devel.tsv", "test": "test.tsv"}[part]
    yield from read_conll(assets / name, nlp, problems=problems)


def convert_wnut17(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): One part of WNUT 2017, where posts have nothing to do with each other: each is a document."""
    names = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}
    yield from read_conll(assets / names[part], nlp, problems=problems, sentences_per_doc=1)


CONVERTERS: dict[str, Callable[[Path, Path, str, Language, Problems], Iterator[Doc]]] = {
    "demo": convert_demo,
    "genia": convert_genia,
    "litbank": convert_litbank,
    "ncbi": convert_ncbi,
    "wnut17": convert_wnut17,
}


def main(dataset: str, assets: Path, settings: Path, output: Path) -> None:
    """Read the three parts of DATASET from ASSETS; write DocBins and the labels of SETTINGS to OUTPUT."""
    if dataset not in CONVERTERS:
        msg.fail(f"Unknown dataset '{dataset}'", f"There are: {', '.join(CONVERTERS)}.", exits=1)
    if not any(assets.glob("*")):
        msg.fail(f"No data in {assets}", "Fetch it first: python -m spacy project assets --extra", exits=1)
    nlp = spacy.blank("en")
    problems = Problems()
    rows = []
    for part in ("train", "dev", "test"):
        docs = CONVERTERS[dataset](assets, settings, part, nlp, problems)
        rows.append((part, *write_docbins(docs, output / f"{part}.spacy").row()))
    copyfile(settings / "labels.json", output / "labels.json")
    msg.table(rows, header=("Part", *HEADER), divider=True, aligns=("l", *"r" * len(HEADER)))
    if problems.counts:
        msg.table(problems.rows(), header=PROBLEMS_HEADER, divider=True, aligns=("l", "r", "l", "l"), max_col=100)


if __name__ == "__main__":
    typer.run(main)
