"""Charts as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

# A chart's own units; the page scales it.
WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 14, 42

Points = Sequence[tuple[float, float]]


def precision_recall_chart(
    curves: Mapping[str, Points], colors: Mapping[str, str], at: tuple[float, float] | None
) -> str:
    """Draw precision against recall.

    curves (Mapping): Recall and precision at each threshold, a label; "all" is drawn bold.
    colors (Mapping): A color a label.
    at (tuple[float, float], optional): Recall and precision of the pipeline as it is, drawn as a dot.
    RETURNS (str): SVG.
    """
    parts = [_axes("recall", "precision")]
    for name, points in curves.items():
        if len(points) < 2:
            continue
        path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
        style = f'class="all" stroke="{colors.get(name, "#1d2433")}"'
        if name != "all":
            style = f'class="label" stroke="{colors.get(name, "#999")}"'
        parts.append(f'<polyline {style} points="{path}"><title>{escape(name)}</title></polyline>')
    if at is not None:
        title = f"as it is: recall {100 * at[0]:.1f}, precision {100 * at[1]:.1f}"
        parts.append(
            f'<circle class="dot" cx="{_x(at[0]):.1f}" cy="{_y(at[1]):.1f}" r="5"><title>{title}</title></circle>'
        )
    return _svg("Precision against recall", parts)


def reliability_chart(bins: Sequence[Mapping[str, Any]]) -> str:
    """Draw the share of right spans against scores: on the diagonal, scores mean what they say.

    bins (Sequence[Mapping]): `low`, `high`, `n`, `confidence` and `accuracy` of each bin.
    RETURNS (str): SVG.
    """
    parts = [_axes("score", "share of gold spans")]
    most = max((b["n"] for b in bins), default=1)
    for b in bins:
        left, right = _x(b["low"]), _x(b["high"])
        title = f"{b['n']} spans score {b['confidence']:.2f} on average, {b['accuracy']:.2f} of them are gold"
        opacity = 0.35 + 0.65 * (b["n"] / most) ** 0.5
        parts.append(
            f'<rect class="share" x="{left + 2:.1f}" y="{_y(b["accuracy"]):.1f}" width="{right - left - 4:.1f}" '
            f'height="{_y(0) - _y(b["accuracy"]):.1f}" opacity="{opacity:.2f}"><title>{title}</title></rect>'
            f'<circle class="mean" cx="{_x(b["confidence"]):.1f}" cy="{_y(b["confidence"]):.1f}" r="3"/>'
        )
    parts.append(f'<line class="diagonal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>')
    return _svg("Scores against the share of right spans", parts)


def _x(value: float) -> float:
    return LEFT + value * (WIDTH - LEFT - RIGHT)


def _y(value: float) -> float:
    return HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM)


def _axes(x_name: str, y_name: str) -> str:
    parts = []
    for i in range(0, 11, 2):
        value = i / 10
        parts.append(f'<line class="grid" x1="{_x(0)}" x2="{_x(1)}" y1="{_y(value):.1f}" y2="{_y(value):.1f}"/>')
        parts.append(f'<line class="grid" y1="{_y(0)}" y2="{_y(1)}" x1="{_x(value):.1f}" x2="{_x(value):.1f}"/>')
        parts.append(f'<text x="{_x(value):.1f}" y="{_y(0) + 16}" text-anchor="middle">{value:.1f}</text>')
        parts.append(f'<text x="{_x(0) - 7}" y="{_y(value) + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    middle = (_y(0) + _y(1)) / 2
    parts.append(f'<text class="name" x="{(_x(0) + _x(1)) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{x_name}</text>')
    parts.append(
        f'<text class="name" transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{y_name}</text>'
    )
    return "".join(parts)


def _svg(title: str, parts: Sequence[str]) -> str:
    body = "".join(parts)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{body}</svg>'
