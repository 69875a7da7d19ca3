"""The page of an evaluation: it says what the numbers say, needs nothing from outside, and a browser can show it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_metrics import LABELS, TEXT, doc_of, entity

from spacy_binder.analysis.docs import EvaluatedDoc
from spacy_binder.analysis.metrics import metrics
from spacy_binder.analysis.report import report_page
from spacy_binder.analysis.report.charts import precision_recall_chart, reliability_chart

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


def test_page_says_what_the_numbers_say(docs: list[EvaluatedDoc]) -> None:
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
    assert "<header>2.1</header>" in page
    assert "1 of 4 sentences" in page


def test_page_is_well_formed_and_refers_to_nothing_outside(docs: list[EvaluatedDoc]) -> None:
    for page in (page_of(docs), page_of([]), page_of([doc_of(set(), {})])):
        assert "$" not in page
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


def test_charts() -> None:
    svg = precision_recall_chart(
        {"PER": [(0, 1), (0.5, 0.5)], "all": [], "ORG": [(1, 1)]}, {"PER": "#123456"}, (0.5, 0.5)
    )
    assert svg.count("<polyline") == 1 and 'stroke="#123456"' in svg
    assert svg.count("<circle") == 1
    bins = [{"low": 0.4, "high": 0.5, "n": 4, "confidence": 0.45, "accuracy": 0.25}]
    assert reliability_chart(bins).count("<rect") == 1
    assert "4 spans score 0.45 on average, 0.25 of them are gold" in reliability_chart(bins)


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
