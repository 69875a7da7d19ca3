"""`spacy binder app` in a browser: add a type in words, see the picture change, move the threshold, download."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

pytest.importorskip("streamlit", reason="Streamlit is not installed: pip install 'spacy-binder[app]'")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

TEXT = "Captain Torbjørn Eide left Bodø on Tuesday."
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder, in which nothing is."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(trained: tuple[Path, Path], home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page of the trained pipeline."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "spacy", "binder", "app", str(trained[0]), "--port", str(port), "--no-browser"]
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with log.open("wb") as written:
        server = subprocess.Popen(
            command, stdout=written, stderr=written, cwd=home, env={**os.environ, "HOME": str(home)}
        )
    try:
        for _ in range(240):
            assert server.poll() is None, log.read_text()
            try:
                with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                    break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
        assert server.poll() is None, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as started:
        try:
            opened = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        except playwright.Error:
            pytest.skip("There is no Chromium to open the page in")
        yield opened
        opened.close()


def test_add_a_type_move_the_threshold_and_download(address: str, home: Path, browser: Any, tmp_path: Path) -> None:
    view = browser.new_page(viewport={"width": 1280, "height": 1000})
    view.set_default_timeout(120_000)
    outside: list[str] = []
    view.on("request", lambda request: None if address[7:] in request.url else outside.append(request.url))
    view.goto(address)
    picture, tags = view.locator(".binder-text"), view.locator(".binder-text .tag")
    view.get_by_label("Text", exact=True).fill(TEXT)
    view.get_by_label("Text", exact=True).press("Control+Enter")
    playwright.expect(picture).to_contain_text("left Bodø", timeout=120_000)
    playwright.expect(tags.filter(has_text="GPE")).to_have_count(1)

    # A type in words: those of the type GPE.
    labels = view.locator("[class*=st-key-label] input")
    # The table is drawn again after the text has changed.
    view.wait_for_function(
        "() => [...document.querySelectorAll('[class*=st-key-label] input')].some(field => field.value === 'GPE')"
    )
    rows = labels.evaluate_all("fields => fields.map(field => field.value)")
    words = view.locator("[class*=st-key-description] textarea").nth(rows.index("GPE")).input_value()
    view.get_by_label("New type").fill("PLACE")
    view.get_by_label("What its spans are, in words").fill(words)
    view.get_by_role("button", name="Add", exact=True).click()
    playwright.expect(tags.filter(has_text="PLACE")).to_have_count(1, timeout=120_000)
    n_tags = tags.count()

    view.get_by_role("slider").press("Home")
    playwright.expect(tags.nth(n_tags)).to_be_attached(timeout=120_000)
    view.get_by_role("slider").press("End")
    playwright.expect(tags.nth(n_tags - 1)).not_to_be_attached(timeout=120_000)
    view.get_by_role("slider").press("Home")
    playwright.expect(tags.nth(n_tags)).to_be_attached(timeout=120_000)

    # Until the page is drawn whole, its buttons give the files of the threshold before.
    view.wait_for_selector("[data-test-script-state=notRunning]", state="attached")
    for name, file in (("Download JSON", "spans.json"), ("Download CSV", "spans.csv")):
        with view.expect_download() as download:
            view.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == file
        download.value.save_as(tmp_path / file)
    record = json.loads((tmp_path / "spans.json").read_text(encoding="utf8"))
    assert record["text"] == TEXT and record["types"]["PLACE"] == words and record["threshold"] == 0.01
    assert len(record["spans"]) == tags.count()
    with (tmp_path / "spans.csv").open(encoding="utf8", newline="") as lines:
        assert [row["label"] for row in csv.DictReader(lines)] == [span["label"] for span in record["spans"]]

    view.get_by_text("Upload a file instead").click()
    view.locator("input[type=file]").set_input_files(
        {"name": "old.txt", "mimeType": "text/plain", "buffer": "Bodø".encode("latin-1")}
    )
    playwright.expect(view.get_by_text("old.txt is not a text in UTF-8")).to_be_visible(timeout=120_000)
    view.get_by_label("Text", exact=True).fill("word " * 1_000_000)
    view.get_by_label("Text", exact=True).press("Control+Enter")
    playwright.expect(view.get_by_text("The text has 5,000,000 characters")).to_be_visible(timeout=120_000)
    assert view.locator("[data-testid=stException]").count() == 0
    assert outside == []
    assert list(home.rglob("*")) == []


def test_another_name_of_the_host_is_refused(address: str) -> None:
    """A page elsewhere can't talk to this one by a name of its own that points here."""
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    where = address.replace("http", "ws") + "/_stcore/stream"
    with connect(where):
        pass
    with (
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as plain,
        pytest.raises(InvalidStatus),
    ):
        connect(where.replace("127.0.0.1", "elsewhere.example"), sock=plain)
