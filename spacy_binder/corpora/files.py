"""The files of a corpus, their lines, and the objects of those in JSON."""

from __future__ import annotations

import json
import os
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import srsly

from ..errors import Errors
from .problems import wrong_format

# Characters read at a time.
CHUNK = 1 << 20
BETWEEN_VALUES = re.compile(r"[\s,]*")


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
        raise wrong_format(path, line, str(error), "text in UTF-8") from None


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a file line by line.

    path (Path): The file, in UTF-8.
    YIELDS (tuple[int, str]): The number of a line, from 1, and the line without its break.
    RAISES (ValueError): If the file is not in UTF-8.
    """
    # Decoded line by line: a file in text mode decodes ahead, and could not tell the line of an error.
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise wrong_format(path, number, str(error), "text in UTF-8") from None
            yield number, text.rstrip("\r\n")


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the objects of a file one at a time, whether it has one a line or is an array of them.

    path (Path): The file, in UTF-8.
    YIELDS (tuple[int, dict]): The line that an object begins on, and the object.
    RAISES (ValueError): If the file is neither.
    """
    with path.open("rb") as file:
        is_array = file.read(CHUNK).removeprefix(BOM_UTF8).lstrip().startswith(b"[")
    for number, value in _array_values(path) if is_array else _line_values(path):
        if not isinstance(value, dict):
            raise wrong_format(path, number, f"{str(value)[:60]!r}", "a JSON object")
        yield number, value


def _line_values(path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in numbered_lines(path):
        if line.strip():
            try:
                yield number, srsly.json_loads(line)
            except ValueError as error:
                raise wrong_format(
                    path, number, f"no JSON ({error})", "an object a line, or an array of them"
                ) from None


def _array_values(path: Path) -> Iterator[tuple[int, Any]]:
    # json.load would hold the whole file: this decodes a value as soon as its last character has been read.
    decoder = json.JSONDecoder()
    text, position, line, size = "", 0, 1, CHUNK
    with path.open(encoding="utf-8-sig") as file:
        while True:
            try:
                more = file.read(size)
            except UnicodeDecodeError as error:
                raise wrong_format(path, line, str(error), "text in UTF-8") from None
            is_first = not text
            text, position = text[position:] + more, 0
            if is_first:
                position = text.index("[") + 1
                line += text.count("\n", 0, position)
            while True:
                begin = BETWEEN_VALUES.match(text, position).end()  # type: ignore[union-attr]
                line += text.count("\n", position, begin)
                position = begin
                if text.startswith("]", begin):
                    return
                try:
                    value, position = decoder.raw_decode(text, begin)
                except json.JSONDecodeError as error:
                    if not more:
                        where = line + text.count("\n", begin, error.pos)
                        raise wrong_format(path, where, f"no JSON ({error.msg})", "an array of JSON objects") from None
                    break
                yield line, value
                line += text.count("\n", begin, position)
            # A value longer than what has been read: twice as much, so that it is not tried too often.
            size = max(CHUNK, len(text) - position)
