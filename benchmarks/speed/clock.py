"""Clock and memory: measuring in turn, and how what was measured compares."""

import resource
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any


def seconds_of(function: Callable[[], object]) -> float:
    """RETURNS (float): The seconds that a call takes."""
    start = perf_counter()
    function()
    return perf_counter() - start


def measure(sides: dict[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """Run all sides in turn, round by round. A first round isn't counted.

    sides (dict): By name, what runs once and returns the seconds that count.
    runs (int): The rounds that count.
    RETURNS (dict[str, list[float]]): The seconds of each side, round by round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for i in range(runs + 1):
        for name, run in sides.items():
            taken = run()
            if i > 0:
                seconds[name].append(taken)
    return seconds


def paired(first: list[float], second: list[float]) -> dict[str, float]:
    """RETURNS (dict): Median, least and greatest of first / second, round by round."""
    ratios = [a / b for a, b in zip(first, second, strict=True)]
    return {"median": median(ratios), "min": min(ratios), "max": max(ratios)}


def compare(sides: dict[str, Callable[[], float]], *, words: int, runs: int) -> dict[str, Any]:
    """Measure in turn how fast the same words are read.

    sides (dict): As for `measure`. The first is what the others are compared to.
    words (int): How many words each side reads.
    runs (int): The rounds that count.
    RETURNS (dict): The seconds, the median words per second, and the paired ratios of these to the first side's.
    """
    seconds = measure(sides, runs)
    base, *others = seconds
    return {
        "words": words,
        "seconds": seconds,
        "words_per_second": {name: median(words / taken for taken in seconds[name]) for name in seconds},
        "ratio": {name: paired(seconds[base], seconds[name]) for name in others},
    }


def rss_mib() -> float:
    """RETURNS (float): The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def peak_rss_mib() -> float:
    """RETURNS (float): The most resident memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
