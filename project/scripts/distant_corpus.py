"""Label the raw text of a corpus with a dictionary."""

from collections import Counter
from pathlib import Path
from shutil import copyfile
from typing import Annotated, Any

import srsly
import typer
from distant.ruler import label_docs, make_ruler
from distant.scores import spacy_scores
from distant.strings import KEY
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.api import Config
from wasabi import msg

from spacy_binder.corpora.docbins import HEADER, write_docbins

PARTS = ("train", "dev")


def main(
    dictionary: Path,
    config: Path,
    corpus: Path,
    output: Path,
    model: Path,
    phrase_attribute: Annotated[str, typer.Option(help="ORTH or LOWER, for patterns that are strings")] = "ORTH",
) -> None:
    """Write the training and development parts of CORPUS to OUTPUT, with the spans that DICTIONARY finds in them.

    Gold spans are used for the table only. CONFIG says whether spans may overlap. The dictionary is saved as a pipeline
    in MODEL.
    """
    overlap = Config().from_disk(config, interpolate=False)["components"]["binder_ner"]["allow_overlap"]
    patterns: list[Any] = list(srsly.read_jsonl(dictionary))
    nlp = make_ruler(patterns, overlap=overlap, phrase_attribute=phrase_attribute)
    labels: Counter[str] = Counter()
    rows = []
    for part in PARTS:
        docbin = DocBin().from_disk(corpus / f"{part}.spacy")
        docs = list(label_docs(nlp, docbin.get_docs(nlp.vocab)))
        counts = write_docbins(docs, output / f"{part}.spacy")
        if not counts.spans:
            msg.fail(f"The dictionary finds nothing in the {part} part", str(dictionary), exits=1)
        if part == "train":
            labels.update(span.label_ for doc in docs for span in doc.spans[KEY])
        examples = [Example(doc, gold) for doc, gold in zip(docs, docbin.get_docs(nlp.vocab), strict=True)]
        scores = spacy_scores(nlp, examples)
        rows.append((part, *counts.row(), *(f"{100 * scores[name]:.1f}" for name in "prf")))
    header = ("Part", *HEADER, "P, to gold", "R", "F1")
    msg.table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1)))
    absent = [label for label in srsly.read_json(corpus / "labels.json") if not labels[label]]  # type: ignore[union-attr]
    if absent:
        msg.warn("The dictionary finds nothing to learn these labels from", ", ".join(absent))
    copyfile(corpus / "labels.json", output / "labels.json")
    model.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(model)
    msg.good("Labelled by the dictionary alone", str(output))


if __name__ == "__main__":
    typer.run(main)
