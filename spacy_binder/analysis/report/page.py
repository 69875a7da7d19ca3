"""A page with tables, charts, and sentences with gold spans above predicted ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..calibration import ScoredSpans, count_found, scored_by_label, scored_spans
from ..docs import EvaluatedDoc
from .sentences import worst_sentences

# White text can be read on each of them. None is red, the color of what is wrong.
COLORS = ["#3b6ea5", "#b45f06", "#38761d", "#8e4a9e", "#117a73", "#ad3a68", "#7a5543", "#4f46b8", "#5f6368", "#6e6116"]
HEADER = ("", "Gold", "Found", "P", "R", "F1")
# A curve with more points looks the same.
MOST_POINTS = 200
# With more characters in all labels together, a table with a column per label is too wide.
MOST_CHARACTERS = 60


def report_page(
    docs: Sequence[EvaluatedDoc], found: dict[str, Any], *, title: str, model: str, n_sentences: int = 50
) -> str:
    """Make the page.

    docs (Sequence[EvaluatedDoc]): The docs.
    found (dict): Their metrics, from `spacy_binder.analysis.metrics.metrics`.
    title (str): The name of the data.
    model (str): The name of the pipeline.
    n_sentences (int): The maximum number of sentences to draw, those with most mistakes first.
    RETURNS (str): HTML without references to other files.
    """
    colors = {label: COLORS[i % len(COLORS)] for i, label in enumerate(found["labels"])}
    sentences, n_all = worst_sentences(docs, colors, n_sentences)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"percent": percent, "thousands": "{:,}".format}
    environment.globals |= {"score_row": score_row}
    return environment.get_template("page.html").render(
        title=title,
        model=model,
        found=found,
        colors=colors,
        header_cells=HEADER,
        respects=respect_rows(found),
        turned=sum(map(len, colors)) > MOST_CHARACTERS,
        n_mistakes=max(sum(found["mistakes"].values()), 1),
        curves=_curves(docs, list(colors)),
        sentences=sentences,
        n_all=n_all,
    )


def percent(value: float | None) -> str:
    """RETURNS (str): A score as a percentage with one decimal."""
    return "-" if value is None else f"{100 * value:.1f}"


def score_row(name: str, scores: dict[str, Any]) -> tuple[str, ...]:
    """RETURNS (tuple[str, ...]): Name, number of gold spans, number of found spans, precision, recall and F1."""
    counts = (f"{scores['n_gold']:,}", f"{scores['n_predicted']:,}")
    return (name, *counts, *(percent(scores[figure]) for figure in "prf"))


def respect_rows(found: dict[str, Any]) -> list[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """RETURNS (list): Headings, each with rows of name and scores. The scores by label are not among them."""
    groups = [
        ("Boundaries", list(found["boundaries"].items())),
        ("Nesting", list(found["nesting"].items())),
        ("Length in tokens", list(found["lengths"].items())),
    ]
    seen = [(name, found[name]) for name in ("seen in training", "not seen in training") if name in found]
    return [*groups, ("Text of the span", seen)] if seen else groups


def _curves(docs: Sequence[EvaluatedDoc], labels: list[str]) -> list[tuple[str, list[tuple[float, float]]]]:
    """RETURNS (list): Each label and, at last, "all", with the points of its curve."""
    n_gold, candidates = Counter(span.label for doc in docs for span in doc.gold), scored_by_label(docs)
    of_labels = [(label, _curve(candidates.get(label), n_gold[label])) for label in labels]
    return [*of_labels, ("all", _curve(scored_spans(docs), n_gold.total()))]


def _curve(candidates: ScoredSpans | None, n_gold: int) -> list[tuple[float, float]]:
    """RETURNS (list): Recall and precision of candidates at each score. Empty if there is nothing to draw."""
    if not n_gold or candidates is None:
        return []
    _, n_found, n_right = count_found(candidates.scores, candidates.right)
    if not len(n_found):
        return []
    points = list(zip((n_right / n_gold).tolist(), (n_right / n_found).tolist(), strict=True))
    step = max(1, len(points) // MOST_POINTS)
    return [*points[:-1:step], points[-1]]
