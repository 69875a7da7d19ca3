"""Score the open pipeline on CrossNER, which it was not trained on, and draw gold above predicted spans."""

import json
from pathlib import Path

import spacy
import srsly
import typer
from open.corpora import DOMAINS
from open.zero_shot import HEADER, MODES, describe_types, markdown, measure, predict, rows_of, summarize
from spacy.cli._util import setup_gpu
from wasabi import msg

from spacy_binder.analysis.component import find_component, get_component
from spacy_binder.analysis.metrics import metrics
from spacy_binder.analysis.report.page import report_page


def main(model: Path, test: Path, datasets: Path, output: Path, sentences: int = 100, gpu_id: int = -1) -> None:
    """Score MODEL on the files of TEST with the types of DATASETS. Write OUTPUT.json, OUTPUT.md and OUTPUT.html."""
    setup_gpu(gpu_id, silent=True)
    nlp = spacy.load(model)
    name = find_component(nlp)
    domains, drawn, labels = {}, [], set()
    for domain in DOMAINS:
        given = json.loads((datasets / f"crossner-{domain}" / "labels.json").read_text(encoding="utf8"))
        domains[domain] = {}
        for mode in MODES:
            types = describe_types(given, mode)
            docs = predict(nlp, name, test / f"crossner-{domain}.spacy", types)
            domains[domain][mode] = measure(docs, types)
        # The page shows what names and descriptions find together.
        drawn += docs
        labels.update(types)
    summary = summarize(domains, get_component(nlp, name).cfg["threshold"])
    msg.table(rows_of(summary), header=HEADER, divider=True, aligns=("l", *"r" * (len(HEADER) - 1)))
    page = report_page(drawn, metrics(drawn, sorted(labels)), title="CrossNER", model=model.name, n_sentences=sentences)
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output.with_suffix(".json"), summary)
    output.with_suffix(".md").write_text(markdown(summary), encoding="utf8")
    output.with_suffix(".html").write_text(page, encoding="utf8")
    msg.good(
        "Saved the scores and the page", ", ".join(str(output.with_suffix(f".{x}")) for x in ("json", "md", "html"))
    )


if __name__ == "__main__":
    typer.run(main)
