"""A copy of the project for tests, and running Python in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

PROJECT = ROOT / "project"
ENV = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
MADE = ("corpus", "training", "metrics", "packages", "project.lock", "__pycache__")


def copy_project(folder: Path, *, assets: bool = False) -> Path:
    """Copy the project and, beside it, the configs, without what it has made.

    folder (Path): Where to.
    assets (bool): Whether the assets come with it.
    RETURNS (Path): The copy.
    """
    shutil.copytree(ROOT / "configs", folder / "configs")
    ignored = shutil.ignore_patterns(*MADE, *([] if assets else ["assets"]))
    shutil.copytree(PROJECT, folder / "project", ignore=ignored)
    return folder / "project"


def run_python(project: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """RETURNS (CompletedProcess): Python that has run in the project's folder, with what it printed."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=project, env=ENV)
