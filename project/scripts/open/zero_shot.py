"""Measure a pipeline on types that it was not trained on: the five domains of CrossNER."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from describe import name_labels
from spacy.language import Language

from spacy_binder.analysis.component import changed, get_component
from spacy_binder.analysis.docs import EvaluatedDoc, evaluate_file
from spacy_binder.analysis.metrics import score, score_by

from .corpora import DOMAINS, MISC

# What describes a type: its bare name, a sentence of what it means, or both, as two descriptions.
MODES = ("name", "description", "name and description")
# Mean F1 of the five domains as published, and millions of parameters: GLiNER-bi v2 (bi-encoders, as this is one).
PUBLISHED = {
    "GLiNER-bi v2, 60 M": 54.0,
    "GLiNER-bi v2, 108 M": 57.2,
    "GLiNER-bi v2, 194 M": 60.3,
    "GLiNER-bi v2, 530 M": 61.5,
}


def describe_types(labels: Mapping[str, str], mode: str) -> dict[str, Any]:
    """Describe the types of a domain, without `misc`.

    labels (Mapping[str, str]): What `labels.json` has: "name: description".
    mode (str): One of MODES.
    RETURNS (dict): What describes each label: what is before the colon, what is after it, or a list of both.
    """
    kept = {label: text for label, text in labels.items() if label != MISC}
    names = name_labels(kept)
    texts = {label: text.partition(":")[2].strip() or text for label, text in kept.items()}
    chosen = {"name": names, "description": texts}
    return dict(chosen[mode]) if mode in chosen else {label: [names[label], texts[label]] for label in kept}


def predict(nlp: Language, name: str, path: Path, types: Mapping[str, Any]) -> list[EvaluatedDoc]:
    """Find types in the docs of a file. Of spans that overlap, the best is kept.

    nlp (Language): The pipeline. It stays as it is.
    name (str): The component.
    path (Path): A DocBin with gold spans.
    types (Mapping[str, str]): What describes each label.
    RETURNS (list[EvaluatedDoc]): Gold and predicted spans.
    """
    with changed(get_component(nlp, name), labels=dict(types), thresholds={}, allow_overlap=False):
        return list(evaluate_file(nlp, name, path))


def measure(docs: Sequence[EvaluatedDoc], labels: Iterable[str]) -> dict[str, Any]:
    """RETURNS (dict): The figures of all spans of a domain, and of each label: borders and label have to be right."""
    return {**score(docs), "types": score_by(docs, labels, lambda _, span: span.label)}


def summarize(domains: Mapping[str, Mapping[str, Mapping[str, Any]]], threshold: float) -> dict[str, Any]:
    """Collect the figures of all domains.

    domains (Mapping): The result of `measure` by domain and mode.
    threshold (float): The threshold of the pipeline.
    RETURNS (dict): JSON: the figures, the mean F1 of the domains by mode, and published means, from 0 to 100.
    """
    mean = {mode: 100 * sum((domains[d][mode]["f"] or 0.0) for d in domains) / len(domains) for mode in MODES}
    return {"threshold": threshold, "mean": mean, "published": PUBLISHED, "domains": domains}


def rows_of(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """RETURNS (list[tuple[str, ...]]): A table: F1 of each domain, and their mean, for each mode and as published."""

    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    rows = []
    for mode in MODES:
        scores = [summary["domains"][domain][mode]["f"] for domain in DOMAINS]
        of_domains = [shown(None if f is None else 100 * f) for f in scores]
        rows.append((f"this pipeline, by {mode}", *of_domains, shown(summary["mean"][mode])))
    return [*rows, *((name, *["" for _ in DOMAINS], shown(f)) for name, f in summary["published"].items())]


HEADER = ("F1 without training on CrossNER", *DOMAINS, "mean")


def markdown(summary: Mapping[str, Any]) -> str:
    """RETURNS (str): The table as Markdown, and what it means."""
    lines = [HEADER, ("---", *["---:" for _ in HEADER[1:]]), *rows_of(summary)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    text = (
        "CrossNER, test parts, all types but `misc`, without overlaps. Borders and label have to be right. Threshold: "
        f"{summary['threshold']:.2f}, chosen on other corpora. The means of GLiNER are published ones.\n"
    )
    return f"# Types that training has not seen\n\n{table}\n\n{text}"
