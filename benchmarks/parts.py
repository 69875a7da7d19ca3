"""Parts of a benchmark: each runs in a process of its own, and its result is kept."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

ROOT = Path(__file__).parents[1]
THREADS = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"]


def choose(given: str, known: list[str], option: str) -> list[str]:
    """RETURNS (list[str]): The names of an option, which are separated by commas.

    RAISES (typer.BadParameter): If a name is unknown.
    """
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"'{name}' is none of {', '.join(known)}", param_hint=option)
    return names


def run_part(part: dict[str, Any], arguments: Sequence[object], threads: int, path: Path) -> dict[str, Any]:
    """Run Python for a part, and write its result. What the process prints goes to a log in the same folder.

    part (dict): What identifies the part. It is kept with the result.
    arguments (Sequence): Python's arguments. The last line that is printed is the result as JSON.
    threads (int): The threads that the process may use.
    path (Path): The file for the record.
    RETURNS (dict): The record: the part, with `result`, or with `error`, the end of the log.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.with_suffix(".log")
    command = [sys.executable, *map(str, arguments)]
    env = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    start, last = perf_counter(), ""
    with (
        log.open("w", encoding="utf8") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, encoding="utf8", env=env, cwd=ROOT) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            last = line
            print(line, end="", file=said, flush=True)
    record = {**part, "date": datetime.now(timezone.utc).isoformat(timespec="seconds")}
    record["wall_seconds"] = perf_counter() - start
    if process.returncode:
        lines = log.read_text(encoding="utf8").splitlines()
        record["error"] = "\n".join([f"Exit status {process.returncode}", *lines[-15:]])
    else:
        record["result"] = json.loads(last)
    write_json(record, path)
    return record


def write_json(content: Any, path: Path) -> None:
    """Write a file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(content, indent=1), encoding="utf8")
    unfinished.replace(path)


def read_kept(part: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """RETURNS (dict): The kept record of a part, or None if there is none of the same settings."""
    record = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    return record if record.items() >= part.items() else None
