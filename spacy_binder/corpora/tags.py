"""Convert one tag per token to spans, in the schemes IOB1, IOB2, and IOBES or BILOU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from .spans import Annotation

SCHEMES = ("auto", "iob1", "iob2", "iobes")
# IOBES, BILOU and BMEWO have the same tags with different letters.
LETTERS = {"B": "B", "I": "I", "O": "O", "E": "E", "L": "E", "M": "I", "S": "S", "U": "S", "W": "S"}


class Tag(NamedTuple):
    """A tag as letter and label.

    letter (str): B, I, O, E or S, in each scheme.
    label (str): The label, empty for O.
    """

    letter: str
    label: str


# A corpus has many tokens but few different tags.
@lru_cache(maxsize=1024)
def parse_tag(tag: str, label: str = "") -> Tag | None:
    """Split a tag into letter and label.

    tag (str): The tag: O, a letter and a label such as B-PER, or only a letter.
    label (str): Label of a tag that is only a letter. Defaults to "".
    RETURNS (Optional[Tag]): The parts, or None if it is not a tag.
    """
    if tag == "O":
        return Tag("O", "")
    letter, separator, own_label = tag[:1], tag[1:2], tag[2:]
    found = own_label if separator in ("-", "_") else label if not separator else ""
    return Tag(LETTERS[letter], found) if letter in LETTERS and letter != "O" and found else None


def recognise_scheme(sentences: Iterable[Sequence[Tag]]) -> str:
    """Find the scheme of tags.

    sentences (Iterable[Sequence[Tag]]): The tags of each sentence.
    RETURNS (str): "iobes" if there are tags for the last or only token of a span. "iob1" if spans begin with I, and
        with B only directly after a span of the same label. Otherwise "iob2".
    """
    counts: Counter[str] = Counter()
    for tags in sentences:
        before = Tag("O", "")
        for tag in tags:
            if tag.letter in "ES":
                return "iobes"
            if tag.letter == "I" and before.label != tag.label:
                counts["I begins"] += 1
            elif tag.letter == "B" and before.label != tag.label:
                counts["B begins"] += 1
            before = tag
    return "iob1" if counts["I begins"] and not counts["B begins"] else "iob2"


def spans_of_tags(
    tags: Sequence[Tag], lines: Sequence[int], offset: int, scheme: str
) -> tuple[list[Annotation], list[tuple[str, Annotation]]]:
    """Convert the tags of a sentence to spans.

    `spacy.training.iob_utils` is not enough: it has no IOBES, and repairs wrong tags without a report.

    tags (Sequence[Tag]): One tag per token.
    lines (Sequence[int]): One line number per token.
    offset (int): Number of tokens in the document before the sentence.
    scheme (str): "iob1", "iob2" or "iobes".
    RETURNS (tuple): The spans, and kind and span for each one that breaks the scheme: "tag order" if it begins with a
        tag for an inner or last token, "unclosed" if its last token has no tag for a last token.
    """
    spans: list[Annotation] = []
    mended: list[tuple[str, Annotation]] = []
    start = -1
    for i in range(len(tags) + 1):
        tag = tags[i] if i < len(tags) else Tag("O", "")
        before = tags[i - 1] if i else Tag("O", "")
        goes_on = tag.letter in "IE" and before.letter in "BI" and before.label == tag.label
        if start >= 0 and not goes_on:
            spans.append(Annotation(offset + start, offset + i, before.label, lines[start]))
            if scheme == "iobes" and before.letter not in "ES":
                mended.append(("unclosed", spans[-1]))
            if scheme != "iob1" and tags[start].letter in "IE":
                mended.append(("tag order", spans[-1]))
            start = -1
        if tag.letter != "O" and not goes_on:
            start = i
    return spans, mended
