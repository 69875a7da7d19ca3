"""Find the files of a corpus, and read their lines, names and XML elements."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeVar
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from ..errors import Errors
from .problems import wrong_format

PartT = TypeVar("PartT")
# Attribute that xml_events adds to elements. No attribute in a file can have this name.
LINE = " line"
# Elements inside each other. Those of GENIA and ACE are about ten deep.
MAX_DEPTH = 100


def source_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files to read.

    path (Path): A file with any name, or a folder.
    suffixes (tuple[str, ...]): Possible endings of the names of files in a folder, in small or capital letters.
    RETURNS (list[Path]): The file, or the files in the folder and its subfolders, sorted, without hidden ones. Links
        to folders are followed.
    RAISES (ValueError): If there is no file, or one that can't be read.
    """
    if not path.is_dir():
        if not os.path.lexists(path):
            raise ValueError(Errors.B030.format(path=path))
        _require_regular(path)
        return [path]
    endings = tuple(suffix.lower() for suffix in suffixes)
    files: list[Path] = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(path, onerror=_cannot_list, followlinks=True):
        # Links can lead back to a folder above.
        real = os.path.realpath(folder)
        # In an order that doesn't depend on the disk: of two links to one folder, the first one counts.
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        names = [] if real in seen else names
        seen.add(real)
        found = [Path(folder, name) for name in names if name.lower().endswith(endings) and not name.startswith(".")]
        for file in found:
            _require_regular(file)
        files += found
    if not files:
        raise ValueError(Errors.B029.format(path=path, suffixes=" or ".join(suffixes)))
    return sorted(files)


def _require_regular(path: Path) -> None:
    # To open a pipe would wait for ever.
    if not path.is_file():
        cause = "it is not a regular file" if path.exists() else "it is a link to a missing file"
        raise ValueError(Errors.B044.format(path=path, cause=cause))


def _cannot_list(error: OSError) -> NoReturn:
    raise ValueError(Errors.B044.format(path=error.filename, cause=error.strerror)) from None


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading.

    path (Path): The file.
    YIELDS (BinaryIO): The file.
    RAISES (ValueError): If the file can't be opened or read.
    """
    if os.path.lexists(path):
        _require_regular(path)
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise ValueError(Errors.B044.format(path=path, cause=error.strerror or error)) from None


def whole_text(path: Path) -> str:
    """Read a file without changes. Line breaks and the byte order mark are kept, because offsets count them.

    path (Path): The file, in UTF-8.
    RETURNS (str): Its text.
    RAISES (ValueError): If the file can't be read or is not in UTF-8.
    """
    with open_file(path) as file:
        content = file.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise wrong_format(path, line, str(error), "text in UTF-8") from None


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a file line by line.

    path (Path): The file, in UTF-8.
    YIELDS (tuple[int, str]): Number of the line, from 1, and the line without its end, which is \\n, \\r\\n or \\r.
    RAISES (ValueError): If the file can't be read or is not in UTF-8.
    """
    # A file in text mode decodes ahead and does not know the line of an error.
    with open_file(path) as file:
        number = 0
        for line in file:
            line = line.rstrip(b"\r\n")
            for part in line.splitlines() if b"\r" in line else (line,):
                number += 1
                try:
                    text = part.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise wrong_format(path, number, str(error), "text in UTF-8") from None
                yield number, text


def read_names(path: Path) -> list[str]:
    """Read a list of documents.

    path (Path): The file, with one name per line.
    RETURNS (list[str]): The names, in this order.
    RAISES (ValueError): If there is no such file, it can't be read, or it has no names or one of them twice.
    """
    if not os.path.lexists(path):
        raise ValueError(Errors.B030.format(path=path))
    path = Path(path)
    names: dict[str, None] = {}
    for number, line in numbered_lines(path):
        for name in line.split():
            if name in names:
                raise wrong_format(path, number, f"{name!r} for the second time", "each name once")
            names[name] = None
    if not names:
        raise wrong_format(path, 1, "no names", "the name of a document per line")
    return list(names)


def require_names(names: Iterable[str], found: Iterable[str], *, listed: Path, path: Path) -> None:
    """Stop if a listed document is missing.

    names (Iterable[str]): The names that a file lists.
    found (Iterable[str]): The names of the documents that there are.
    listed (Path): The file with the names.
    path (Path): The file or folder of the documents.
    RAISES (ValueError): If a name is not among those found.
    """
    found = set(found)
    missing = [name for name in names if name not in found]
    if missing:
        first = ", ".join(missing[:3])
        raise ValueError(Errors.B034.format(n=len(missing), documents=listed, path=path, first=first))


def xml_events(path: Path, expected: str) -> Iterator[tuple[str, Element]]:
    """Read XML in pieces. A DTD that the file names is not read, and expat limits how much text its entities make.

    path (Path): The file, in UTF-8.
    expected (str): The format, for the error message.
    YIELDS (tuple[str, Element]): "start" or "end", and the element. Its attribute LINE has the line of its start.
    RAISES (ValueError): If the file is not XML, or its elements are too deep inside each other.
    """
    parser = XMLPullParser(("start", "end"))
    depth = 0
    try:
        for number, line in numbered_lines(path):
            parser.feed(f"{line}\n")
            for event, element in parser.read_events():  # type: ignore[misc]
                depth += 1 if event == "start" else -1
                if depth > MAX_DEPTH:
                    raise wrong_format(path, number, f"{depth} elements inside each other", expected)
                if event == "start":
                    element.set(LINE, str(number))  # type: ignore[union-attr]
                yield event, element  # type: ignore[misc]
        parser.close()
    except ParseError as error:
        raise wrong_format(path, max(error.position[0], 1), f"not XML ({error})", expected) from None


def whole_parts(parts: Iterable[PartT], path: Path) -> Iterator[PartT]:
    """Pass on what a library reads of a file, part by part.

    parts (Iterable): What the library gives. Each kind of damage may have an error of its own there.
    path (Path): The file.
    YIELDS (Any): The parts.
    RAISES (ValueError): If the library fails.
    """
    given = iter(parts)
    while True:
        try:
            part = next(given)
        except StopIteration:
            return
        except Exception as error:
            raise ValueError(Errors.B044.format(path=path, cause=error)) from None
        yield part
