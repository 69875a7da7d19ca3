"""Turn a dataset into DocBins, with a description of each label."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from wasabi import msg

from spacy_binder.corpora.inline import read_inline
from spacy_binder.corpora.litbank import read_litbank_split
from spacy_binder.scorer import inside_another

SPANS_KEY = "sc"


def read_demo(assets: Path, settings: Path, part: str, nlp: Language) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of the embedded corpus."""
    for name in (assets / f"{part}.txt").read_text(encoding="utf8").split():
        yield read_inline(assets / "documents" / f"{name}.txt", nlp, spans_key=SPANS_KEY)


def read_litbank(assets: Path, settings: Path, part: str, nlp: Language) -> Iterator[Doc]:
    """YIELDS (Doc): The documents of one part of LitBank, by the split in SETTINGS."""
    yield from read_litbank_split(assets / "tsv", settings / f"{part}.txt", nlp.vocab, spans_key=SPANS_KEY)


READERS = {"demo": read_demo, "litbank": read_litbank}


def main(dataset: str, assets: Path, settings: Path, output: Path) -> None:
    """Read the three parts of DATASET from ASSETS; write DocBins and the labels of SETTINGS to OUTPUT."""
    if dataset not in READERS:
        msg.fail(f"Unknown dataset '{dataset}'", f"There are: {', '.join(READERS)}.", exits=1)
    if not any(assets.glob("*")):
        msg.fail(f"No data in {assets}", "Fetch it first: python -m spacy project assets --extra", exits=1)
    output.mkdir(parents=True, exist_ok=True)
    nlp = spacy.blank("en")
    rows = []
    for part in ("train", "dev", "test"):
        docs = list(READERS[dataset](assets, settings, part, nlp))
        DocBin(docs=docs).to_disk(output / f"{part}.spacy")
        n_spans = sum(len(doc.spans[SPANS_KEY]) for doc in docs)
        n_inside = sum(inside_another(doc, SPANS_KEY) for doc in docs)
        rows.append((part, len(docs), sum(map(len, docs)), n_spans, n_inside))
    copyfile(settings / "labels.json", output / "labels.json")
    header = ("Part", "Documents", "Tokens", "Spans", "Inside another")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r"))


if __name__ == "__main__":
    typer.run(main)
