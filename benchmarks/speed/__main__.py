"""Measure the pipeline's speed and memory as ratios to its bare encoder: tables, JSON and a figure."""

import json
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from spacy_binder.config import find_encoder

from ..machine import machine
from ..parts import choose, read_kept, run_part, write_json
from .plan import MODES, TRAINING, Part, Plan
from .tables import Tables

TASK = ["-m", "benchmarks.speed.task"]
GROUPS = ["ratio", "scores", "memory", "training", "labels", "sweeps", "long", "peers", "startup"]

# Tables are wide; where there is no terminal there is no width.
console = Console(width=None if sys.stdout.isatty() else 140)


def measure_all(parts: list[Part], folder: Path, fresh: bool) -> None:
    """Measure parts, one after the other, and keep what they give. What is kept already isn't measured again.

    parts (list[Part]): The parts.
    folder (Path): Where results are kept.
    fresh (bool): Whether to measure all parts.
    """
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Measuring", total=len(parts))
        for i, part in enumerate(parts, start=1):
            progress.update(bar, description=f"Measuring {part.name}")
            path = folder / f"{part.name}.json"
            kept = None if fresh else read_kept(asdict(part), path)
            if kept is None or "error" in kept:
                arguments = [*TASK, part.task, json.dumps(part.settings), str(part.threads)]
                record = run_part(asdict(part), arguments, part.threads)
                write_json(record, path)
                state = "[red]failed[/]" if "error" in record else "measured"
                console.print(f"{i}/{len(parts)} {part.name}: {state} in {record['wall_seconds']:.0f} s")
                if "error" in record:
                    console.print(escape(record["error"]), style="dim")
            else:
                console.print(f"{i}/{len(parts)} {part.name}: kept from {kept['date']}")
            progress.advance(bar)


def report(plan: Plan, folder: Path) -> int:
    """Print and write what has been measured.

    plan (Plan): What was to be measured.
    folder (Path): Where parts/ is, and where speed.json, speed.md, speed.svg and speed.png go.
    RETURNS (int): How many parts have failed.
    """
    from .figure import draw

    parts = {part.name: read_kept(asdict(part), folder / "parts" / f"{part.name}.json") for part in plan.parts()}
    kept = {name: record for name, record in parts.items() if record}
    failed = {name: record["error"] for name, record in kept.items() if "error" in record}
    facts = machine()
    content = {"machine": facts, "plan": asdict(plan), "failed": list(failed), "parts": kept}
    write_json(content, folder / "speed.json")

    tables = Tables(plan, kept, facts).all()
    for table in tables:
        console.print(table.rich())
    flags = ", ".join(facts["flags"])
    about = (
        f"{facts['processor']}, {facts['cores']} cores ({flags}), torch {facts['versions']['torch']}, {facts['date']}"
    )
    sections = [about, "", *(table.markdown() for table in tables)]
    if failed:
        sections += ["### Failed", ""]
        sections += [f"- {name}: `... {' '.join(error.split())[-250:]}`" for name, error in failed.items()]
    (folder / "speed.md").write_text("\n".join(sections).rstrip() + "\n", encoding="utf8")
    draw(plan, {name: record["result"] for name, record in kept.items() if "result" in record}, folder)
    console.print(f"{len(kept) - len(failed)} of {len(parts)} parts measured, {len(failed)} failed: {folder}/speed.md")
    return len(failed)


def main(
    pipeline: Path,
    encoder: str,
    dev: Path,
    test: Path,
    output: Path,
    modes: Annotated[str, typer.Option(help=f"Of {', '.join(MODES)}; all by default.")] = ",".join(MODES),
    label_modes: Annotated[str, typer.Option(help="Where the number of labels is varied.")] = "float32",
    training: Annotated[str, typer.Option(help="Precisions of training steps.")] = "float32,mixed",
    threads: Annotated[str, typer.Option(help="Where they aren't compared, the first number is used.")] = "1,2",
    runs: Annotated[int, typer.Option(help="Pairs that ratios are the medians of.")] = 5,
    sweep_runs: Annotated[int, typer.Option(help="Rounds over labels, lengths and batch sizes.")] = 3,
    only: Annotated[str, typer.Option(help=f"What to measure now, of {', '.join(GROUPS)}.")] = "",
    max_docs: Annotated[int, typer.Option(help="The most documents of DEV and of TEST.")] = 0,
    long: Annotated[bool, typer.Option("--long", help="Also a stream of 10,000 documents.")] = False,
    million: Annotated[bool, typer.Option("--million", help="Also a document of a million words.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is there.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few points once: whether it works.")] = False,
) -> None:
    """Measure PIPELINE and its bare ENCODER on DEV and TEST; keep results in OUTPUT/parts, write OUTPUT/speed.*.

    Options that name several things take them separated by commas. Run it again to go on where it was stopped.
    """
    if find_spec("matplotlib") is None:
        raise typer.BadParameter("matplotlib isn't installed")
    plan = Plan(
        pipeline=str(pipeline.resolve()),
        encoder=find_encoder(encoder)[0],
        dev=str(dev.resolve()),
        test=str(test.resolve()),
        modes=choose(modes, list(MODES), "--modes"),
        label_modes=choose(label_modes, list(MODES), "--label-modes"),
        threads=[int(n) for n in threads.split(",")],
        runs=runs,
        sweep_runs=sweep_runs,
        startup_runs=11,
        max_docs=max_docs,
        label_counts=[50, 200, 1000],
        lengths=[128, 512, 2048, 8192, 32768],
        batch_sizes=[1, 8, 32, 64, 256],
        equality_sizes=[1, 8, 64, 256],
        peer_sizes=[4, 32],
        training=choose(training, list(TRAINING), "--training"),
        hidden=[[], ["spacy-binder"], ["spacy-transformers"], ["spacy-binder", "spacy-transformers"]],
        long_docs=10_000 if long else 0,
        long_words=1_000_000 if million else 0,
    )
    if quick:
        plan = replace(
            plan,
            runs=1,
            sweep_runs=1,
            startup_runs=1,
            label_counts=[50],
            lengths=[128, 512],
            batch_sizes=[1, 4],
            equality_sizes=[1, 8],
            peer_sizes=[4],
            hidden=[["spacy-transformers"], ["spacy-binder", "spacy-transformers"]],
            long_docs=min(plan.long_docs, 20),
            long_words=min(plan.long_words, 1000),
        )
    groups = choose(only, GROUPS, "--only") or GROUPS
    measure_all([part for part in plan.parts() if part.group in groups], output / "parts", fresh)
    if report(plan, output):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
