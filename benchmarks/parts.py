"""Parts of a benchmark: each runs in a process of its own, and what it gives is kept."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter
from typing import Any

import typer

ROOT = Path(__file__).parents[1]
THREADS = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"]


def choose(given: str, known: list[str], option: str) -> list[str]:
    """RETURNS (list[str]): The names of an option, which are separated by commas.

    RAISES (typer.BadParameter): If one isn't known.
    """
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"'{name}' is none of {', '.join(known)}", param_hint=option)
    return names


def run_part(
    part: dict[str, Any], arguments: list[str], threads: int, listen: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Run a module for a part.

    part (dict): What identifies the part: it is kept with the result.
    arguments (list[str]): The module and its arguments. The last line it prints is its result, as JSON.
    threads (int): The threads it may use.
    listen (Callable): Gets each line before that.
    RETURNS (dict): The part with its result, or with the end of what it complained of.
    """
    env = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    start = perf_counter()
    last = ""
    with (
        # A file, since nobody reads a pipe while the other one is read.
        TemporaryFile("w+", encoding="utf8") as complaints,
        subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=complaints,
            encoding="utf8",
            env=env,
            cwd=ROOT,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if last and listen:
                listen(last)
            last = line
        status = process.wait()
        complaints.seek(0)
        said = complaints.read().splitlines()
    record = {**part, "date": datetime.now(timezone.utc).isoformat(timespec="seconds")}
    record["wall_seconds"] = perf_counter() - start
    if status:
        return {**record, "error": f"Exit status {status}\n" + "\n".join(said[-15:])}
    return {**record, "result": json.loads(last)}


def write_json(content: Any, path: Path) -> None:
    """Write a file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(content, indent=1), encoding="utf8")
    unfinished.replace(path)


def read_kept(part: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """RETURNS (dict): What was kept of a part, unless it was measured with other settings."""
    record = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    return record if record.items() >= part.items() else None
