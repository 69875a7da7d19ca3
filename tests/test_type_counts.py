"""What training shows first: examples and spans by type and corpus."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import ROOT, binder_config, demo_examples
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from spacy_binder.type_counts import TypeCounts

NLP = spacy.blank("en")
LABELS = ["PER", "GPE", "ORG"]


def make_doc(spans: Sequence[str], labels: list[str] | None = None, corpus: Any = None) -> Doc:
    """RETURNS (Doc): One word per label of a span, and what the group says."""
    doc = Doc(NLP.vocab, words=[f"w{i}" for i in range(max(len(spans), 1))])
    attrs = {name: value for name, value in (("labels", labels), ("corpus", corpus)) if value is not None}
    doc.spans["sc"] = SpanGroup(doc, spans=[Span(doc, i, i + 1, label) for i, label in enumerate(spans)], attrs=attrs)
    return doc


def rows_of(table: str) -> list[list[str]]:
    """RETURNS (list): The cells of each row below the header."""
    lines = table.strip("\n").split("\n")
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in lines[2:]]


ALL = st.none() | st.sets(st.sampled_from(LABELS)).map(sorted)
DOCS = st.lists(st.tuples(st.lists(st.sampled_from(LABELS), max_size=4), ALL, st.sampled_from(["gum", "wiki"])))


@settings(max_examples=60, deadline=None, database=None)
@given(DOCS)
def test_counts_are_those_of_a_loop(docs: list) -> None:
    kept = [
        (spans if labels is None else [label for label in spans if label in labels], labels, corpus)
        for spans, labels, corpus in docs
    ]
    counts = TypeCounts("sc")
    for spans, labels, corpus in kept:
        counts.add(make_doc(spans, labels, corpus))
    for label in LABELS:
        for corpus in ("gum", "wiki"):
            here = [(spans, labels) for spans, labels, name in kept if name == corpus]
            n_docs = sum(labels is None or label in labels for _, labels in here)
            assert counts.count(label, corpus) == (n_docs, sum(spans.count(label) for spans, _ in here))


def test_the_table_has_a_row_per_type() -> None:
    """The type with the most spans first. A corpus is named where the type was annotated."""
    counts = TypeCounts("sc")
    for _ in range(1000):
        counts.add(make_doc(["GPE", "GPE"], ["GPE", "PER"], "gum"))
    counts.add(make_doc(["PER"], ["PER"], "wiki"))
    assert rows_of(counts.table(LABELS)) == [
        ["GPE", "1,000", "2,000", "gum 1,000/2,000"],
        ["PER", "1,001", "1", "gum 1,000/0, wiki 1/1"],
        ["ORG", "0", "0"],
    ]
    counts.add(make_doc(["ORG"]))
    assert rows_of(counts.table(LABELS))[-1] == ["ORG", "1", "1", "(no name) 1/1"]


def test_without_names_there_is_no_column_of_corpora() -> None:
    """A value that is no text is no name. A doc without the group was annotated with all types."""
    counts = TypeCounts("sc")
    counts.add(make_doc(["PER"], corpus=3))
    counts.add(Doc(NLP.vocab, words=["x"]))
    table = counts.table(["PER"])
    assert "corpus" not in table
    assert rows_of(table) == [["PER", "2", "1"]]


def test_of_thousands_of_types_and_many_corpora_the_most_frequent_are_shown() -> None:
    labels = [f"T{i}" for i in range(1500)]
    counts = TypeCounts("sc")
    for i, label in enumerate(labels[:100]):
        counts.add(make_doc([label] * (200 - i), [label], f"c{i % 3}"))
    for i in range(7):
        counts.add(make_doc([], ["T0"], f"d{i}"))
    table = counts.table(labels)
    *rows, rest = rows_of(table)
    assert [row[0] for row in rows] == labels[:20]
    assert rows[0][1:] == ["8", "200", "c0 1/200, d0 1/0, d1 1/0, d2 1/0, d3 1/0 and 3 more"]
    assert rest == [
        f"and 1,480 more types with {sum(200 - i for i in range(20, 100)):,} spans. 1,400 of them have none."
    ]


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What our logger says. spaCy's own logger hides it at its level."""
    caplog.set_level(logging.INFO, logger="spacy.binder")
    return caplog


def test_spacy_train_shows_it_first(tmp_path: Path, tiny_encoder: str, messages: pytest.LogCaptureFixture) -> None:
    docs = [example.reference for example in demo_examples(NLP, ["news-01"])]
    n_spans = sum(len(doc.spans["sc"]) for doc in docs)
    DocBin(docs=docs).to_disk(tmp_path / "data.spacy")
    overrides = {
        "paths.train": str(tmp_path / "data.spacy"),
        "paths.labels": str(ROOT / "project" / "datasets" / "demo" / "labels.json"),
        "components.binder_ner.model.text_encoder.name": tiny_encoder,
        "corpora.train.augmenter": None,
    }
    for max_epochs, examples in ((0, "1 training examples"), (-1, "the first 1 training examples")):
        init_nlp(
            load_config(ROOT / "configs" / "binder.cfg", overrides={**overrides, "training.max_epochs": max_epochs})
        )
        shown = messages.messages[-1]
        assert shown.startswith(f"'binder_ner' learns from {examples} with {n_spans} spans.")
        assert "Type " in shown


def test_python_shows_nothing(tiny_encoder: str, messages: pytest.LogCaptureFixture) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=2))
    assert messages.messages == []
