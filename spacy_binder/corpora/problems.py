"""Count and report the annotations that a reader leaves out or changes."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from ..errors import Errors, Warnings

# Kind of problem -> sentence about the annotated text.
KINDS = {
    "misaligned": "begins or ends inside a token, and is left out",
    "empty": "has no text, and is left out",
    "inverted": "ends before it begins, and is left out",
    "out of range": "lies outside the document, and is left out",
    "no label": "has no label, and is left out",
    "duplicate": "is annotated twice with the same label, and is kept once",
    "trimmed": "begins or ends with whitespace, and is kept without it",
    "discontinuous": "has several parts, and is left out",
    "other text": "is not the text at this place, and is left out",
    "tag order": "has a tag that can't follow the one before it, and is read as the beginning of a span",
    "unclosed": "has no tag that ends it, and is read as ending here",
    "no start": "is where a mention ends that has not begun, and is left out",
    "no end": "is where a mention begins that does not end in its sentence, and is left out",
    "widened": "begins or ends inside a token, and is read as all of it",
    "pronoun": "is a pronoun, and is left out",
    "coordinated": "is a coordination of several entities, and is left out",
    "other type": "has a type that is not read, and is left out",
    "not accepted": "was not accepted by its annotator, and is left out",
    "not annotated": "has not been annotated, and is left out",
    "outside the text": "lies in a header, a headline or another part outside the text, and is left out",
    "second annotation": "has more than one annotation, and only the first is read",
    "in a comment": "is in a line that begins with #, and is left out",
    "no place": "has no place in the text that can be read, and is left out",
    "no spans": "has no key with spans, and is read as a text without spans",
    "wrong record": "does not fit the format, so its document or sentence is left out",
}
# Characters of a text or a problem to show.
SHOWN_TEXT, SHOWN_PROBLEM = 60, 300

HEADER = ("Problem", "Number", "Each annotation", "Examples")


class Problem(NamedTuple):
    """An annotation that does not fit.

    kind (str): One of KINDS.
    path (Path): The file.
    line (int): The line, or 0 for formats without lines.
    text (str): The annotated text.
    """

    kind: str
    path: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        """RETURNS (str): The line, in words."""
        return f"line {self.line}" if self.line else "a binary file"


class Problems:
    """The annotations that were left out or changed while reading. None is lost without a report."""

    def __init__(self, *, strict: bool = False, keep: int = 3) -> None:
        """Start without problems.

        strict (bool): Whether the first problem is an error. Defaults to False.
        keep (int): How many of each kind to keep for the report. Defaults to 3.
        """
        self.strict = strict
        self.keep = keep
        self.counts: Counter[str] = Counter()
        self.first: defaultdict[str, list[Problem]] = defaultdict(list)

    def add(self, kind: str, path: Path, line: int, text: str, *, intended: bool = False) -> None:
        """Count an annotation.

        kind (str): One of KINDS.
        path (Path): The file.
        line (int): The line, or 0 for formats without lines.
        text (str): The annotated text. Only its beginning is kept.
        intended (bool): Whether the source itself excludes it, which is never an error. Defaults to False.
        RAISES (ValueError): If `strict` is set and the problem is not intended.
        """
        text = shorten(text, SHOWN_TEXT)
        problem = Problem(kind, path, line, text)
        if self.strict and not intended:
            raise ValueError(Errors.B028.format(path=path, place=problem.place, text=text, problem=KINDS[kind]))
        self.counts[kind] += 1
        if len(self.first[kind]) < self.keep:
            self.first[kind].append(problem)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """RETURNS (list): The rows of a table with the header HEADER, the most frequent kind first."""
        return [
            (kind, f"{n:,}", KINDS[kind], "; ".join(f"{p.text!r} ({p.path.name}, {p.place})" for p in self.first[kind]))
            for kind, n in self.counts.most_common()
        ]

    def warn(self, path: Path) -> None:
        """Give one warning about all problems, if there are any.

        path (Path): The file or folder that was read.
        """
        if self.counts:
            counts = ", ".join(f"{kind} {n}" for kind, n in self.counts.most_common())
            first = "; ".join(f"{kind}: {examples}" for kind, _, _, examples in self.rows())
            n = self.counts.total()
            warnings.warn(Warnings.BW09.format(n=n, path=path, counts=counts, first=first), stacklevel=2)


def shorten(text: str, length: int) -> str:
    """Cut a text, for a message.

    text (str): The text.
    length (int): Maximum number of characters.
    RETURNS (str): The text, or its beginning and three dots.
    """
    return text if len(text) <= length else f"{text[: length - 3]}..."


def wrong_format(path: Path, line: int, problem: str, expected: str) -> ValueError:
    """Make the error for a file that is not in the format.

    path (Path): The file.
    line (int): The line.
    problem (str): What the line contains. Only its beginning is shown.
    expected (str): What it should contain.
    RETURNS (ValueError): The error, for the caller to raise.
    """
    problem = shorten(problem, SHOWN_PROBLEM)
    message = Errors.B013.format(path=path, line=line, problem=problem, expected=expected)
    # A lone surrogate could not be printed.
    return ValueError(message.encode("utf-8", "backslashreplace").decode())
