"""The page, run by Streamlit's own test client: what is typed and clicked, and what is shown then."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

pytest.importorskip("streamlit", reason="Streamlit is not installed: pip install 'spacy-binder[app]'")
from streamlit.testing.v1 import AppTest

from spacy_binder.app import page
from spacy_binder.app.given import MOST_TYPES, EntityType

SCRIPT = ROOT / "spacy_binder" / "app" / "script.py"
TEXT = "Captain Torbjørn Eide left Bodø on Tuesday."


@pytest.fixture
def open_page(trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], AppTest]]:
    """Opens the page of the trained pipeline, with a text that has spans."""
    monkeypatch.setattr(sys, "argv", ["script.py", str(trained[0])])

    def opened() -> AppTest:
        app = AppTest.from_file(SCRIPT, default_timeout=120).run()
        return app.text_area("text").set_value(TEXT).run()

    yield opened
    page.load_pipeline.cache_clear()


@pytest.fixture
def app(open_page: Callable[[], AppTest]) -> AppTest:
    return open_page()


def drawn(app: AppTest) -> str:
    """RETURNS (str): The picture, or nothing."""
    assert not app.exception
    return next(
        (part.value for part in app.get("html") if "binder-text" in part.value and "<style" not in part.value), ""
    )


def answers(app: AppTest) -> list[str]:
    """RETURNS (list[str]): What the page says is wrong."""
    assert not app.exception
    return [part.value.replace("\\", "") for part in (*app.error, *app.info)]


def row_of(app: AppTest, label: str) -> int:
    return next(row for row in app.session_state.rows if app.session_state[f"label-{row}"] == label)


def add_type(app: AppTest, label: str, description: str) -> AppTest:
    app.text_input("new_label").set_value(label)
    app.text_input("new_description").set_value(description)
    return next(button for button in app.button if button.label == "Add").click().run()


def test_first_view(app: AppTest) -> None:
    assert "Bodø<span" in drawn(app) and ">GPE <i>" in drawn(app)
    assert answers(app) == []
    rows = app.dataframe[0].value
    assert {"Bodø"} <= set(rows["text"]) and rows["score"].between(0.5, 1).all()
    assert [button.label for button in app.get("download_button")] == ["Download JSON", "Download CSV"]
    python, config = (part.value for part in app.code)
    assert "spacy.load(" in python and TEXT in python
    assert "[initialize.components.binder_ner.labels]" in config


def test_each_run_tells_the_browser_what_rows_show_at_first(app: AppTest) -> None:
    """A run may be broken off before the browser has its values. Then those of the next run have to be enough."""
    types = {f"label-{row}": app.session_state[f"label-{row}"] for row in app.session_state.rows}
    assert "GPE" in types.values()
    assert {key: app.text_input(key).proto.default for key in types} == types
    descriptions = [area for area in app.text_area if str(area.key).startswith("description-")]
    assert len(descriptions) == len(types)
    assert all(area.proto.default == area.value != "" for area in descriptions)


def test_add_describe_and_remove_types(app: AppTest) -> None:
    gpe = row_of(app, "GPE")
    words = app.session_state[f"description-{gpe}"]
    add_type(app, " PLACE ", words)
    assert ">PLACE <i>" in drawn(app) and ">GPE <i>" in drawn(app)
    assert app.text_input("new_label").value == ""
    assert 'ner.add_label("PLACE"' in app.code[0].value
    app.button(f"remove-{gpe}").click().run()
    assert ">PLACE <i>" in drawn(app) and ">GPE <i>" not in drawn(app)
    assert 'ner.remove_label("GPE")' in app.code[0].value
    place = row_of(app, "PLACE")
    app.text_input(f"label-{place}").set_value("TOWN").run()
    assert ">TOWN <i>" in drawn(app)
    per = app.session_state[f"description-{row_of(app, 'PER')}"]
    app.text_area(f"description-{place}").set_value(per).run()
    assert ">TOWN <i>" in drawn(app) and "Bodø<span" not in drawn(app)
    app.button("reset").click().run()
    assert ">GPE <i>" in drawn(app) and "TOWN" not in drawn(app)
    assert "label(" not in app.code[0].value


def test_threshold_needs_no_search(app: AppTest) -> None:
    finder = app.session_state.finder
    before, n_searches = drawn(app).count("tag"), finder.n_searches
    app.slider("threshold").set_value(0.01).run()
    assert drawn(app).count("tag") > before
    app.slider("threshold").set_value(0.99).run()
    assert drawn(app).count("tag") < before
    assert finder.n_searches == n_searches
    assert 'ner.cfg["threshold"] = 0.99' in app.code[0].value


def test_a_calibrated_threshold_is_exact(open_page: Callable[[], AppTest], trained: tuple[Path, Path]) -> None:
    """The slider has two decimals. It starts at what the pipeline has, with the thresholds of its types."""
    nlp, name = page.load_pipeline(str(trained[0]), "")
    pipe: Any = nlp.get_pipe(name)
    pipe.cfg.update(threshold=0.51234, thresholds={"GPE": 0.999})
    app = open_page()
    assert app.slider("threshold").value == 0.51
    assert "cfg" not in app.code[0].value
    assert "threshold = 0.51234" in app.code[1].value
    assert ">GPE <i>" not in drawn(app)
    assert app.number_input(f"threshold-{row_of(app, 'GPE')}").value == 0.999
    app.number_input(f"threshold-{row_of(app, 'GPE')}").set_value(0.2).run()
    assert ">GPE <i>" in drawn(app)
    assert 'ner.cfg["thresholds"] = {"GPE": 0.2}' in app.code[0].value


def test_sessions_have_their_own_types(open_page: Callable[[], AppTest]) -> None:
    first, second = open_page(), open_page()
    words = first.session_state[f"description-{row_of(first, 'GPE')}"]
    add_type(first, "PLACE", words)
    second.run()
    assert "PLACE" in drawn(first) and "PLACE" not in drawn(second)


@pytest.mark.parametrize(("label", "words", "answer"), [
    ("", "", "has no label"),
    ("", "rivers", "'rivers' has no label"),
    ("RIVER", " ", "RIVER has no description"),
    ("PER", "people", "There is a type PER already"),
])  # fmt: skip
def test_bad_new_types(app: AppTest, label: str, words: str, answer: str) -> None:
    before = drawn(app)
    add_type(app, label, words)
    assert len(answers(app)) == 1 and answer in answers(app)[0]
    # What was typed stays, and the picture too.
    assert app.text_input("new_label").value == label
    assert drawn(app) == before
    add_type(app, "RIVER", "rivers")
    assert answers(app) == []


def test_bad_tables(app: AppTest) -> None:
    gpe, per = row_of(app, "GPE"), row_of(app, "PER")
    words = app.session_state[f"description-{gpe}"]
    app.text_area(f"description-{gpe}").set_value("").run()
    assert "GPE has no description" in answers(app)[0] and drawn(app) == ""
    app.text_area(f"description-{gpe}").set_value(words).run()
    assert answers(app) == [] and drawn(app)
    app.text_input(f"label-{gpe}").set_value("PER").run()
    assert "2 types have the label PER" in answers(app)[0] and drawn(app) == ""
    app.text_input(f"label-{gpe}").set_value("").run()
    assert "has no label" in answers(app)[0]
    for row in list(app.session_state.rows):
        app.button(f"remove-{row}").click().run()
    assert "There are no types" in answers(app)[0] and drawn(app) == ""
    assert per not in app.session_state.rows
    app.button("reset").click().run()
    assert answers(app) == [] and drawn(app)


def test_too_many_types(app: AppTest) -> None:
    for i in range(MOST_TYPES - len(app.session_state.rows)):
        page_row = app.session_state.n_rows
        app.session_state.n_rows = page_row + 1
        app.session_state.rows = [*app.session_state.rows, page_row]
        first_types = {**app.session_state.first_types, page_row: EntityType(f"T{i}", f"thing {i}")}
        app.session_state.first_types = first_types
    app.run()
    add_type(app, "RIVER", "rivers")
    assert "up to 100 types" in answers(app)[0]


@pytest.mark.parametrize(
    ("text", "answer"), [("", "no text yet"), (" \n", "no text yet"), ("x" * 5_000_000, "5,000,000")]
)
def test_bad_texts(app: AppTest, text: str, answer: str) -> None:
    app.text_area("text").set_value(text).run()
    assert answer in answers(app)[0] and drawn(app) == ""
    app.text_area("text").set_value(TEXT).run()
    assert answers(app) == [] and drawn(app)


def test_upload(app: AppTest) -> None:
    app.file_uploader("file").upload("a.txt", "Bodø\r\nand Oslo".encode()).run()
    assert app.text_area("text").value == "Bodø\nand Oslo"
    assert "Bodø" in drawn(app)
    app.file_uploader("file").upload("b.txt", "Bodø".encode("latin-1")).run()
    assert "b.txt is not a text in UTF-8" in answers(app)[0]
    # The text that was there stays.
    assert app.text_area("text").value == "Bodø\nand Oslo" and drawn(app)
    app.file_uploader("file").upload("c.txt", b"Oslo").run()
    assert answers(app) == [] and app.text_area("text").value == "Oslo"


def test_nothing_of_a_user_is_html_or_markdown(app: AppTest) -> None:
    words = app.session_state[f"description-{row_of(app, 'GPE')}"]
    add_type(app, "<script>*x*</script>", words)
    app.text_area("text").set_value("<img src=x onerror=alert(1)> Captain Eide left Bodø.").run()
    assert "<script>" not in drawn(app) and "<img" not in drawn(app)
    assert "&lt;script&gt;*x*" in drawn(app)
    add_type(app, "", "![x](http://e/x.png) :red[x]")
    [error] = app.error
    assert r"\!\[x\]\(http\:" in error.value and r"\:red\[x\]" in error.value


def test_a_far_description_is_said(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pipeline warns of stands in the page."""

    def find(*_: Any) -> Any:
        return [], ["[BW00] That is far."]

    monkeypatch.setattr(page.Finder, "find", find)
    app.run()
    assert [part.value.replace("\\", "") for part in app.warning] == ["[BW00] That is far."]
