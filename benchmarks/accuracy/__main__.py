"""Train systems on datasets with several seeds, score each once on the test part, and make the tables."""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..parts import choose, write_json
from .runs import FILES, make_runs
from .systems import NEEDS, OWN, PEERS, ROOT, System, parse_system, read_ablations
from .tables import Record, Tables

SYSTEMS = [*OWN, *PEERS]

# Tables are wide; where there is no terminal there is no width.
console = Console(width=None if sys.stdout.isatty() else 160)


def report(folder: Path, command: str) -> int:
    """Print and write the tables of all that is kept.

    folder (Path): Where `parts` is, and where accuracy.json and accuracy.md go.
    command (str): How the tables were made.
    RETURNS (int): How many runs have failed.
    """
    records = [json.loads(path.read_text(encoding="utf8")) for path in sorted((folder / "parts").glob("*.json"))]
    done = [record for record in records if "result" in record]
    failed = {record["name"]: record["error"] for record in records if "error" in record}
    write_json({"command": command, "failed": list(failed), "runs": records}, folder / "accuracy.json")
    tables = Tables(done).all()
    for table in tables:
        console.print(table.rich())
    sections = [*(table.markdown() for table in tables), "### Made with", "", f"- `{command}`"]
    sections += [f"- {count} runs on {where}." for where, count in Counter(map(machine_of, done)).items()]
    if failed:
        sections += ["", "### Failed", ""]
        sections += [f"- {name}: `... {' '.join(error.split())[-250:]}`" for name, error in failed.items()]
    (folder / "accuracy.md").write_text("\n".join(sections).rstrip() + "\n", encoding="utf8")
    console.print(f"{len(done)} runs, {len(failed)} failed: {folder}/accuracy.md")
    return len(failed)


def machine_of(record: Record) -> str:
    """RETURNS (str): The machine and the versions of a run."""
    facts = record["result"]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    where = f"GPU {record['gpu_id']}" if record["gpu_id"] >= 0 else f"{record['threads']} thread(s)"
    return f"{facts['processor']}, {facts['cores']} cores, {where}; Python {facts['python']}, {versions}"


def choose_systems(names: str, specs: list[str], ablations: Path | None, changes: str) -> list[System]:
    """RETURNS (list[System]): The systems that the options name.

    RAISES (typer.BadParameter): If a name is unknown, or what a system needs isn't installed.
    """
    added = [parse_system(spec) for spec in specs]
    if ablations:
        listed = {system.name: system for system in read_ablations(ablations)}
        added += [listed[name] for name in choose(changes, list(listed), "--changes") or listed]
    # A change is compared with its base.
    installed = [name for name in SYSTEMS if System(name, name).installed()]
    chosen = choose(names, SYSTEMS, "--systems") or ([system.base for system in added] or installed)
    systems = [System(name, name) for name in dict.fromkeys(chosen)] + added
    for system in systems:
        if not system.installed():
            needed = f"'{system.name}' needs {NEEDS[system.base]}, which isn't installed. See benchmarks/README.md"
            raise typer.BadParameter(needed, param_hint="--systems")
    twice = [name for name, count in Counter(system.name for system in systems).items() if count > 1]
    if twice:
        raise typer.BadParameter(f"More than one system is called {', '.join(twice)}")
    return systems


def main(
    corpora: Path,
    output: Path,
    datasets: Annotated[str, typer.Option(help="Folders in CORPORA.")] = "litbank,genia,ncbi,wnut17",
    systems: Annotated[str, typer.Option(help=f"Of {', '.join(SYSTEMS)}; all that are installed by default.")] = "",
    seeds: Annotated[str, typer.Option(help="Random seeds.")] = "0,1,2",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A change: name:base:section.key=value;...")] = None,
    ablations: Annotated[Path | None, typer.Option(help="A JSON file of changes.")] = None,
    changes: Annotated[str, typer.Option(help="Which changes of that file; all by default.")] = "",
    only_dev: Annotated[bool, typer.Option("--only-dev", help="Never score on the test part.")] = False,
    encoder: Annotated[str, typer.Option(help="The text encoder, in place of that of the configs.")] = "",
    settings: Annotated[Path, typer.Option(help="Where NAME/settings.cfg is.")] = ROOT / "project" / "datasets",
    steps: Annotated[float, typer.Option(help="Share of the settings' steps, and of warm-up.", min=0.01)] = 1.0,
    jobs: Annotated[int, typer.Option(help="Processes at once.", min=1)] = 1,
    threads: Annotated[int, typer.Option(help="Threads of each process.", min=1)] = 1,
    gpu_id: Annotated[int, typer.Option(help="GPU, or -1 for none.")] = -1,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep the pipelines in OUTPUT/runs.")] = False,
) -> None:
    """Train systems on datasets in CORPORA; keep results in OUTPUT/parts, write OUTPUT/accuracy.md and .json.

    Options that name several things take them separated by commas. Run it again to go on where it was stopped. The
    tables are those of all results in OUTPUT; remove a file of OUTPUT/parts to do its run again.
    """
    output = output.resolve()
    folders = [corpora.resolve() / name.strip() for name in datasets.split(",")]
    needed = [folder / name for folder in folders for name in FILES]
    needed += [settings / folder.name / "settings.cfg" for folder in folders]
    if missing := [str(path) for path in needed if not path.exists()]:
        raise typer.BadParameter(f"There is no {', no '.join(missing)}", param_hint="--datasets")
    numbers = list(dict.fromkeys(int(seed) for seed in seeds.split(",")))
    options = {"encoder": encoder, "steps": steps, "threads": threads, "gpu_id": gpu_id}
    try:
        chosen = choose_systems(systems, set_ or [], ablations, changes)
        runs = list(make_runs(folders, settings, chosen, numbers, test=not only_dev, **options))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with ThreadPoolExecutor(jobs) as executor:
        for done in executor.map(lambda run: run.do(output, keep_models=keep_models), runs):
            console.print(done, markup=False)
    if report(output, " ".join(["python -m benchmarks.accuracy", *sys.argv[1:]])):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
