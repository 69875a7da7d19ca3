"""Read records, one value per document or sentence: a wrong one is counted and costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ..errors import Errors
from .json_values import show
from .problems import Problems, wrong_format

ItemT = TypeVar("ItemT")
# Keys to show in a message.
MAX_KEYS = 20


class WrongRecord(ValueError):
    """A record that is not in the format."""

    def __init__(self, problem: str, expected: str) -> None:
        """Store what is wrong.

        problem (str): What the record contains.
        expected (str): What it should contain.
        """
        super().__init__(f"{problem}. Expected {expected}")
        self.problem = problem
        self.expected = expected


def read_records(
    path: Path,
    records: Iterable[tuple[int, dict[str, Any]]],
    read: Callable[[int, dict[str, Any]], ItemT | None],
    problems: Problems,
) -> Iterator[ItemT]:
    """Read records one at a time. Those that don't fit the format are counted and left out.

    path (Path): The file.
    records (Iterable[tuple[int, dict]]): Line and value of each record.
    read (Callable): Makes something from a line and a record, or None from a record that is left out on purpose. It
        raises WrongRecord if the record is not in the format.
    problems (Problems): Counts the wrong records.
    YIELDS: What `read` made.
    RAISES (ValueError): If there are records, and all of them are wrong.
    """
    first: tuple[int, str, str] | None = None
    has_right = False
    for number, record in records:
        try:
            item = read(number, record)
        except (WrongRecord, UnicodeEncodeError) as error:
            wrong = _wrong_text(error) if isinstance(error, UnicodeEncodeError) else error
            problems.add("wrong record", path, number, wrong.problem)
            first = first or (number, wrong.problem, wrong.expected)
        else:
            has_right = True
            if item is not None:
                yield item
    if first and not has_right:
        raise wrong_format(path, *first)


def _wrong_text(error: UnicodeEncodeError) -> WrongRecord:
    around = error.object[max(error.start - 10, 0) : error.end + 10]
    return WrongRecord(f"a lone surrogate, which is half of a character: {around!a}", "whole characters")


def names_of(keys: Iterable[str]) -> str:
    """RETURNS (str): The first keys of a record, for a message. A strange key is quoted and cut."""
    names = [key if key.isprintable() and len(key) <= 40 else show(key) for key in islice(keys, MAX_KEYS + 1)]
    return ", ".join(names[:MAX_KEYS]) + (", ..." if len(names) > MAX_KEYS else "") or "nothing"


class KnownKeys:
    """Whether the records of a file have annotations under a key that is known."""

    def __init__(self, path: Path, expected: str, advice: str = "") -> None:
        """Start without records.

        path (Path): The file.
        expected (str): The format, for the error message.
        advice (str): What to do, for the error message. Defaults to "".
        """
        self.path = path
        self.expected = expected
        self.advice = advice
        self.n_unknown = 0
        self.is_known = False
        self.keys: dict[str, None] = {}

    def add(self, keys: Iterable[str], is_known: bool) -> None:
        """Add a record.

        keys (Iterable[str]): Its keys.
        is_known (bool): Whether one of them is a known key of annotations.
        """
        self.is_known |= is_known
        if not self.is_known:
            self.n_unknown += 1
            if len(self.keys) <= MAX_KEYS:
                self.keys.update(dict.fromkeys(keys))

    def require(self) -> None:
        """Stop if there are records, but none with a known key.

        RAISES (ValueError): If so. The message has their keys.
        """
        if self.n_unknown and not self.is_known:
            found = {"n": self.n_unknown, "keys": names_of(self.keys), "expected": self.expected}
            raise ValueError(Errors.B045.format(path=self.path, advice=self.advice, **found).rstrip())
