"""What the installed package adds to the time of `spacy.blank`."""

import os
import subprocess
import sys
from typing import Any

# Takes distributions whose entry points are hidden from catalogue, through which spaCy finds plugins.
BLANK = """
import sys, time
from importlib.metadata import EntryPoints, distributions
import catalogue
catalogue.AVAILABLE_ENTRY_POINTS = EntryPoints(
    point for package in distributions() if package.name not in sys.argv[1:] for point in package.entry_points
)
import spacy
start = time.perf_counter()
spacy.blank("en")
print(time.perf_counter() - start)
"""
TORCH = "import sys, spacy_binder; print('torch' in sys.modules)"


def python(code: str, *arguments: str) -> str:
    """RETURNS (str): What a process of its own prints last."""
    # With compiled files kept, as an installed package has them.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *arguments]
    # Away from the repository, where the package's metadata would be found twice.
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=sys.prefix)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.split()[-1]


def startup(hidden: list[list[str]], runs: int) -> dict[str, Any]:
    """Time `spacy.blank("en")` after `import spacy`, in a process for each time.

    hidden (list[list[str]]): The distributions whose entry points are hidden, for each kind of start.
    runs (int): The processes for each kind.
    """
    seconds: list[list[float]] = [[] for _ in hidden]
    for _ in range(runs):
        for names, taken in zip(hidden, seconds, strict=True):
            taken.append(float(python(BLANK, *names)))
    rows = [{"hidden": names, "seconds": taken} for names, taken in zip(hidden, seconds, strict=True)]
    return {"rows": rows, "imports_torch": python(TORCH) == "True"}
