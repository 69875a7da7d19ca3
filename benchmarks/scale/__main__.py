"""Measure `spacy binder annotate` by engines and workers, as ratios to `nlp.pipe` in one process with one thread."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from spacy_binder.installed import is_installed

from ..machine import machine
from ..parts import choose, read_kept, run_part, write_json
from ..table import MISSING, Row, Table
from .rows import write_rows

ENGINES = ["local", "ray"]
HEADER = ["", "seconds", "words/s", "ratio", "driver MiB", "second half", "worker MiB", "second half"]

console = Console(width=None if sys.stdout.isatty() else 140)


def row(name: str, result: dict[str, Any], base: float) -> Row:
    """RETURNS (Row): What was measured, and the ratio of the speed to that of `nlp.pipe`."""
    speed = result["words"] / result["seconds"]
    memory = [
        f"{result[key]:,.0f}" if result.get(key) else MISSING
        for key in ("driver_mib", "late_driver_mib", "worker_mib", "late_worker_mib")
    ]
    return [name, f"{result['seconds']:,.1f}", f"{speed:,.0f}", f"{speed / base:.2f}", *memory]


def main(
    model: Path,
    docs: Annotated[list[Path], typer.Argument(help="DocBins. Their sentences are the rows.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for scale.md, scale.json and parts.")],
    rows: Annotated[int, typer.Option(help="The number of rows.")] = 100_000,
    engines: Annotated[str, typer.Option(help=f"Of {', '.join(ENGINES)}.")] = ",".join(ENGINES),
    workers: Annotated[str, typer.Option(help="Numbers of workers.")] = "1,2",
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is there.")] = False,
) -> None:
    """Measure MODEL on the sentences of DOCS. Run it again to go on where it was stopped."""
    chosen = choose(engines, ENGINES, "--engines")
    if "ray" in chosen and not is_installed("ray"):
        raise typer.BadParameter("Ray isn't installed", param_hint="--engines")
    output.mkdir(parents=True, exist_ok=True)
    path = output.resolve() / f"rows-{rows}.jsonl"
    if not path.exists() or fresh:
        write_rows(docs, rows, path)
    given = {"model": str(model.resolve()), "rows": str(path)}
    parts = [{"task": "pipe", "name": "nlp.pipe", "settings": given}]
    for engine in chosen:
        for n in map(int, workers.split(",")):
            settings = {**given, "engine": engine, "workers": n}
            parts.append({"task": "annotate", "name": f"{engine}, {n} worker{'s' * (n > 1)}", "settings": settings})
    results: dict[str, Any] = {}
    failed = 0
    for part in parts:
        kept_at = output / "parts" / f"{part['name'].replace(', ', '-').replace(' ', '-')}.json"
        record = None if fresh else read_kept(part, kept_at)
        if record is None or "error" in record:
            arguments = ["-m", "benchmarks.scale.task", part["task"], json.dumps(part["settings"])]
            record = run_part(part, arguments, 1, kept_at)
        if "error" in record:
            failed += 1
            console.print(f"{part['name']} failed:\n{record['error']}", markup=False)
            continue
        results[part["name"]] = record["result"]
        console.print(f"{part['name']}: {record['result']['seconds']:.1f} s")
    if "nlp.pipe" in results:
        base = results["nlp.pipe"]["words"] / results["nlp.pipe"]["seconds"]
        note = f"{rows:,} rows, {results['nlp.pipe']['words']:,} words. One thread per worker; start-up counts."
        table = Table("Scale", HEADER, [row(name, result, base) for name, result in results.items()], note)
        console.print(table.rich())
        (output / "scale.md").write_text(table.markdown(), encoding="utf8")
    write_json({"machine": machine(), "rows": rows, "results": results}, output / "scale.json")
    raise typer.Exit(int(failed > 0))


if __name__ == "__main__":
    typer.run(main)
