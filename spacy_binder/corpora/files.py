"""Find the files of a corpus, and read their lines, JSON objects and XML elements."""

from __future__ import annotations

import json
import os
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

import srsly

from ..errors import Errors
from .problems import wrong_format

# Characters to read at a time.
CHUNK = 1 << 20
BETWEEN_VALUES = re.compile(r"[\s,]*")
# Attribute that xml_events adds to elements.
LINE = "line"


def source_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files to read.

    path (Path): A file with any name, or a folder.
    suffixes (tuple[str, ...]): Possible endings of the names of files in a folder.
    RETURNS (list[Path]): The file, or the files in the folder and its subfolders, sorted, without hidden ones.
    RAISES (ValueError): If there is no file.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(Errors.B030.format(path=path))
    files = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(folder, name) for name in names if name.endswith(suffixes) and not name.startswith(".")]
    if not files:
        raise ValueError(Errors.B029.format(path=path, suffixes=" or ".join(suffixes)))
    return sorted(files)


def whole_text(path: Path) -> str:
    """Read a file without changes. Line breaks and the byte order mark are kept, because offsets count them.

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
    YIELDS (tuple[int, str]): Number of the line, from 1, and the line without its line break.
    RAISES (ValueError): If the file is not in UTF-8.
    """
    # A file in text mode decodes ahead and does not know the line of an error.
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise wrong_format(path, number, str(error), "text in UTF-8") from None
            yield number, text.rstrip("\r\n")


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the objects of a JSON file one at a time.

    path (Path): The file, in UTF-8. It has one object per line, or is an array of objects.
    YIELDS (tuple[int, dict]): Line on which the object begins, and the object.
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
                expected = "one object per line, or an array of objects"
                raise wrong_format(path, number, f"not JSON ({error})", expected) from None


def _array_values(path: Path) -> Iterator[tuple[int, Any]]:
    # json.load needs the whole file in memory. This decodes a value as soon as its last character has been read.
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
                        raise wrong_format(path, where, f"not JSON ({error.msg})", "an array of JSON objects") from None
                    break
                yield line, value
                line += text.count("\n", begin, position)
            # The value is longer than the text read so far. Reading as much again limits the number of attempts.
            size = max(CHUNK, len(text) - position)


def xml_events(path: Path, expected: str) -> Iterator[tuple[str, Element]]:
    """Read XML in pieces. A DTD that the file names is not read.

    path (Path): The file, in UTF-8.
    expected (str): The format, for the error message.
    YIELDS (tuple[str, Element]): "start" or "end", and the element. Its attribute LINE has the line of its start.
    RAISES (ValueError): If the file is not XML.
    """
    parser = XMLPullParser(("start", "end"))
    try:
        for number, line in numbered_lines(path):
            parser.feed(f"{line}\n")
            for event, element in parser.read_events():  # type: ignore[misc]
                if event == "start":
                    element.set(LINE, str(number))  # type: ignore[union-attr]
                yield event, element  # type: ignore[misc]
        parser.close()
    except ParseError as error:
        raise wrong_format(path, max(error.position[0], 1), f"not XML ({error})", expected) from None
