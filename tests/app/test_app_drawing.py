"""Boxes inside boxes: text and labels are escaped, nothing of the text is lost, spans may cross."""

import re
from html import unescape
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.app.drawing import Box, draw, nest
from spacy_binder.app.finding import FoundSpan

TEXT = "mayor of Paris in May"
COLORS = dict.fromkeys("ABC", "#123456")


def span(start: int, end: int, label: str = "A") -> FoundSpan:
    return FoundSpan(start, end, label, 0.5)


def shape(parts: list) -> str:
    """RETURNS (str): Boxes as brackets. A box that was cut has a tilde at the cut."""
    return "".join(
        f"[{'~' * part.went_on}{shape(part.inside)}{'~' * part.goes_on}]" if isinstance(part, Box) else part
        for part in parts
    )


def test_nested_spans() -> None:
    spans = [span(0, 14), span(9, 14, "B"), span(18, 21)]
    assert shape(nest(TEXT, spans)) == "[mayor of [Paris]] in [May]"
    assert shape(nest(TEXT, spans[::-1])) == "[mayor of [Paris]] in [May]"
    assert shape(nest(TEXT, [])) == TEXT


def test_spans_with_the_same_characters() -> None:
    [outer, _] = nest("Paris!", [span(0, 5, "B"), span(0, 5, "A")])
    assert isinstance(outer, Box) and outer.span.label == "A" and outer.level == 1
    assert shape([outer]) == "[[Paris]]"


def test_crossing_spans_are_cut() -> None:
    assert shape(nest("abcdef", [span(0, 4), span(2, 6)])) == "[ab[cd~]][~ef]"
    assert shape(nest("abcdef", [span(0, 3), span(1, 4), span(2, 6)])) == "[a[b[c~]~]][~[~d]ef]"


def test_as_many_boxes_in_each_other_as_there_are_spans() -> None:
    """More than functions may call each other."""
    n = 1200
    drawn = draw("a" * n, [span(i, 2 * n - i) for i in range(n)], COLORS)
    assert drawn.count('<span class="box') == drawn.count('class="tag"') == n
    assert drawn.count("<span") == drawn.count("</span>")


def test_a_box_has_label_and_score_once() -> None:
    drawn = draw("abcdef", [FoundSpan(0, 4, "A", 0.987), FoundSpan(2, 6, "B", 0.5)], COLORS)
    assert drawn.count('class="tag"') == 2
    assert "A <i>0.99</i>" in drawn and "B <i>0.50</i>" in drawn


def test_text_and_labels_are_escaped() -> None:
    label = '"><script>alert(1)</script>'
    drawn = draw("<b>x</b> & y", [FoundSpan(0, 4, label, 0.5)], {label: "#123456"})
    assert "<script" not in drawn and "<b>" not in drawn
    assert "&lt;b&gt;x" in drawn and "&lt;script&gt;" in drawn


class Balance(HTMLParser):
    """Asserts that every element is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


PLACES = st.tuples(st.integers(0, 20), st.integers(1, 21), st.sampled_from("ABC")).filter(lambda one: one[0] < one[1])


@settings(deadline=None)
@given(st.lists(PLACES, max_size=12, unique=True))
def test_nothing_of_the_text_is_lost(places: list[tuple[int, int, str]]) -> None:
    spans = [span(*place) for place in places]
    drawn = str(draw(TEXT, spans, COLORS))
    parser = Balance()
    parser.feed(drawn)
    assert parser.open == []
    # Each span ends once, with its tag.
    assert drawn.count('class="tag"') == len(spans)
    bare = re.sub(r"<[^>]+>", "", re.sub(r'<span class="tag">.*?</i></span>', "", drawn))
    assert unescape(bare) == TEXT

    covered = {place: "" for place in spans}

    def visit(parts: list, opened: list[Box]) -> None:
        for part in parts:
            if isinstance(part, Box):
                visit(part.inside, [*opened, part])
            else:
                for box in opened:
                    covered[box.span] += part

    visit(nest(TEXT, spans), [])
    assert covered == {one: TEXT[one.start : one.end] for one in spans}
