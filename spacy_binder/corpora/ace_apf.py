"""Read the annotations of ACE: APF, an XML format of entities and their mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .files import LINE, xml_events
from .problems import wrong_format
from .spans import Annotation

EXPECTED = "ACE's XML"
# Python refuses to read a number of thousands of digits.
NUMBER = re.compile(r"\d{1,12}")


def read_apf(path: Path, part: str) -> Iterator[tuple[Annotation, str]]:
    """Read the mentions of entities. Values, times, relations and events are skipped.

    path (Path): The file, in version 4 (2004) or 5 (2005). For mentions they are the same.
    part (str): "extent" or "head".
    YIELDS (tuple[Annotation, str]): A mention, its last character inclusive, and the quoted text.
    RAISES (ValueError): If the file is not such XML.
    """
    elements = [element for event, element in xml_events(path, EXPECTED) if event == "start"]
    if not any(element.tag == "document" for element in elements):
        raise wrong_format(path, 1, "no <document>", EXPECTED)
    for entity in (element for element in elements if element.tag == "entity"):
        for mention in entity.iter("entity_mention"):
            characters = mention.find(f"{part}/charseq")
            line = int((mention if characters is None else characters).get(LINE, 0))
            if characters is None:
                raise wrong_format(path, line, f"a mention without <{part}>", EXPECTED)
            borders = (characters.get("START", ""), characters.get("END", ""))
            if not all(NUMBER.fullmatch(border.strip()) for border in borders):
                raise wrong_format(path, line, f"START and END of {borders}", "the numbers of two characters")
            start, end = map(int, borders)
            yield Annotation(start, end, entity.get("TYPE", ""), line), characters.text or ""
