"""What commands print and write: rows as soon as they are measured, and errors without a traceback."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wasabi import msg

from ..errors import Errors


def warning_text(message: Warning | str, *_: object, **__: object) -> str:
    """RETURNS (str): A warning without the line of code that gives it."""
    return f"{message}\n"


@contextmanager
def clean_errors(title: str) -> Iterator[None]:
    """Turn errors inside a `with` block that the user can mend into a message and exit status 1.

    title (str): What can't be done.
    """
    try:
        yield
    except (ValueError, ImportError, OSError) as error:
        msg.fail(title, str(error), exits=1)


def check_folder(path: Path) -> None:
    """Check before long work that a folder can be written to. It is not made.

    path (Path): The folder. It need not exist.
    RAISES (ValueError): If it is a file, is inside a file, or can't be written to.
    """
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise ValueError(Errors.B051.format(path=path, problem=f"{there} is a file"))
    if not os.access(there, os.W_OK):
        raise ValueError(Errors.B051.format(path=path, problem=f"you have no permission to write to {there}"))


def check_file(path: Path) -> None:
    """Check before long work that a file can be written.

    path (Path): The file. Its folder need not exist.
    RAISES (ValueError): If it is a folder, or its folder can't be written to.
    """
    check_folder(path.parent)
    if path.is_dir():
        raise ValueError(Errors.B051.format(path=path, problem="it is a folder"))


class Rows:
    """A table whose rows are printed as soon as they are known."""

    def __init__(self, header: Sequence[str], widths: Sequence[int], n_left: int) -> None:
        """Print the header.

        header (Sequence[str]): The header of each column.
        widths (Sequence[int]): The width of each column, in characters.
        n_left (int): Number of columns that are aligned to the left. The others are aligned to the right.
        """
        self._widths = widths
        self._aligns = ["l"] * n_left + ["r"] * (len(header) - n_left)
        self.add(header)
        self.add(["-" * width for width in widths])

    def add(self, row: Sequence[str]) -> None:
        """Print a row."""
        msg.row(row, widths=self._widths, aligns=self._aligns)
        # Without a terminal, lines would wait for others.
        sys.stdout.flush()
