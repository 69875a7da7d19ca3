"""Read the objects of JSON files one at a time: one object per line, objects one after another, or an array."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from io import TextIOWrapper
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from reprlib import Repr
from typing import Any

import srsly

from .files import numbered_lines, open_file
from .problems import wrong_format

JSON_SUFFIXES = (".json", ".jsonl", ".jsonlines", ".ndjson")
EXPECTED = "one JSON object per line, or an array of JSON objects"
# Characters to read at a time.
CHUNK = 1 << 20
WHITESPACE = re.compile(r"[ \t\r\n]*")
# (What may come next, character) -> what may come after it. A value may come where no character fits.
PUNCTUATION = {
    ("array", "["): "value or end",
    ("value or end", "]"): "nothing",
    ("comma or end", "]"): "nothing",
    ("comma or end", ","): "value in array",
}
# What may come next -> what may come after a value.
AFTER_VALUE = {"value or end": "comma or end", "value in array": "comma or end", "value": "value"}
WANTED = {"comma or end": "a comma or ]", "nothing": "the end of the file after the array"}

_SHOW = Repr()
_SHOW.maxdict = _SHOW.maxlist = 3
_SHOW.maxlevel = 2
_SHOW.maxstring = 40


def show(value: Any) -> str:
    """RETURNS (str): The beginning of a value, for a message. Even of a huge or a deep one."""
    return _SHOW.repr(value)


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the objects of a JSON file one at a time.

    path (Path): The file, in UTF-8.
    YIELDS (tuple[int, dict]): Line on which the object begins, and the object.
    RAISES (ValueError): If the file can't be read, is not JSON, or has other values than objects.
    """
    with open_file(path) as file:
        is_array = file.read(CHUNK).removeprefix(BOM_UTF8).lstrip().startswith(b"[")
        file.seek(0)
        # An array may be one line of any length.
        lines = iter(()) if is_array else file
        by_line = next((line for line in lines if line.strip().removeprefix(BOM_UTF8)), b"").rstrip().endswith(b"}")
    for number, value in _line_values(path) if by_line else _streamed_values(path, is_array):
        if not isinstance(value, dict):
            raise wrong_format(path, number, show(value), EXPECTED)
        yield number, value


def _line_values(path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in numbered_lines(path):
        if line.strip():
            try:
                yield number, srsly.json_loads(line)
            except ValueError as error:
                raise wrong_format(path, number, f"not JSON ({error})", EXPECTED) from None


def _streamed_values(path: Path, is_array: bool) -> Iterator[tuple[int, Any]]:
    # json.load needs the whole file in memory. This decodes a value as soon as its last character has been read.
    decoder = JSONDecoder()
    text, position, line, size = "", 0, 1, CHUNK
    state = "array" if is_array else "value"
    with open_file(path) as binary, TextIOWrapper(binary, encoding="utf-8-sig") as file:
        while True:
            try:
                more = file.read(size)
            except UnicodeDecodeError:
                # Reading by line finds the line of the error.
                for _ in numbered_lines(path):
                    pass
                raise
            text, position = text[position:] + more, 0
            while True:
                begin = WHITESPACE.match(text, position).end()  # type: ignore[union-attr]
                line += text.count("\n", position, begin)
                position = begin
                if position == len(text) and (more or state in ("value", "nothing")):
                    break
                if after := PUNCTUATION.get((state, text[position : position + 1])):
                    state = after
                    position += 1
                    continue
                if state not in AFTER_VALUE:
                    found = show(text[position : position + 40]) if position < len(text) else "the end of the file"
                    raise wrong_format(path, line, f"not JSON ({found} instead of {WANTED[state]})", EXPECTED)
                try:
                    value, position = decoder.raw_decode(text, begin)
                except JSONDecodeError as error:
                    if more:
                        break
                    where = line + text.count("\n", begin, error.pos)
                    raise wrong_format(path, where, f"not JSON ({error.msg})", EXPECTED) from None
                except (RecursionError, ValueError) as error:
                    # A value that is too deep, or a number that is too long.
                    raise wrong_format(path, line, f"not JSON ({error})", EXPECTED) from None
                yield line, value
                state = AFTER_VALUE[state]
                line += text.count("\n", begin, position)
            if not more:
                return
            # The value is longer than the text read so far. Reading as much again limits the number of attempts.
            size = max(CHUNK, len(text) - position)
