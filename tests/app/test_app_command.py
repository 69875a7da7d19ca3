"""`spacy binder app`: what it tells Streamlit, and what it says where it can't open the page."""

from pathlib import Path

import pytest
from project_copy import run_python

from spacy_binder.app.server import options


def test_only_this_computer_can_open_the_page() -> None:
    given = " ".join(options(8600, browser=False))
    assert "--server.address 127.0.0.1" in given and "--browser.gatherUsageStats false" in given
    assert "--server.port 8600" in given and "--server.headless true" in given
    assert "--server.port" not in options(None, browser=True)
    assert "--server.headless" not in options(None, browser=True)


@pytest.mark.parametrize("model", ["nowhere", "assets/pipeline-0.1.0/binder_ner"])
def test_a_pipeline_that_cannot_be_loaded(model: str) -> None:
    """It is said in the terminal, without a traceback."""
    pytest.importorskip("streamlit", reason="Streamlit is not installed: pip install 'spacy-binder[app]'")
    done = run_python(Path(__file__).parents[1], "-m", "spacy", "binder", "app", model, "--no-browser")
    assert done.returncode == 1
    assert "Can't open the page" in done.output and "Traceback" not in done.output


def test_without_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra to install."""
    monkeypatch.setattr("spacy_binder.installed.is_installed", lambda _: False)
    done = run_python(Path(__file__).parent, "-m", "spacy", "binder", "app", "nowhere")
    assert done.returncode == 1
    assert 'pip install "spacy-binder[app]"' in " ".join(done.output.split())
