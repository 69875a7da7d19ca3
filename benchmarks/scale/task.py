"""Measure one thing; `benchmarks.scale` starts a process of this for each part."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import psutil

from ..speed.clock import peak_rss_mib
from .rows import read_texts

# Seconds between two looks at the memory.
INTERVAL = 0.2
# In the command line of a process that holds a pipeline, and of none of Ray's own.
WORKERS = ("ray::", "spawn_main")


def pipe(model: str, rows: str) -> dict[str, Any]:
    """RETURNS (dict): Words, seconds and peak of memory of `nlp.pipe` in this process."""
    import spacy
    import torch

    torch.set_num_threads(1)
    nlp = spacy.load(model)
    nlp("One two.")
    start = perf_counter()
    words = sum(len(doc) for doc in nlp.pipe(read_texts(Path(rows))))
    seconds = perf_counter() - start
    return {"words": words, "seconds": seconds, "driver_mib": peak_rss_mib(), "worker_mib": 0.0}


def annotate(model: str, rows: str, engine: str, workers: int) -> dict[str, Any]:
    """RETURNS (dict): The same of the command, and the peak of the second half of the run. Start-up counts."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        arguments = ["annotate", model, rows, str(output), "--engine", engine, "--workers", str(workers)]
        command = psutil.Popen([sys.executable, "-m", "spacy", "binder", *arguments], stdout=subprocess.DEVNULL)
        seen: list[tuple[float, float]] = []
        while command.poll() is None:
            seen.append((_rss(command), max([0.0, *map(_rss, _workers(command))])))
            sleep(INTERVAL)
        if command.returncode:
            raise RuntimeError(f"The command ended with {command.returncode}")
        manifest = json.loads((output / "manifest.json").read_text(encoding="utf8"))
    late = seen[len(seen) // 2 :]
    return {
        "words": manifest["words"],
        "seconds": manifest["seconds"],
        "driver_mib": max(driver for driver, _ in seen),
        "worker_mib": max(worker for _, worker in seen),
        "late_driver_mib": max(driver for driver, _ in late),
        "late_worker_mib": max(worker for _, worker in late),
    }


def _workers(command: psutil.Process) -> list[psutil.Process]:
    found = []
    with suppress(psutil.Error):
        for child in command.children(recursive=True):
            with suppress(psutil.Error):
                if any(word in " ".join(child.cmdline()) for word in WORKERS):
                    found.append(child)
    return found


def _rss(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return process.memory_info().rss / 2**20
    return 0.0


if __name__ == "__main__":
    print(json.dumps({"pipe": pipe, "annotate": annotate}[sys.argv[1]](**json.loads(sys.argv[2]))))
