"""Logits → spans, against loops over all cells."""

from itertools import product

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.spans.decoding import (
    Candidates,
    FoundSpans,
    deduplicate,
    drop_overlaps,
    filter_margins,
    find_tokens,
    sort_spans,
)
from spacy_binder.spans.margins import logit
from spacy_binder.text.windows import Windows, make_windows
from spacy_binder.text.wordpieces import Wordpieces

N_WIDTHS, N_TYPES = 3, 2

Found = tuple[int, int, int, int]


def three_docs() -> Windows:
    """RETURNS (Windows): Docs of 11, 0 and 3 words, four words a window with overlaps; every fifth token is no word."""
    tokens = [[i for i in range(13) if i % 5 != 4], [], [0, 1, 2]]
    n_words = numpy.array([len(words) for words in tokens])
    wordpieces = Wordpieces(
        ids=numpy.arange(n_words.sum()),
        shapes=numpy.zeros(n_words.sum(), dtype="int64"),
        word_start=numpy.arange(n_words.sum() + 1),
        token=numpy.array([token for words in tokens for token in words]),
        sentence=numpy.zeros(n_words.sum(), dtype="int64"),
        doc_start=numpy.concatenate([[0], numpy.cumsum(n_words)]),
        too_long=[],
    )
    return make_windows(wordpieces, prefix=[0], suffix=[0], capacity=4, stride=2, sentences=False)


def judge(windows: Windows, doc: int, start: int, end: int) -> int:
    """RETURNS (int): The window that gives a span the most context, the first of equals."""
    context = {}
    for row in range(len(windows)):
        tokens = windows.token[windows.word_start[row] : windows.word_start[row + 1]]
        if windows.doc[row] == doc and tokens[0] <= start and end <= tokens[-1] + 1:
            context[row] = min(start - tokens[0], tokens[-1] + 1 - end)
    return max(context, key=lambda row: (context[row], -row))


def as_set(candidates: Candidates) -> set[Found]:
    """RETURNS (set): Doc, first token, end and type of each span."""
    columns = (candidates.doc, candidates.start, candidates.end, candidates.label)
    return set(zip(*(column.tolist() for column in columns), strict=True))


def all_cells(windows: Windows) -> list[tuple[int, int, int, int]]:
    """RETURNS (list): Every window, first word, width - 1 and type."""
    n_words = numpy.diff(windows.word_start).tolist()
    cells = product(range(len(windows)), range(max(n_words)), range(N_WIDTHS), range(N_TYPES))
    return [(row, t, width, k) for row, t, width, k in cells if t + width < n_words[row]]


def test_to_tokens() -> None:
    """All passes together give each span once: by the window that gives it the most context."""
    windows = three_docs()
    margins = dict(zip(all_cells(windows), numpy.random.default_rng(0).normal(size=1000), strict=False))
    expected = {}
    for (row, t, width, k), margin in margins.items():
        tokens = windows.token[windows.word_start[row] : windows.word_start[row + 1]].tolist()
        span = (int(windows.doc[row]), tokens[t], tokens[t + width] + 1, k)
        if judge(windows, *span[:3]) == row:
            expected[span] = margin
    found: dict[Found, float] = {}
    for rows in windows.group_by_length(18):
        of_pass = {cell: margin for cell, margin in margins.items() if cell[0] in rows}
        cells = [(rows.tolist().index(row), *rest) for row, *rest in of_pass]
        values = numpy.array(list(of_pass.values()), dtype="float32")
        candidates = find_tokens(windows, FoundSpans(rows, numpy.array(cells).reshape(-1, 4), values, 0))
        assert not found.keys() & as_set(candidates)
        assert len(as_set(candidates)) == len(candidates)
        columns = (candidates.doc, candidates.start, candidates.end, candidates.label)
        spans = zip(*(column.tolist() for column in columns), strict=True)
        found.update(zip(spans, candidates.margin.tolist(), strict=True))
    assert found == pytest.approx(expected, abs=1e-6)
    assert len(expected) < len(margins)


@pytest.mark.parametrize("probability", [0.0, 1e-12, 0.3, 0.5, 0.999, 1.0])
def test_logit(probability: float) -> None:
    """The inverse of the sigmoid, its borders included."""
    assert torch.sigmoid(torch.tensor(logit(probability), dtype=torch.float64)).item() == pytest.approx(probability)


SPAN = st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(1, 4), st.integers(0, 3), st.floats(-3, 3, width=32))


def candidates_of(rows: list[tuple[int, int, int, int, float]]) -> Candidates:
    """RETURNS (Candidates): Spans from doc, first token, width, type and margin."""
    doc, start, width, label = numpy.array([row[:4] for row in rows], dtype="int64").reshape(-1, 4).T
    margin = numpy.array([row[4] for row in rows], dtype="float32")
    return Candidates(doc, start, start + width, label, margin)


def rows_of(candidates: Candidates) -> list[tuple[int, int, int, int, float]]:
    """RETURNS (list): Doc, first token, end, type and margin of each span."""
    columns = (candidates.doc, candidates.start, candidates.end, candidates.label, candidates.margin)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(SPAN, max_size=12))
def test_in_order(rows: list[tuple[int, int, int, int, float]]) -> None:
    """By doc and start, outer before inner, ties by the label's name; each keeps its margin."""
    labels = ["ORG", "DATE", "PER", "LOC"]
    rank = numpy.array([sorted(labels).index(label) for label in labels])
    candidates = candidates_of(rows)
    expected = sorted(rows_of(candidates), key=lambda row: (row[0], row[1], -row[2], labels[row[3]]))
    assert rows_of(sort_spans(candidates, rank)) == expected


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(SPAN, max_size=12))
def test_without_overlap(rows: list[tuple[int, int, int, int, float]]) -> None:
    """The greedy loop: the best first, the earlier of equals; what overlaps is dropped, the order kept."""
    candidates = candidates_of(rows)
    spans = rows_of(candidates)
    kept: list[int] = []
    for i in sorted(range(len(spans)), key=lambda i: (-spans[i][4], i)):
        if all(spans[i][2] <= spans[j][1] or spans[j][2] <= spans[i][1] for j in kept):
            kept.append(i)
    assert rows_of(drop_overlaps(candidates)) == [spans[i] for i in sorted(kept)]


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(SPAN, max_size=12), st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4))
def test_over_limits(rows: list[tuple[int, int, int, int, float]], limits: list[float]) -> None:
    """Each type by its own limit, and only what beats it may push out what overlaps."""
    candidates = candidates_of(rows)
    beating = [row for row in rows_of(candidates) if row[4] > limits[row[3]]]
    of_type = numpy.array(limits, dtype="float32")
    assert rows_of(filter_margins(candidates, of_type, allow_overlap=True)) == beating
    flat = filter_margins(candidates, of_type, allow_overlap=False)
    kept = candidates_of([(doc, start, end - start, label, margin) for doc, start, end, label, margin in beating])
    assert rows_of(flat) == rows_of(drop_overlaps(kept))


def test_concatenate() -> None:
    """Parts one after the other; none at all are no spans."""
    parts = [candidates_of([(0, 1, 2, 0, 0.5)]), candidates_of([]), candidates_of([(1, 0, 1, 1, -0.5)])]
    assert rows_of(Candidates.concatenate(parts)) == [(0, 1, 3, 0, 0.5), (1, 0, 1, 1, -0.5)]
    assert len(Candidates.concatenate([])) == 0
    assert Candidates.concatenate([]).margin.dtype == numpy.float32


def test_union_over_windows() -> None:
    """A span that two windows found is kept once, with the better margin."""
    found = candidates_of(
        [(0, 0, 2, 1, 0.5), (0, 0, 2, 1, 1.5), (0, 0, 2, 2, 0.1), (1, 0, 2, 2, 0.2), (1, 0, 2, 2, -3)]
    )
    kept = deduplicate(found)
    columns = (kept.doc, kept.start, kept.end, kept.label, kept.margin.round(2))
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert rows == [(0, 0, 2, 1, 1.5), (0, 0, 2, 2, pytest.approx(0.1)), (1, 0, 2, 2, pytest.approx(0.2))]
    assert len(deduplicate(candidates_of([]))) == 0


def test_every_window_may_judge() -> None:
    """With `all_windows`, a span is proposed as often as windows hold it."""
    windows = three_docs()
    cells = all_cells(windows)
    rows = numpy.arange(len(windows))
    found = FoundSpans(rows, numpy.array(cells), numpy.zeros(len(cells), dtype="float32"), 0)
    assert len(find_tokens(windows, found, union=True)) == len(cells)
    assert len(find_tokens(windows, found)) < len(cells)
    assert Candidates.concatenate([]).margin.dtype == numpy.float32
