"""The page of an evaluation: it shows the figures, refers to no other files, and a browser can show it."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_metrics import LABELS, TEXT, doc_of, entity

from spacy_binder.analysis.docs import Entity, EvaluatedDoc
from spacy_binder.analysis.metrics import metrics
from spacy_binder.analysis.report import report_page
from spacy_binder.analysis.report.sentences import MAX_HEIGHT, draw_spans

EMPTY = {"area", "br", "col", "hr", "input", "link", "meta"}


class Balance(HTMLParser):
    """Asserts that every element is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def docs() -> list[EvaluatedDoc]:
    """A sentence with a mistake of each kind in its first half, and one without any."""
    gold = {entity(0, 2, "PER"), entity(4, 3, "ORG"), entity(7, 1, "PER"), entity(12, 1, "PER")}
    wrong = {entity(1, 1, "PER"): 0.9, entity(4, 3, "PER"): 0.7, entity(2, 1, "ORG"): 0.6, entity(12, 1, "PER"): 1.0}
    return [doc_of(gold, dict.fromkeys(gold, 0.8)), doc_of(gold, {**wrong, entity(0, 1, "ORG"): 0.2})]


def page_of(docs: list[EvaluatedDoc], **settings: int) -> str:
    return report_page(docs, metrics(docs, LABELS), title="<demo>", model="model & more", **settings)


def test_page_shows_the_figures(docs: list[EvaluatedDoc]) -> None:
    found, page = metrics(docs, LABELS), page_of(docs)
    for figure in "prf":
        assert f"{100 * found['all'][figure]:.1f}" in page
    assert page.count("<article") == page.count("<header") == 4
    assert page.count('class="side"') == 8
    assert "4 of 4 sentences" in page
    assert "<b>boundary</b> the Rector <i>PER</i> → Rector <i>PER</i> 0.90" in page
    assert "<b>type</b> University of Vermont <i>ORG</i> → University of Vermont <i>PER</i> 0.70" in page
    assert "<b>missed</b> left <i>PER</i>" in page
    assert "<b>spurious</b> of <i>ORG</i> 0.60" in page
    assert "&lt;demo&gt;" in page and "model &amp; more" in page


def test_worst_sentences_come_first(docs: list[EvaluatedDoc]) -> None:
    page = page_of(docs, n_sentences=1)
    assert page.count("<article") == 1
    assert "<header>document 2, sentence 1</header>" in page
    assert "1 of 4 sentences" in page


def test_boxes_are_inside_each_other() -> None:
    """A span that crosses the end of another one becomes two boxes. Those that the other side hasn't are marked."""
    gold = {entity(4, 3, "ORG"), entity(6, 1, "PER")}
    doc = doc_of(gold, {entity(4, 3, "ORG"): 0.9, entity(5, 3, "PER"): 0.8, entity(12, 1, "PER"): 0.7})
    colors = {"ORG": "#111111", "PER": "#222222"}

    def drawn(spans: Iterable[Entity], others: Iterable[Entity]) -> str:
        page = draw_spans(doc, (0, 8), spans, others, colors)
        page = re.sub(r"<b>(.*?)</b></span>", r" \1]", page)
        return re.sub(r'<span class="box( differs)?" style="--c:#\w+;--h:(\d)">', r"[\2", page)

    assert drawn(doc.gold, doc.predicted) == (
        '<div class="spans" style="--h:2">the Rector of the [1University of [0Vermont PER ✗] ORG] left</div>'
    )
    assert drawn(doc.predicted, doc.gold) == (
        '<div class="spans" style="--h:2">the Rector of the [1University [0of Vermont PER… ✗] ORG] [0left …PER ✗]</div>'
    )


def test_a_box_that_many_are_in_does_not_get_higher() -> None:
    spans = {entity(0, n, "PER"): 0.9 for n in range(1, 9)}
    page = draw_spans(doc_of(set(), spans), (0, 8), spans, (), {"PER": "#111111"})
    assert max(map(int, re.findall(r"--h:(\d+)", page))) == MAX_HEIGHT
    assert page.count("PER ✗</b>") == 8


def test_long_labels_are_turned() -> None:
    """A table with a column for each would not fit beside anything."""
    for label, turned in (("PER", False), ("A_VERY_LONG_LABEL_NAME", True)):
        labels = [f"{label}_{i}" for i in range(10)]
        docs = [doc_of({entity(0, 2, labels[0])}, {})]
        page = report_page(docs, metrics(docs, labels), title="", model="")
        assert ('class="confusion turned"' in page) == turned


def test_there_is_one_pair_of_words(docs: list[EvaluatedDoc]) -> None:
    assert not re.search("false.(positive|negative)", page_of(docs))


def test_page_is_well_formed_and_refers_to_nothing_outside(docs: list[EvaluatedDoc]) -> None:
    for page in (page_of(docs), page_of([]), page_of([doc_of(set(), {})])):
        assert not re.search(r"{{|{%|\$|None|Undefined", page)
        assert not re.search(r"""(src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org)""", page)
        parser = Balance()
        parser.feed(page)
        assert parser.open == []


def test_text_and_labels_are_escaped() -> None:
    label = "<b>"
    doc = doc_of({entity(0, 1, label)}, {})
    doc.text = doc.text.replace("the", "<i>", 1)
    page = report_page([doc], metrics([doc], [label]), title="", model="")
    assert "<b></" not in page and "<b><" not in page
    assert "&lt;i&gt;" in page and "&lt;b&gt;" in page


def test_charts(docs: list[EvaluatedDoc]) -> None:
    """A curve needs two points, and there is one bar per bin."""
    found = metrics(docs, ["LOC", *LABELS])
    page = report_page(docs, found, title="", model="")
    curves = re.findall(r'<polyline class="(\w+)"(?: style="--c:#\w+")? points="([\d., ]+) "><title>(\w+)<', page)
    assert [(style, len(points.split()), name) for style, points, name in curves] == [
        ("label", 3, "ORG"),
        ("label", 4, "PER"),
        ("all", 6, "all"),
    ]
    # Recall is 1/2 at each score, precision is 1, 1/2 and 1/3.
    assert curves[0][1] == "247.0,14.0 247.0,146.0 247.0,190.0"
    assert page.count('<circle class="dot"') == 1
    bins = found["calibration"]["candidates"]["bins"]
    assert page.count('<rect class="share"') == page.count('<circle class="mean"') == len(bins)
    assert "such spans are not among them" not in page
    dropped = report_page(docs, metrics(docs, LABELS, n_dropped=1234), title="", model="")
    assert "1,234 such spans are not among them" in dropped
    assert f"{bins[0]['n']} spans with a mean score of {bins[0]['confidence']:.2f}, of which 0.00 are gold" in page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium to open the page in")
def test_a_browser_shows_the_page(docs: list[EvaluatedDoc], tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page_of(docs), encoding="utf8")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    flags += f" --disable-component-update --disable-sync --user-data-dir={tmp_path / 'browser'}"
    command = ["chromium", *flags.split(), "--dump-dom", (tmp_path / "report.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert shown.count("<article") == 4
    assert shown.count("<svg") == 2
    assert TEXT.split()[4] in shown
    command[-2:] = [f"--screenshot={tmp_path / 'page.png'}", "--window-size=1300,2000", command[-1]]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    assert (tmp_path / "page.png").stat().st_size > 20000
