"""Speed against labels, length and batch size, drawn."""

from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from .plan import Plan

COLORS = {"float32": "#4c78a8", "bfloat16": "#f58518", "saved": "#54a24b"}


def style(mode: str) -> dict[str, str]:
    """RETURNS (dict): How a mode's line is drawn: a colour for each precision, hollow squares for OpenVINO."""
    engine, _, precision = mode.rpartition("-")
    marker = {"marker": "s", "markerfacecolor": "white"} if engine else {"marker": "o"}
    return {"color": COLORS[precision], **marker}


def label_points(plan: Plan, results: dict[str, Any]) -> dict[int, float]:
    """RETURNS (dict): Words per second by number of labels."""
    points = {}
    for count in plan.label_counts:
        if result := results.get(f"labels-{count}"):
            points.setdefault(result["own_labels"], result["words_per_second"]["own"])
            points[count] = result["words_per_second"]["all"]
    return points


def draw(plan: Plan, results: dict[str, Any], folder: Path) -> None:
    """Draw three panels, with a line for each mode, as speed.svg and speed.png.

    plan (Plan): What was to be measured.
    results (dict): The results of the parts that were, by name.
    folder (Path): Where to draw.
    """
    sweeps = {mode: results[name] for mode in plan.modes if (name := f"sweeps-{mode}") in results}
    panels = [("labels", {"float32": label_points(plan, results)})]
    for title, kind in {"words per document": "length", "documents per batch": "batch"}.items():
        speeds = {mode: result[kind]["words_per_second"] for mode, result in sweeps.items()}
        lines = {mode: {int(x): y for x, y in words.items() if x != "bare"} for mode, words in speeds.items()}
        panels.append((title, lines))
    bare = [result[kind]["words_per_second"]["bare"] for result in sweeps.values() for kind in ("length", "batch")]
    # Text stays text in the SVG, and the same figures give the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "speed", "font.size": 9}):
        figure = Figure(figsize=(10, 3.4), layout="constrained")
        handles = {}
        for axes, (name, lines) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
            for mode in lines:
                points = sorted(lines[mode].items())
                if points:
                    (handles[mode],) = axes.plot(*zip(*points, strict=True), markersize=4.5, **style(mode))
            ticks = sorted({x for points in lines.values() for x in points})
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{x:,}" for x in ticks])
            axes.minorticks_off()
            axes.set_xlabel(name)
            axes.yaxis.set_major_formatter("{x:,.0f}")
            axes.grid(axis="y", color="#dddddd", linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        # After all lines, because the panels share this axis.
        for axes in figure.axes:
            axes.set_ylim(bottom=0)
            if bare:
                handles["bare encoder"] = axes.axhline(median(bare), color="#555555", linestyle="--", linewidth=1)
        figure.axes[0].set_ylabel(f"words/s, {plan.threads[0]} thread{'s' * (plan.threads[0] > 1)}")
        if handles:
            figure.legend(handles.values(), handles, loc="outside upper center", ncols=len(handles), frameon=False)
        figure.savefig(folder / "speed.svg", metadata={"Date": None})
        figure.savefig(folder / "speed.png", dpi=160)
