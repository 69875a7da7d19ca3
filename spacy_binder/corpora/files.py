"""The files of a corpus, their lines, and the objects of those in JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import Errors


def source_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files to read.

    path (Path): A file, which is taken whatever its name, or a folder.
    suffixes (tuple[str, ...]): How names of files in a folder have to end.
    RETURNS (list[Path]): The file, or those in the folder and its subfolders, by name, without hidden ones.
    RAISES (ValueError): If there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(Errors.B032.format(path=path))
    files = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(folder, name) for name in names if name.endswith(suffixes) and not name.startswith(".")]
    if not files:
        raise ValueError(Errors.B031.format(path=path, suffixes=" or ".join(suffixes)))
    return sorted(files)


def whole_text(path: Path) -> str:
    """Read a file as it stands: line breaks and byte order mark count in offsets, and are kept.

    path (Path): The file, in UTF-8.
    RETURNS (str): Its text.
    RAISES (ValueError): If the file is not in UTF-8.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = Errors.B013.format(path=path, line=line, problem=str(error), expected="text in UTF-8")
        raise ValueError(message) from None


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a file line by line.

    path (Path): The file, in UTF-8.
    YIELDS (tuple[int, str]): The number of a line, from 1, and the line without its break.
    RAISES (ValueError): If the file is not in UTF-8.
    """
    number = 0
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip("\n")
        except UnicodeDecodeError as error:
            expected = "text in UTF-8"
            message = Errors.B013.format(path=path, line=number + 1, problem=str(error), expected=expected)
            raise ValueError(message) from None
