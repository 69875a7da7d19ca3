"""Turn a dataset into DocBins, with a description of each label."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copyfile

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from spacy_binder.corpora.ace import read_ace
from spacy_binder.corpora.conll import read_conll
from spacy_binder.corpora.docbins import HEADER, Counts, write_docbins
from spacy_binder.corpora.genia import read_genia
from spacy_binder.corpora.inline import read_inline
from spacy_binder.corpora.litbank import read_litbank
from spacy_binder.corpora.problems import HEADER as PROBLEMS_HEADER
from spacy_binder.corpora.problems import Problems

# Takes the folders ASSETS and SETTINGS of a dataset, the name of a part, a pipeline, and a counter of problems.
Converter = Callable[[Path, Path, str, Language, Problems], Iterator[Doc]]


def convert_demo(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of the embedded corpus."""
    for name in (assets / f"{part}.txt").read_text(encoding="utf8").split():
        yield from read_inline(assets / "documents" / f"{name}.txt", nlp, problems=problems)


def convert_litbank(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of LitBank, by the split in SETTINGS."""
    yield from read_litbank(assets / "tsv", nlp, names=settings / f"{part}.txt", problems=problems)


def convert_ace(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of ACE 2004 or ACE 2005, by the split in ASSETS."""
    yield from read_ace(assets, nlp, documents=assets / f"{part}.txt", problems=problems)


def convert_genia(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The abstracts of one part of GENIA's development file, by the split in SETTINGS."""
    yield from read_genia(assets / "dev.jsonlines", nlp, names=settings / f"{part}.txt", problems=problems)


def columns(train: str, dev: str, test: str, sentences_per_doc: int = 10) -> Converter:
    """Make the converter of a dataset that has a file of tokens and tags for each part.

    train, dev, test (str): The names of the files in ASSETS.
    sentences_per_doc (int): How many sentences make a document where the files have no -DOCSTART- lines.
    RETURNS (Converter): The converter.
    """
    names = {"train": train, "dev": dev, "test": test}

    def convert_columns(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
        yield from read_conll(assets / names[part], nlp, problems=problems, sentences_per_doc=sentences_per_doc)

    return convert_columns


CONVERTERS: dict[str, Converter] = {
    "ace2004": convert_ace,
    "ace2005": convert_ace,
    # Sentences of many abstracts: each is a document.
    "bc2gm": columns("train.tsv", "devel.tsv", "test.tsv", sentences_per_doc=1),
    "bc5-chem": columns("train.tsv", "devel.tsv", "test.tsv"),
    "bc5-disease": columns("train.tsv", "devel.tsv", "test.tsv"),
    "bc5cdr": columns("train.tsv", "devel.tsv", "test.tsv"),
    "conll2003": columns("eng.train", "eng.testa", "eng.testb"),
    "demo": convert_demo,
    "genia": convert_genia,
    "jnlpba": columns("train.tsv", "devel.tsv", "test.tsv"),
    "litbank": convert_litbank,
    "ncbi": columns("train.tsv", "devel.tsv", "test.tsv"),
    # Posts are unrelated: each is a document.
    "wnut17": columns("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated", sentences_per_doc=1),
}
PARTS = ("train", "dev", "test")
# Sentences and mentions of the parts, as reported in the repository of Yan et al. 2023 ("An Embarrassingly Easy but
# Strong Baseline for Nested Named Entity Recognition") for the splits of Lu and Roth 2015. They split sentences with
# NLTK and tokens at mentions; other papers report other numbers.
REPORTED = {
    "ace2004": ((6297, 22231), (742, 2514), (824, 3036)),
    "ace2005": ((7178, 25300), (960, 3321), (1051, 3099)),
}


def main(dataset: str, assets: Path, settings: Path, output: Path) -> None:
    """Read the three parts of DATASET from ASSETS; write DocBins and the labels of SETTINGS to OUTPUT."""
    if dataset not in CONVERTERS:
        msg.fail(f"Unknown dataset '{dataset}'", f"There are: {', '.join(CONVERTERS)}.", exits=1)
    if not any(assets.glob("*")):
        msg.fail(f"No data in {assets}", "Fetch it first: python -m spacy project assets --extra", exits=1)
    nlp = spacy.blank("en")
    problems = Problems()
    counts = {}
    try:
        for part in PARTS:
            docs = CONVERTERS[dataset](assets, settings, part, nlp, problems)
            counts[part] = write_docbins(docs, output / f"{part}.spacy")
    except (OSError, ValueError) as error:
        msg.fail(f"Can't read {assets}", str(error), exits=1)
    copyfile(settings / "labels.json", output / "labels.json")
    rows = [(part, *counts[part].row()) for part in PARTS]
    msg.table(rows, header=("Part", *HEADER), divider=True, aligns=("l", *"r" * len(HEADER)))
    if dataset in REPORTED:
        show_reported(dataset, counts)
    if problems.counts:
        msg.table(problems.rows(), header=PROBLEMS_HEADER, divider=True, aligns=("l", "r", "l", "l"), max_col=100)


def show_reported(dataset: str, counts: dict[str, Counts]) -> None:
    """Print the numbers of sentences and spans beside those that papers report, so that a wrong split shows."""
    rows = []
    for part, (sentences, mentions) in zip(PARTS, REPORTED[dataset], strict=True):
        pairs = ((counts[part].sentences, sentences), (counts[part].spans, mentions))
        rows.append((part, *(f"{n:,}" for pair in pairs for n in pair), f"{100 * counts[part].spans / mentions:.1f} %"))
    header = ("Part", "Sentences", "as reported", "Spans", "as reported", "of these")
    msg.table(rows, header=header, divider=True, aligns=("l", *"r" * 5))


if __name__ == "__main__":
    typer.run(main)
