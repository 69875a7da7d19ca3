"""The annotations of ACE: APF, its XML of entities, each with its mentions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from .files import numbered_lines
from .problems import wrong_format

LINE = "line"
EXPECTED = "ACE's XML"


class Mention(NamedTuple):
    """A mention as the file has it.

    label (str): The type of its entity.
    start (int): First character.
    end (int): Last character.
    text (str): The text that is quoted.
    line (int): The line that its characters are given in.
    """

    label: str
    start: int
    end: int
    text: str
    line: int


def read_apf(path: Path, part: str) -> Iterator[Mention]:
    """Read the mentions of entities; values, times, relations and events are passed over.

    path (Path): The file. Versions 4 (2004) and 5 (2005) differ in what is not read.
    part (str): `extent` or `head`.
    YIELDS (Mention): The mentions.
    RAISES (ValueError): If the file is no such XML.
    """
    root = _parse(path)
    if next(root.iter("document"), None) is None:
        raise wrong_format(path, 1, "no <document>", EXPECTED)
    for entity in root.iter("entity"):
        for mention in entity.iter("entity_mention"):
            characters = mention.find(f"{part}/charseq")
            line = int((mention if characters is None else characters).get(LINE, 0))
            if characters is None:
                raise wrong_format(path, line, f"a mention without <{part}>", EXPECTED)
            borders = (characters.get("START", ""), characters.get("END", ""))
            if not all(border.strip().isdecimal() for border in borders):
                raise wrong_format(path, line, f"START and END of {borders}", "the numbers of two characters")
            start, end = map(int, borders)
            yield Mention(entity.get("TYPE", ""), start, end, characters.text or "", line)


def _parse(path: Path) -> Element:
    """RETURNS (Element): The root. Each element knows the line that it begins on."""
    # The DTD that a file names is not read; the parser looks for none.
    parser = XMLPullParser(("start",))
    root: Element | None = None
    try:
        for number, line in numbered_lines(path):
            parser.feed(f"{line}\n")
            for _, element in parser.read_events():  # type: ignore[misc]
                if isinstance(element, Element):
                    element.set(LINE, str(number))
                    root = element if root is None else root
        parser.close()
    except ParseError as error:
        raise wrong_format(path, max(error.position[0], 1), f"no XML ({error})", EXPECTED) from None
    if root is None:
        raise wrong_format(path, 1, "no XML", EXPECTED)
    return root
