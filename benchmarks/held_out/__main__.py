"""Leave types out of the training of the workflow `open`, find them by their descriptions, and compare changes."""

import json
import sys
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path
from shutil import rmtree
from statistics import fmean
from typing import Annotated, Any

import typer
from rich.console import Console

from ..parts import choose, read_kept, run_part, write_json
from ..table import Row, Table
from .left_out import leave_out
from .task import MODES
from .training import make_config, trained_labels

FOLDER = Path(__file__).parent
TYPES = FOLDER / "types.json"
CHANGES: dict[str, dict[str, Any]] = json.loads((FOLDER / "changes.json").read_text(encoding="utf8"))
# The name of the training without a change.
BASE = "base"
AT = 0.5
# Gold spans that a corpus needs, to be part of a mean.
MIN_GOLD = 100

console = Console(width=None if sys.stdout.isatty() else 140)


def checksum_of(corpus: Path, datasets: Path, held_out: dict[str, list[str]]) -> str:
    """RETURNS (str): A checksum of all that the trainings read, so that no result of other passages is kept."""
    files = [*sorted(corpus.glob("train/*.spacy")), *sorted(corpus.glob("dev/*.spacy")), corpus / "labels.json", TYPES]
    files += [path for name in held_out if (path := datasets / name / "labels.json").exists()]
    return md5(b"".join(md5(path.read_bytes()).digest() for path in files)).hexdigest()


def large_corpora(result: dict[str, Any]) -> list[str]:
    """RETURNS (list[str]): The corpora that are part of a mean, or all if none has enough gold spans."""
    return [corpus for corpus, n in result["gold"].items() if sum(n.values()) >= MIN_GOLD] or list(result["gold"])


def row(name: str, result: dict[str, Any], base: float) -> Row:
    """RETURNS (Row): Mean F1 of the corpora by mode, at one half and at the best common threshold, and the seconds."""
    cells = []
    corpora = large_corpora(result)
    for mode in MODES:
        means = [fmean(scores) for scores in zip(*(result["f"][mode][corpus] for corpus in corpora), strict=True)]
        best = max(range(len(means)), key=means.__getitem__)
        cells += [f"{100 * means[result['thresholds'].index(AT)]:.1f}"]
        cells += [f"{100 * means[best]:.1f} ({result['thresholds'][best]:.2f})"]
    seconds = result["training_seconds"]
    return [name, *cells, f"{seconds:,.0f}", f"{seconds / base:.2f}"]


def table(results: Sequence[tuple[str, dict[str, Any]]], steps: int, seed: int) -> Table:
    """RETURNS (Table): A row for each training. The first one is what the others' time is compared with."""
    base = results[0][1]["training_seconds"]
    header = ["", *(f"{mode}, {at}" for mode in MODES for at in (AT, "best")), "seconds", "ratio"]
    first = results[0][1]
    gold = ", ".join(f"{corpus} {sum(n.values()):,}" for corpus, n in first["gold"].items())
    means = ", ".join(large_corpora(first))
    note = f"F1, {steps} steps, seed {seed}, mean of {means}. In brackets the threshold. Gold spans: {gold}."
    return Table("Types that were left out", header, [row(name, result, base) for name, result in results], note)


def main(
    corpus: Annotated[Path, typer.Argument(help="What `open-corpora` and `open-types` make.")],
    datasets: Annotated[Path, typer.Argument(help="The project's folder of that name.")],
    output: Path,
    changes: Annotated[str, typer.Option(help=f"Of {', '.join([BASE, *CHANGES])}; all by default.")] = "",
    steps: Annotated[int, typer.Option(min=1, help="Updates of each training.")] = 600,
    seed: int = 0,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep the pipelines in OUTPUT/runs.")] = False,
) -> None:
    """Train with the types of types.json left out, once as the workflow does ("base") and once with each change.

    Run it again to go on where it was stopped. Writes OUTPUT/held_out_STEPS_SEED.md, with all that OUTPUT has of these.
    """
    held_out = leave_out(corpus / "train", json.loads(TYPES.read_text(encoding="utf8")))
    results: list[tuple[str, dict[str, Any]]] = []
    failed = 0
    data = checksum_of(corpus, datasets, held_out)
    known = [BASE, *CHANGES]
    wanted = choose(changes, known, "--changes") or known
    for name in known:
        folder = output / "runs" / f"{name}_{steps}_{seed}"
        path = output / "parts" / f"{folder.name}.json"
        change = CHANGES.get(name, {})
        # Without the folders, so that the results can be moved.
        meant = make_config(Path("corpus"), Path("labels.json"), held_out, change, steps, seed)
        checksum = md5(meant.to_str(interpolate=False).encode("utf8")).hexdigest()
        part = {"name": name, "config": checksum, "data": data, "steps": steps, "seed": seed, "threads": threads}
        record = read_kept(part, path)
        if name not in wanted and (record is None or "error" in record):
            continue
        if record is None or "error" in record:
            labels = folder.resolve() / "labels.json"
            config = make_config(corpus.resolve(), labels, held_out, change, steps, seed)
            rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            config.to_disk(folder / "config.cfg", interpolate=False)
            write_json(trained_labels(corpus, held_out), labels)
            parts = ["-m", "benchmarks.held_out.task", folder.resolve(), (corpus / "dev").resolve()]
            record = run_part(part, [*parts, datasets.resolve(), TYPES], threads, path)
            if not keep_models:
                for model in ("model-best", "model-last"):
                    rmtree(folder / model, ignore_errors=True)
        if "error" in record:
            failed += 1
            console.print(f"{name} failed:\n{record['error']}", markup=False)
            continue
        results.append((name, record["result"]))
        console.print(f"{name}: {record['wall_seconds']:.0f} s")
    if results:
        shown = table(results, steps, seed)
        console.print(shown.rich())
        (output / f"held_out_{steps}_{seed}.md").write_text(shown.markdown(), encoding="utf8")
    raise typer.Exit(int(failed > 0))


if __name__ == "__main__":
    typer.run(main)
