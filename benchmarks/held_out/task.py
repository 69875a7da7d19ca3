"""Train a pipeline, and score the types that were left out. `benchmarks.held_out` starts a process for each run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import spacy
import typer
from spacy.cli.train import train
from spacy.language import Language

from project.scripts.open.thresholds import THRESHOLDS, f_scores
from spacy_binder.analysis.calibration import scored_spans
from spacy_binder.analysis.component import changed, find_component, get_component
from spacy_binder.analysis.docs import EvaluatedDoc, evaluate_file

from ..machine import machine

MODES = ("name", "description")


def describe(given: Mapping[str, str], mode: str) -> dict[str, str]:
    """RETURNS (dict[str, str]): What describes each label: what is before the colon, or what is after it."""
    return {label: text.partition(":")[0 if mode == "name" else 2].strip() for label, text in given.items()}


def only(docs: Sequence[EvaluatedDoc], labels: Sequence[str]) -> list[EvaluatedDoc]:
    """RETURNS (list[EvaluatedDoc]): The docs with the gold spans and candidates of some labels alone."""
    return [
        replace(
            doc,
            gold={span for span in doc.gold if span.label in labels},
            candidates={span: score for span, score in doc.candidates.items() if span.label in labels},
        )
        for doc in docs
    ]


def score(nlp: Language, dev: Path, datasets: Path, held_out: Mapping[str, list[str]]) -> dict[str, Any]:
    """Score types that a pipeline was not trained on, on the development parts of their corpora.

    It is asked for all types of a corpus, and of spans that overlap the best one is kept: so a type that was trained
    can take the spans of one that was not. Spans of the latter count.

    nlp (Language): The pipeline.
    dev (Path): A folder with CORPUS.spacy.
    datasets (Path): A folder with CORPUS/labels.json.
    held_out (Mapping[str, list[str]]): The labels that count, by corpus. Those without a file in `dev` are passed over.
    RETURNS (dict): For each mode F1 by corpus, one for each of THRESHOLDS, and the number of gold spans by label.
    """
    name = find_component(nlp)
    pipe = get_component(nlp, name)
    # Types that were not trained are what is measured: no warning that they are unlike those that were.
    pipe.cfg["trained"] = []
    scores: dict[str, Any] = {mode: {} for mode in MODES}
    gold: dict[str, dict[str, int]] = {}
    for corpus, labels in held_out.items():
        path = dev / f"{corpus}.spacy"
        if not path.exists():
            continue
        given = json.loads((datasets / corpus / "labels.json").read_text(encoding="utf8"))
        for mode in MODES:
            with changed(pipe, labels=describe(given, mode), thresholds={}, allow_overlap=False):
                docs = only(list(evaluate_file(nlp, name, path)), labels)
            n_gold = sum(len(doc.gold) for doc in docs)
            scores[mode][corpus] = f_scores(scored_spans(docs), n_gold, THRESHOLDS)
            gold[corpus] = {label: sum(span.label == label for doc in docs for span in doc.gold) for label in labels}
    return {"f": scores, "gold": gold}


def main(folder: Path, dev: Path, datasets: Path, held_out: Path) -> dict[str, Any]:
    """Train with FOLDER/config.cfg as `spacy train` does, and score the last pipeline.

    The last line that it prints is the result as JSON.
    """
    start = perf_counter()
    train(folder / "config.cfg", folder)
    seconds = perf_counter() - start
    nlp = spacy.load(folder / "model-last")
    scores = score(nlp, dev, datasets, json.loads(held_out.read_text(encoding="utf8")))
    result = {**scores, "thresholds": THRESHOLDS, "training_seconds": seconds, "machine": machine()}
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    typer.run(main)
