"""Read the source files of ACE: SGML. Annotations count the characters between the tags."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import NamedTuple

from .files import whole_text
from .problems import wrong_format

# A quoted earlier post is the attribute of a tag and can have many lines. Unknown entities are plain text.
PIECE = re.compile(
    r"<(?P<tag>[^<>]+)>|(?P<entity>&(?:amp|lt|gt|quot|apos);)|(?P<space>\s+)|[^<&\s]+|[<&]", re.IGNORECASE
)
TAG_NAME = re.compile(r"/?\s*(\w*)")
BETWEEN_PARAGRAPHS = "\n\n"
OUTSIDE = -1


class Source(NamedTuple):
    """A document without its markup.

    text (str): Its text. Lines are joined by a space, paragraphs by a blank line.
    paragraphs (set[int]): First character of each paragraph. A speaker or poster is a paragraph.
    positions (list[int]): For each character of the file outside tags, its position in the text, or OUTSIDE. All
        characters of an entity such as `&amp;` share one position. Whitespace has the position after the last word.
    """

    text: str
    paragraphs: set[int]
    positions: list[int]


def read_sgml(path: Path, *, headlines: bool = False) -> Source:
    """Read a source file.

    path (Path): The file.
    headlines (bool): Whether headlines belong to the text. Defaults to False.
    RETURNS (Source): The text between <TEXT> and </TEXT>.
    RAISES (ValueError): If the file has no <TEXT> or is not in UTF-8.
    """
    read = ("TEXT", "HEADLINE") if headlines else ("TEXT",)
    words: list[str] = []
    paragraphs: set[int] = set()
    positions: list[int] = []
    length = 0
    is_inside = is_found = False
    gap = BETWEEN_PARAGRAPHS
    for piece in PIECE.finditer(whole_text(path)):
        kind, string = piece.lastgroup, piece[0]
        if kind == "tag":
            name = TAG_NAME.match(piece["tag"])[1].upper()  # type: ignore[index]
            if name in read:
                is_inside = piece["tag"][0] != "/"
            is_found |= name == "TEXT"
            gap = BETWEEN_PARAGRAPHS
        elif not is_inside:
            positions += [OUTSIDE] * len(string)
        elif kind == "space":
            positions += [length] * len(string)
            gap = BETWEEN_PARAGRAPHS if string.count("\n") > 1 else gap or " "
        else:
            if gap:
                if words:
                    words.append(gap)
                    length += len(gap)
                if gap == BETWEEN_PARAGRAPHS:
                    paragraphs.add(length)
                gap = ""
            if kind == "entity":
                positions += [length] * len(string)
                string = unescape(string.lower())
            else:
                positions += range(length, length + len(string))
            words.append(string)
            length += len(string)
    if not is_found:
        raise wrong_format(path, 1, "no <TEXT>", "a source file of ACE")
    return Source("".join(words), paragraphs, positions)
