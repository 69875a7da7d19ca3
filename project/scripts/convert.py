"""Turn a dataset into DocBins, with a description of each label."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Config
from wasabi import msg

from spacy_binder.corpora.ace import read_ace
from spacy_binder.corpora.conll import read_conll
from spacy_binder.corpora.conllu import read_conllu
from spacy_binder.corpora.docbins import HEADER, Counts, write_docbins
from spacy_binder.corpora.files import read_names
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


def convert_gum(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of GUM, by the split in SETTINGS."""
    yield from read_conllu(assets / "dep", nlp, names=settings / f"{part}.txt", problems=problems)


def convert_re3d(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of re3d, by the split in SETTINGS. Each file is a document."""
    for name in read_names(settings / f"{part}.txt"):
        yield from read_conll(assets / f"{name}.conll", nlp, problems=problems, sentences_per_doc=0)


def convert_wikigold(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The articles of one part of WikiGold. Of each ten, the ninth goes to dev, the tenth to test."""
    parts = {8: "dev", 9: "test"}
    for i, doc in enumerate(read_conll(assets / "wikigold.conll.txt", nlp, problems=problems, scheme="iob1")):
        if parts.get(i % 10, "train") == part:
            yield doc


def convert_multiconer(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The sentences of one part of MultiCoNER 2. Of its dev part, every second one goes to test."""
    # Sentences are sorted by label, and the second file has the last ones. So it is no development part.
    files = ("en-train90.conll", "en-train10.conll") if part == "train" else ("en-dev.conll",)
    for file in files:
        for i, doc in enumerate(read_conll(assets / file, nlp, problems=problems, sentences_per_doc=1, comment="# id")):
            if part == "train" or ("dev", "test")[i % 2] == part:
                yield doc


def convert_germeval(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
    """YIELDS (Doc): The sentences of one part of GermEval 2014, with two levels of spans, from its archive."""
    with TemporaryDirectory() as folder:
        try:
            with ZipFile(assets / "GermEval2014.zip") as archive:
                file = Path(archive.extract(f"GermEval2014/germ.{part}.iob2", folder))
        except (BadZipFile, KeyError) as error:
            raise ValueError(f"GermEval2014.zip is not the archive of GermEval 2014: {error}") from None
        yield from read_conll(file, nlp, problems=problems, tag_columns=[1, 2], sentences_per_doc=1)


def columns(train: str, dev: str, test: str, **options: Any) -> Converter:
    """Make the converter of a dataset that has files of tokens and tags for each part.

    train, dev, test (str): The names of the files in ASSETS, with spaces between them.
    **options: Options of `read_conll`.
    RETURNS (Converter): The converter.
    """
    names = {"train": train, "dev": dev, "test": test}

    def convert_columns(assets: Path, settings: Path, part: str, nlp: Language, problems: Problems) -> Iterator[Doc]:
        for name in names[part].split():
            yield from read_conll(assets / name, nlp, problems=problems, **options)

    return convert_columns


BIOMEDICAL = columns("train.tsv", "devel.tsv", "test.tsv")
# Sentences of many articles: each is a document.
CROSSNER = columns("train.txt", "dev.txt", "test.txt", sentences_per_doc=1)

CONVERTERS: dict[str, Converter] = {
    "ace2004": convert_ace,
    "ace2005": convert_ace,
    "anatem": BIOMEDICAL,
    # Sentences of many abstracts: each is a document.
    "bc2gm": columns("train.tsv", "devel.tsv", "test.tsv", sentences_per_doc=1),
    "bc5-chem": BIOMEDICAL,
    "bc5-disease": BIOMEDICAL,
    "bc5cdr": BIOMEDICAL,
    # The split of its makers: the two most varied sections to dev and test. Posts are unrelated. Four tokens are empty.
    "btc": columns(
        "a.conll b.conll e.conll g.conll",
        "h.conll",
        "f.conll",
        sentences_per_doc=1,
        empty_token="\N{REPLACEMENT CHARACTER}",
    ),
    "conll2003": columns("eng.train", "eng.testa", "eng.testb"),
    "craft": BIOMEDICAL,
    "crossner-ai": CROSSNER,
    "crossner-literature": CROSSNER,
    "crossner-music": CROSSNER,
    "crossner-politics": CROSSNER,
    "crossner-science": CROSSNER,
    "demo": convert_demo,
    "genia": convert_genia,
    "germeval2014": convert_germeval,
    "gum": convert_gum,
    "gum-nc": convert_gum,
    "jnlpba": BIOMEDICAL,
    "litbank": convert_litbank,
    "multiconer": convert_multiconer,
    "ncbi": BIOMEDICAL,
    "re3d": convert_re3d,
    "wikigold": convert_wikigold,
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
    nlp = spacy.blank(language(settings / "settings.cfg"))
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


def language(settings: Path) -> str:
    """RETURNS (str): The language that the settings of a dataset name, or English."""
    return Config().from_disk(settings, interpolate=False).get("nlp", {}).get("lang", "en")


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
