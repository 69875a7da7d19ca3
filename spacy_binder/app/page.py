"""The Streamlit page. What it shows comes from the modules beside it, which need no Streamlit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Optional

import streamlit as st
from spacy.language import Language

from ..analysis.component import find_component, get_component
from ..analysis.report.page import COLORS
from .copies import config_blocks, python_lines, spans_as_csv, spans_as_json, spans_as_rows
from .drawing import STYLE, draw
from .finding import LOWEST, Finder, FoundSpan, types_of
from .given import (
    MOST_BYTES,
    MOST_CHARACTERS,
    MOST_TYPES,
    EntityType,
    check_text,
    check_type,
    check_types,
    read_upload,
)

SAMPLE = (
    "Marta Lindqvist, director of the University of Vermont, left Bergen on Tuesday, 4 May 1911. "
    "The mayor of Paris met the crew of the ferry Aurora in the old customs house of Marseille."
)
HIGHEST = 0.99
# The text and the types stand side by side where there is room, else below each other.
LAYOUT = """
.stMainBlockContainer { padding-top: 2.5rem; padding-bottom: 4rem; }
@media (max-width: 1000px) {
  .st-key-both .stHorizontalBlock:has(> .stColumn) { flex-direction: column; }
  .st-key-both .stColumn { width: 100%; flex: none; }
}
"""


@lru_cache(maxsize=1)
def load_pipeline(model: str, component: str = "") -> tuple[Language, str]:
    """Load a pipeline once for all views of the page.

    model (str): Its folder, or the name of an installed one.
    component (str): The name of its component. Only needed if it has several.
    RETURNS (tuple[Language, str]): The pipeline and the name of its component.
    RAISES (ValueError): If it has no such component.
    """
    from spacy.util import load_model

    nlp = load_model(model)
    return nlp, find_component(nlp, component)


def show_page(model: str, component: str = "") -> None:
    """Show the page.

    model (str): The pipeline's folder, or the name of an installed one.
    component (str): The name of its component. Only needed if it has several.
    """
    title = Path(model).name
    st.set_page_config(page_title=f"BINDER: {title}", layout="wide")
    st.html(f"<style>{STYLE}{LAYOUT}</style>")
    with st.spinner("Loading the pipeline"):
        nlp, name = load_pipeline(model, component)
    _start(nlp, name)
    st.markdown(f"### Try the pipeline {_plain(title)}")
    with st.container(key="both"):
        left, right = st.columns([11, 9], gap="medium")
    with left:
        text, problem = _text_box()
        threshold = _threshold_slider(get_component(nlp, name).cfg["threshold"])
        place = st.container()
    with right:
        types = _type_table(nlp, name)
    with place:
        if problem or check_types(types):
            st.info(_plain(problem) or "Spans are shown again when the table of types is in order.")
            return
        with st.spinner("Looking for spans"):
            spans, messages = st.session_state.finder.find(text, types, threshold)
        for message in messages:
            st.warning(_plain(message))
        st.html(draw(text, spans, _colors(types)))
        st.caption(f"{len(spans):,} spans with a score above the threshold")
    _take_home(nlp, name, model, text, spans, types, threshold)


def _start(nlp: Language, name: str) -> None:
    """Fill the state of a new session."""
    if "finder" not in st.session_state:
        st.session_state.finder = Finder(nlp, name)
        st.session_state.text = SAMPLE if nlp.lang == "en" else ""
        st.session_state.n_rows = 0
        _take_types(nlp, name)


def _take_types(nlp: Language, name: str) -> None:
    """Fill the table with the types of the pipeline."""
    st.session_state.rows, st.session_state.first_types = [], {}
    for type_ in types_of(get_component(nlp, name)):
        _add_row(type_)


def _add_row(type_: EntityType) -> None:
    # Each row has a number of its own, so that the others keep theirs, and their colors, when it is removed.
    row = st.session_state.n_rows
    st.session_state.n_rows += 1
    # What the row shows at first. The browser is told with each run, so that a run that is broken off loses nothing.
    st.session_state.first_types[row] = type_
    st.session_state.rows.append(row)


def _text_box() -> tuple[str, str]:
    """RETURNS (tuple[str, str]): The text, and what is wrong with it."""
    text = st.text_area("Text", key="text", height=130, help=f"Up to {MOST_CHARACTERS:,} characters")
    with st.expander("Upload a file instead"):
        st.file_uploader(
            "A plain text file in UTF-8",
            key="file",
            on_change=_take_file,
            max_upload_size=max(1, MOST_BYTES // 1_000_000),
        )
    if st.session_state.get("file_problem"):
        st.error(_plain(st.session_state.file_problem))
    return text, check_text(text)


def _take_file() -> None:
    """Put the text of an uploaded file into the box."""
    st.session_state.file_problem = ""
    file = st.session_state.file
    if file is not None:
        text, problem = read_upload(file.name, file.getvalue())
        if problem:
            st.session_state.file_problem = problem
        else:
            st.session_state.text = text


def _threshold_slider(own: float) -> float:
    """RETURNS (float): The threshold."""
    start = min(max(round(own, 2), LOWEST), HIGHEST)
    chosen = st.slider(
        "Threshold",
        LOWEST,
        HIGHEST,
        start,
        0.01,
        key="threshold",
        help="Spans with a score above it are shown. A lower threshold finds more spans, and more of them are wrong.",
    )
    # A calibrated threshold has more than two decimals.
    return own if chosen == start and LOWEST <= own <= HIGHEST else chosen


def _type_table(nlp: Language, name: str) -> list[EntityType]:
    """RETURNS (list[EntityType]): The types of the table, which may have mistakes."""
    has_thresholds = bool(get_component(nlp, name).cfg["thresholds"])
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("Types", help="A change is taken over by Ctrl+Enter, or by a click elsewhere.", width="content")
        st.button("Restore the pipeline's types", type="tertiary", key="reset", on_click=_take_types, args=(nlp, name))
    with st.container(height=440, border=True):
        types = [_type_row(row, has_thresholds) for row in list(st.session_state.rows)]
    for problem in check_types(types):
        st.error(_plain(problem))
    with st.form("add", border=True):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.text_input("New type", key="new_label", placeholder="BUILDING", width=110)
            st.text_input("What its spans are, in words", key="new_description", placeholder="facility: buildings")
            st.form_submit_button("Add", on_click=_take_new_type)
        if st.session_state.get("add_problem"):
            st.error(_plain(st.session_state.add_problem))
        st.caption("Words like those above find most. Other words often need a lower threshold.")
    return types


def _type_row(row: int, has_threshold: bool) -> EntityType:
    first: EntityType = st.session_state.first_types[row]
    with st.container(horizontal=True, gap="small"):
        label = st.text_input("Label", first.label, key=f"label-{row}", label_visibility="collapsed", width=110)
        description = st.text_area(
            "Description", first.description, key=f"description-{row}", height=68, label_visibility="collapsed"
        )
        threshold: Optional[float] = None
        if has_threshold:
            threshold = st.number_input(
                "Own threshold",
                0.0,
                1.0,
                first.threshold,
                key=f"threshold-{row}",
                step=0.01,
                label_visibility="collapsed",
                placeholder="threshold",
                width=120,
            )
        st.button("✕", key=f"remove-{row}", on_click=_remove_row, args=(row,), help=f"Remove {_plain(label)}")
    return EntityType(_one_line(label), _one_line(description), threshold)


def _remove_row(row: int) -> None:
    st.session_state.rows.remove(row)


def _take_new_type() -> None:
    """Put the type of the form into the table."""
    state = st.session_state
    label, description = _one_line(state.new_label), _one_line(state.new_description)
    known = [_one_line(state[f"label-{row}"]) for row in state.rows]
    state.add_problem = check_type(label, description, known)
    if not state.add_problem and len(known) >= MOST_TYPES:
        state.add_problem = f"This page takes up to {MOST_TYPES} types."
    if not state.add_problem:
        _add_row(EntityType(label, description))
        state.new_label = state.new_description = ""


def _one_line(text: str) -> str:
    """RETURNS (str): A text without line breaks, and without spaces at its ends."""
    return " ".join(text.split())


def _plain(text: str) -> str:
    """RETURNS (str): A text in which nothing is Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _colors(types: Sequence[EntityType]) -> dict[str, str]:
    rows = zip(st.session_state.rows, types, strict=True)
    return {type_.label: COLORS[row % len(COLORS)] for row, type_ in rows}


def _take_home(
    nlp: Language,
    name: str,
    model: str,
    text: str,
    spans: Sequence[FoundSpan],
    types: Sequence[EntityType],
    threshold: float,
) -> None:
    """Show the spans as a table, and what can be downloaded or copied."""
    listed, lines, config = st.tabs(["Spans", "Python", "Config"])
    with listed:
        if spans:
            st.dataframe(
                spans_as_rows(text, spans),
                hide_index=True,
                column_order=["text", "label", "score", "start", "end"],
                column_config={
                    "text": st.column_config.TextColumn("Text", width="large"),
                    "label": "Label",
                    "score": st.column_config.NumberColumn("Score", format="%.2f"),
                    "start": "Start",
                    "end": "End",
                },
            )
        as_json, as_csv = spans_as_json(text, spans, types, threshold), spans_as_csv(text, spans)
        with st.container(horizontal=True):
            st.download_button("Download JSON", as_json, "spans.json", "application/json", on_click="ignore")
            st.download_button("Download CSV", as_csv, "spans.csv", "text/csv", on_click="ignore")
        st.caption("Start and end count characters. The first character is 0.")
    with lines:
        st.caption("These lines find the same spans.")
        st.code(python_lines(nlp, name, model, text, types, threshold), language="python", wrap_lines=True)
    with config:
        st.caption("A config with these lines trains a pipeline with the same types and threshold.")
        st.code(config_blocks(nlp, name, types, threshold), language="ini", wrap_lines=True)
