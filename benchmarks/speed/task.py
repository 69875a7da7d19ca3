"""Measure one thing in a process of its own; `benchmarks.speed` starts these processes."""

import json
import os
import sys
from importlib import import_module


def main(task: str, settings: str, threads: int) -> None:
    """Run TASK, like inference.ratio, with SETTINGS, a JSON object, on THREADS processors; print the result as JSON."""
    # Not every library can be told how many threads to use, but none can leave the processors it is given. Before
    # the imports, because a library's threads are started with it.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    module, function = task.split(".")
    measure = getattr(import_module(f"benchmarks.speed.{module}"), function)
    from torch import set_num_threads

    from .clock import peak_rss_mib

    set_num_threads(threads)
    result = measure(**json.loads(settings))
    print(json.dumps({**result, "peak_rss_mib": peak_rss_mib()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
