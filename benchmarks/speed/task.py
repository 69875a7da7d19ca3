"""Measure one thing; `benchmarks.speed` starts a process of this for each part."""

import json
import os
import sys
from importlib import import_module


def main(task: str, settings: str, threads: int) -> None:
    """Run TASK, like inference.ratio, with SETTINGS, a JSON object, on THREADS processors; print the result as JSON."""
    # Not every library can be told how many threads to use, but none can leave the processors it is given. This
    # comes before the imports, because a library's threads are started with it.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    print(json.dumps(measure(task, json.loads(settings))))


def measure(task: str, settings: dict) -> dict:
    """RETURNS (dict): The result of a task, and the peak of memory."""
    module, function = task.split(".")
    result = getattr(import_module(f"benchmarks.speed.{module}"), function)(**settings)
    peak = import_module("benchmarks.speed.clock").peak_rss_mib()
    return {**result, "peak_rss_mib": peak}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
