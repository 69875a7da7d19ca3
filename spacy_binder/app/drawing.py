"""Nested spans → HTML: boxes inside boxes, each with its label and score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from markupsafe import Markup, escape

from .finding import FoundSpan

# Deeper boxes get no higher.
MOST_LEVELS = 6
STYLE = """
.binder-text { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 34rem; overflow: auto;
  line-height: calc(1.75em + var(--depth) * .55em); padding: .4rem 1rem .4rem .1rem; }
.binder-text .box { --tint: color-mix(in srgb, var(--c) 17%, transparent);
  background: var(--tint); border: 1px solid color-mix(in srgb, var(--c) 75%, transparent); border-radius: .4em;
  padding: calc(.12em + var(--level) * .24em) .22em; margin: 0 .06em;
  box-decoration-break: clone; -webkit-box-decoration-break: clone; }
.binder-text .box.goes-on { border-right-style: dashed; border-top-right-radius: 0; border-bottom-right-radius: 0; }
.binder-text .box.went-on { border-left-style: dashed; border-top-left-radius: 0; border-bottom-left-radius: 0; }
.binder-text .tag { white-space: nowrap; font-size: .68em; font-weight: 700; letter-spacing: .02em; line-height: 1;
  margin-left: .35em; padding: .12em .4em; border-radius: .35em; vertical-align: .12em;
  background: color-mix(in srgb, var(--c) 42%, transparent); user-select: none; }
.binder-text .tag i { font-style: normal; font-weight: 500; font-variant-numeric: tabular-nums; }
"""


@dataclass
class Box:
    """A span, or a part of one that another span cuts in two.

    span (FoundSpan): The span.
    went_on (bool): Whether the span has begun before.
    goes_on (bool): Whether the span goes on after it.
    inside (list): Texts and boxes.
    level (int): How many boxes are in each other inside of it.
    """

    span: FoundSpan
    went_on: bool = False
    goes_on: bool = False
    inside: list[Union[str, Box]] = field(default_factory=list)
    level: int = 0


def draw(text: str, spans: Sequence[FoundSpan], colors: Mapping[str, str]) -> Markup:
    """Draw a text with its spans.

    text (str): The text.
    spans (Sequence[FoundSpan]): Its spans. They may nest and overlap.
    colors (Mapping[str, str]): A color per label.
    RETURNS (Markup): HTML, in which everything from text and labels is escaped. It needs `STYLE`.
    """
    inside = nest(text, spans)
    depth = max((box.level + 1 for box in inside if isinstance(box, Box)), default=0)
    return Markup('<div class="binder-text" dir="auto" style="--depth:{}">{}</div>').format(
        min(depth, MOST_LEVELS), Markup("").join(_drawn(inside, colors))
    )


def nest(text: str, spans: Sequence[FoundSpan]) -> list[Union[str, Box]]:
    """Make boxes inside boxes. A span that crosses the end of another one becomes two boxes.

    text (str): The text.
    spans (Sequence[FoundSpan]): Its spans.
    RETURNS (list[Union[str, Box]]): The text, cut at the outermost boxes.
    """
    top: list[Union[str, Box]] = []
    # The boxes that are open, from the outermost to the innermost.
    opened: list[Box] = []
    waiting = sorted(spans, key=lambda span: (span.start, -span.end, span.label), reverse=True)
    borders = sorted({0, len(text), *(span.start for span in spans), *(span.end for span in spans)})
    for here, following in zip(borders, [*borders[1:], len(text)], strict=True):
        cut: list[FoundSpan] = []
        while any(box.span.end <= here for box in opened):
            box = opened.pop()
            if box.span.end > here:
                box.goes_on = True
                cut.append(box.span)
        starting = [(span, True) for span in reversed(cut)]
        while waiting and waiting[-1].start <= here:
            starting.append((waiting.pop(), False))
        for span, went_on in sorted(starting, key=lambda part: -part[0].end):
            box = Box(span, went_on)
            for level, outer in enumerate(reversed(opened), start=1):
                outer.level = max(outer.level, level)
            (opened[-1].inside if opened else top).append(box)
            opened.append(box)
        if text[here:following]:
            (opened[-1].inside if opened else top).append(text[here:following])
    return top


def _drawn(parts: Sequence[Union[str, Box]], colors: Mapping[str, str]) -> Iterator[Markup]:
    """YIELDS (Markup): The parts of a text. More boxes may be in each other than functions may call each other."""
    opened = [iter(parts)]
    ends: list[Markup] = []
    while opened:
        part = next(opened[-1], None)
        if isinstance(part, Box):
            opened.append(iter(part.inside))
            ends.append(_tag(part) + Markup("</span>"))
            yield _beginning(part, colors[part.span.label])
        elif part is not None:
            yield escape(part)
        else:
            opened.pop()
            if ends:
                yield ends.pop()


def _beginning(box: Box, color: str) -> Markup:
    return Markup('<span class="box{}{}" style="--c:{};--level:{}" title="{} {}">').format(
        " went-on" if box.went_on else "",
        " goes-on" if box.goes_on else "",
        color,
        min(box.level, MOST_LEVELS),
        box.span.label,
        f"{box.span.score:.2f}",
    )


def _tag(box: Box) -> Markup:
    if box.goes_on:
        return Markup("")
    return Markup('<span class="tag">{} <i>{}</i></span>').format(box.span.label, f"{box.span.score:.2f}")
