"""Measure the pipeline's speed and memory as ratios to its bare encoder: tables, JSON and a figure."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from spacy_binder.config import find_encoder
from spacy_binder.installed import is_installed

from ..machine import machine
from ..parts import choose, read_kept, run_part, write_json
from .plan import DEFAULT_MODES, GROUPS, MODES, Part, Plan
from .tables import Tables

# Tables are wide; where there is no terminal there is no width.
console = Console(width=None if sys.stdout.isatty() else 140)


def measure_all(parts: list[Part], folder: Path, fresh: bool) -> None:
    """Measure parts one after the other, and keep their results. What is kept already isn't measured again.

    parts (list[Part]): The parts.
    folder (Path): Where results are kept.
    fresh (bool): Whether to measure all parts.
    """
    for i, part in enumerate(parts, start=1):
        path = folder / f"{part.name}.json"
        kept = None if fresh else read_kept(asdict(part), path)
        if kept and "result" in kept:
            console.print(f"{i}/{len(parts)} {part.name}: kept from {kept['date']}")
            continue
        arguments = ["-m", "benchmarks.speed.task", part.task, json.dumps(part.settings), part.threads]
        record = run_part(asdict(part), arguments, part.threads, path)
        state = "failed" if "error" in record else "measured"
        console.print(f"{i}/{len(parts)} {part.name}: {state} in {record['wall_seconds']:.0f} s")
        console.print(record.get("error", ""), style="dim", markup=False, end="")


def report(plan: Plan, folder: Path) -> int:
    """Print and write what has been measured.

    plan (Plan): What was to be measured.
    folder (Path): Where parts/ is, and where speed.json, speed.md, speed.svg and speed.png go.
    RETURNS (int): How many parts have failed.
    """
    from .figure import draw

    parts = plan.parts()
    kept: dict[str, Any] = {}
    for part in parts:
        if record := read_kept(asdict(part), folder / "parts" / f"{part.name}.json"):
            kept[part.name] = record
    results = {name: record["result"] for name, record in kept.items() if "result" in record}
    failed = {name: record["error"] for name, record in kept.items() if "error" in record}
    facts = machine()
    write_json({"machine": facts, "plan": asdict(plan), "failed": list(failed), "parts": kept}, folder / "speed.json")

    tables = Tables(plan, results, facts).all()
    for table in tables:
        console.print(table.rich())
    where = f"{facts['processor']}, {facts['cores']} cores ({', '.join(facts['flags'])})"
    sections = [f"{where}, torch {facts['versions']['torch']}, {facts['date']}", ""]
    sections += [table.markdown() for table in tables]
    if failed:
        sections += ["### Failed", ""]
        sections += [f"- {name}: `... {' '.join(error.split())[-250:]}`" for name, error in failed.items()]
    (folder / "speed.md").write_text("\n".join(sections).rstrip() + "\n", encoding="utf8")
    draw(plan, results, folder)
    console.print(f"{len(results)} of {len(parts)} parts measured, {len(failed)} failed: {folder}/speed.md")
    return len(failed)


def main(
    pipeline: Path,
    encoder: str,
    dev: Path,
    test: Path,
    output: Path,
    modes: Annotated[str, typer.Option(help=f"Of {', '.join(MODES)}; `saved` is as PIPELINE is.")] = ",".join(
        DEFAULT_MODES
    ),
    threads: Annotated[str, typer.Option(help="Where they are not compared, the first number is used.")] = "1,2",
    runs: Annotated[int, typer.Option(help="Pairs that ratios are the medians of.")] = 3,
    only: Annotated[str, typer.Option(help=f"What to measure now, of {', '.join(GROUPS)}.")] = "",
    max_docs: Annotated[int, typer.Option(help="The most documents of DEV and of TEST.")] = 0,
    long: Annotated[bool, typer.Option("--long", help="Also a stream of 10,000 documents.")] = False,
    million: Annotated[bool, typer.Option("--million", help="Also a document of a million words.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is there.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few points, to see whether it works.")] = False,
) -> None:
    """Measure PIPELINE and its bare ENCODER on DEV and TEST; keep results in OUTPUT/parts, write OUTPUT/speed.*.

    Options that name several things take them separated by commas. Run it again to go on where it was stopped.
    """
    if not is_installed("matplotlib"):
        raise typer.BadParameter("matplotlib isn't installed")
    plan = Plan(
        pipeline=str(pipeline.resolve()),
        encoder=find_encoder(encoder)[0],
        dev=str(dev.resolve()),
        test=str(test.resolve()),
        modes=choose(modes, list(MODES), "--modes"),
        threads=[int(n) for n in threads.split(",")],
        runs=runs,
        max_docs=max_docs,
        long_docs=(20 if quick else 10_000) * long,
        long_words=(1000 if quick else 1_000_000) * million,
        quick=quick,
    )
    groups = choose(only, GROUPS, "--only") or GROUPS
    measure_all([part for part in plan.parts() if part.group in groups], output / "parts", fresh)
    if report(plan, output):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
