"""A copy of the project for tests, and running Python in it without a process for each command."""

import runpy
import shutil
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT

PROJECT = ROOT / "project"
MADE = ("corpus", "training", "metrics", "packages", "project.lock", "__pycache__")


class Done(NamedTuple):
    """What came of running Python: its exit status, and what it printed."""

    returncode: int
    output: str


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


def run_python(project: Path, *arguments: object) -> Done:
    """Do what `python ARGUMENTS` does in a folder, in this process. So do the commands of the project that it runs.

    project (Path): The folder.
    *arguments: A script, or -m and a module, and its arguments.
    RETURNS (Done): Its exit status, and what it printed.
    """
    printed = StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(printed),
        redirect_stderr(printed),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        patch.chdir(project)
        patch.setattr("weasel.cli.run.run_command", lambda command, **_: run_here(*command[1:]))
        try:
            run_here(*map(str, arguments))
        except SystemExit as exit:
            return Done(exit.code if isinstance(exit.code, int) else 1, printed.getvalue())
    return Done(0, printed.getvalue())


def run_here(*arguments: str) -> None:
    """Run a script or a module as the program.

    RAISES (SystemExit): If it fails.
    """
    is_module = arguments[0] == "-m"
    name, *rest = arguments[is_module:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *rest])
        before = set(sys.modules)
        try:
            if is_module:
                runpy.run_module(name, run_name="__main__")
            else:
                patch.syspath_prepend(Path(name).parent.resolve())
                runpy.run_path(name, run_name="__main__")
        except SystemExit as exit:
            if exit.code:
                raise
        finally:
            # The modules beside a script are those of this copy of the project.
            for module in set(sys.modules) - before:
                if "scripts" in Path(getattr(sys.modules[module], "__file__", None) or "").parts:
                    del sys.modules[module]
