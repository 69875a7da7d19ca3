"""The page: tables, charts, and sentences with gold spans above predicted ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from ..docs import Entity, EvaluatedDoc
from ..mistakes import KINDS
from .charts import Points, precision_recall_chart, reliability_chart
from .sentences import sentence_articles

TEMPLATE = Path(__file__).parent / "page.html"
COLORS = ["#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#9d755d", "#d67195", "#79706e", "#8c6d31"]
HEADER = ("", "Gold", "Found", "P", "R", "F1")
# A curve of more points looks the same.
MOST_POINTS = 200


def report_page(
    docs: Sequence[EvaluatedDoc], found: dict[str, Any], *, title: str, model: str, n_sentences: int = 50
) -> str:
    """Make the page.

    docs (Sequence[EvaluatedDoc]): The docs.
    found (dict): Their metrics, as `spacy_binder.analysis.metrics.metrics` gives them.
    title (str): What was evaluated on.
    model (str): What was evaluated.
    n_sentences (int): How many sentences are drawn, those with most mistakes first.
    RETURNS (str): HTML that refers to nothing outside itself.
    """
    labels = list(found["labels"])
    colors = {label: COLORS[i % len(COLORS)] for i, label in enumerate(labels)}
    overall, nested = found["all"], found["nesting"]["nested"]
    articles, n_all = sentence_articles(docs, colors, n_sentences)
    at = None if overall["p"] is None else (overall["r"], overall["p"])
    curves = {label: _curve(docs, label) for label in labels} | {"all": _curve(docs)}
    calibration = found["calibration"]
    return Template(TEMPLATE.read_text(encoding="utf8")).substitute(
        title=escape(title),
        model=escape(model),
        n_docs=f"{found['docs']:,}",
        f1=percent(overall["f"]),
        precision=percent(overall["p"]),
        recall=percent(overall["r"]),
        nested=percent(nested["r"]),
        error=percent(calibration["predictions"]["error"]),
        labels=_table([*found["labels"].items(), ("all", overall)], last_bold=True),
        respects=_respects(found),
        kinds=_kinds(found["mistakes"]),
        confusion=_confusion(found["confusion"]),
        legend="".join(f'<span style="--c:{color}">{escape(label)}</span>' for label, color in colors.items()),
        curves=precision_recall_chart(curves, colors, at),
        reliability=reliability_chart(calibration["candidates"]["bins"]),
        candidates_error=percent(calibration["candidates"]["error"]),
        floor=str(calibration["floor"]),
        frequent="".join(_frequent(label, found["frequent"][label], colors[label]) for label in labels),
        n_sentences=f"{len(articles):,}",
        n_all=f"{n_all:,}",
        sentences="\n".join(articles),
    )


def percent(value: float | None) -> str:
    """RETURNS (str): A score as a percentage with one decimal."""
    return "-" if value is None else f"{100 * value:.1f}"


def score_row(name: str, scores: dict[str, Any]) -> tuple[str, ...]:
    """RETURNS (tuple[str, ...]): Name, gold spans, found spans, precision, recall and F1."""
    counts = (f"{scores['n_gold']:,}", f"{scores['n_predicted']:,}")
    return (name, *counts, *(percent(scores[figure]) for figure in "prf"))


def respect_rows(found: dict[str, Any]) -> list[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """RETURNS (list): Headings, and rows of name and scores under them, of everything but the labels."""
    groups = [
        ("Boundaries", list(found["boundaries"].items())),
        ("Nesting", list(found["nesting"].items())),
        ("Length in tokens", list(found["lengths"].items())),
    ]
    seen = [(name, found[name]) for name in ("seen in training", "not seen in training") if name in found]
    return [*groups, ("Text of the span", seen)] if seen else groups


def _cells(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _table(rows: Sequence[tuple[str, dict[str, Any]]], *, last_bold: bool = False) -> str:
    body = "".join(_cells(score_row(*row)) for row in rows)
    return f"<table{' class=total' if last_bold else ''}>{_cells(HEADER, 'th')}{body}</table>"


def _respects(found: dict[str, Any]) -> str:
    body = ""
    for heading, rows in respect_rows(found):
        body += f'<tr class="heading"><th colspan="6">{escape(heading)}</th></tr>'
        body += "".join(_cells(score_row(*row)) for row in rows)
    return f"<table>{_cells(HEADER, 'th')}{body}</table>"


def _kinds(mistakes: dict[str, int]) -> str:
    total = sum(mistakes.values())
    rows = []
    for kind in KINDS:
        share = mistakes[kind] / total if total else 0.0
        rows.append(
            f"<tr><td>{escape(kind)}</td><td>{mistakes[kind]:,}</td><td>{percent(share)} %</td>"
            f'<td class="bar"><i style="width:{100 * share:.1f}%"></i></td></tr>'
        )
    return f'<table class="kinds">{"".join(rows)}</table>'


def _confusion(confusion: dict[str, Any]) -> str:
    labels, counts = confusion["labels"], confusion["counts"]
    rows = [_cells(["gold ↓ predicted →", *labels, "missed"], "th")]
    for name, row in zip([*labels, "spurious"], counts, strict=True):
        total = max(sum(row), 1)
        cells = []
        for column, n in enumerate(row):
            right = column < len(labels) and labels[column] == name
            color = "84, 162, 75" if right else "228, 87, 86"
            style = f' style="background:rgba({color}, {0.75 * n / total:.2f})"' if n else ""
            cells.append(f"<td{style}>{n or '·'}</td>")
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    return f'<table class="confusion">{"".join(rows)}</table>'


def _frequent(label: str, mistakes: dict[str, list[tuple[str, int]]], color: str) -> str:
    lists = ""
    for name, chip in (("false_positives", "wrong"), ("false_negatives", "missed")):
        items = "".join(
            f'<span class="chip {chip}">{escape(text)}{f" <b>{n}</b>" if n > 1 else ""}</span>'
            for text, n in mistakes[name]
        )
        lists += f"<p><small>{name.replace('_', ' ')}</small> {items or '<small>none</small>'}</p>"
    return f'<div class="card"><p class="legend"><span style="--c:{color}">{escape(label)}</span></p>{lists}</div>'


def _curve(docs: Sequence[EvaluatedDoc], label: str | None = None) -> Points:
    """RETURNS (Points): Recall and precision of the candidates of a label, at each score."""

    def belongs(span: Entity) -> bool:
        return label is None or span.label == label

    n_gold = sum(belongs(span) for doc in docs for span in doc.gold)
    scored = [(score, span in doc.gold) for doc in docs for span, score in doc.candidates.items() if belongs(span)]
    if not n_gold or not scored:
        return []
    scored.sort(key=lambda pair: -pair[0])
    points, right = [], 0
    for i, (score, is_right) in enumerate(scored, start=1):
        right += is_right
        if i == len(scored) or scored[i][0] < score:
            points.append((right / n_gold, right / i))
    step = max(1, len(points) // MOST_POINTS)
    return [*points[:-1:step], points[-1]]
