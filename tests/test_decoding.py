"""Logits → spans, against loops over all cells."""

from itertools import product

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.decoding import Candidates, in_order, logit, propose, without_overlap
from spacy_binder.types import SpanScores
from spacy_binder.windows import Windows, Wordpieces, make_windows

N_WIDTHS, N_TYPES = 3, 2
UNLIMITED = 10**6

Found = tuple[int, int, int, int]


def three_docs() -> Windows:
    """RETURNS (Windows): Docs of 11, 0 and 3 words, four words a window with overlaps; every fifth token is no word."""
    tokens = [[i for i in range(13) if i % 5 != 4], [], [0, 1, 2]]
    n_words = numpy.array([len(words) for words in tokens])
    wordpieces = Wordpieces(
        ids=numpy.arange(n_words.sum()),
        word_start=numpy.arange(n_words.sum() + 1),
        token=numpy.array([token for words in tokens for token in words]),
        sentence=numpy.zeros(n_words.sum(), dtype="int64"),
        doc_start=numpy.concatenate([[0], numpy.cumsum(n_words)]),
        too_long=[],
    )
    return make_windows(wordpieces, prefix=[0], suffix=[0], capacity=4, stride=2, sentences=False)


def random_scores(n_windows: int, n_words: int, seed: int = 0) -> SpanScores:
    """RETURNS (SpanScores): Logits around 0."""
    torch.manual_seed(seed)
    return SpanScores(
        span=torch.randn(n_windows, n_words, min(N_WIDTHS, n_words), N_TYPES),
        span_threshold=torch.randn(n_windows, N_TYPES),
        start=torch.randn(n_windows, n_words, N_TYPES),
        end=torch.randn(n_windows, n_words, N_TYPES),
        start_threshold=torch.randn(n_windows, N_TYPES),
        end_threshold=torch.randn(n_windows, N_TYPES),
    )


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


def brute_force(windows: Windows, rows: list[int], scores: SpanScores, threshold: float, joint: bool) -> dict:
    """RETURNS (dict): Margin of each cell over the threshold, by window and span; probabilities are compared."""

    def beats(value: torch.Tensor, threshold_logit: torch.Tensor) -> bool:
        return torch.sigmoid((value - threshold_logit).double()).item() > threshold

    found = {}
    for i, row in enumerate(rows):
        tokens = windows.token[windows.word_start[row] : windows.word_start[row + 1]].tolist()
        for t, width, k in product(range(len(tokens)), range(N_WIDTHS), range(N_TYPES)):
            last = t + width
            if last >= len(tokens) or not beats(scores.span[i, t, width, k], scores.span_threshold[i, k]):
                continue
            if joint:
                assert scores.start is not None and scores.start_threshold is not None
                assert scores.end is not None and scores.end_threshold is not None
                if not beats(scores.start[i, t, k], scores.start_threshold[i, k]):
                    continue
                if not beats(scores.end[i, last, k], scores.end_threshold[i, k]):
                    continue
            margin = (scores.span[i, t, width, k] - scores.span_threshold[i, k]).item()
            found[row, (int(windows.doc[row]), tokens[t], tokens[last] + 1, k)] = margin
    return found


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_propose(threshold: float, joint: bool) -> None:
    """All passes together give what a loop over windows, words, widths and types gives, each span once."""
    windows = three_docs()
    found: dict[Found, float] = {}
    expected: dict[Found, float] = {}
    n_beat = n_expected = 0
    for i, rows in enumerate(windows.batches(18)):
        batch = windows.batch(rows)
        scores = random_scores(len(rows), batch.first.shape[1], seed=i)
        candidates, n = propose(windows, rows, batch, scores, threshold=threshold, cap=UNLIMITED, joint=joint)
        n_beat += n
        assert not found.keys() & as_set(candidates)
        assert len(as_set(candidates)) == len(candidates)
        columns = (candidates.doc, candidates.start, candidates.end, candidates.label)
        spans = zip(*(column.tolist() for column in columns), strict=True)
        found.update(zip(spans, candidates.margin.tolist(), strict=True))
        cells = brute_force(windows, rows.tolist(), scores, threshold, joint)
        n_expected += len(cells)
        expected.update({span: margin for (row, span), margin in cells.items() if judge(windows, *span[:3]) == row})
    assert found == pytest.approx(expected)
    assert n_beat == n_expected
    assert (n_beat == 0) == (threshold == 1)


@pytest.mark.parametrize("cap", [0, 1, 2])
def test_cap_keeps_the_best(cap: int) -> None:
    """No more than so many spans a word, and the count says how many there were."""
    windows = three_docs()
    rows = next(windows.batches(100))
    batch = windows.batch(rows)
    scores = random_scores(len(rows), batch.first.shape[1])
    candidates, n_beat = propose(windows, rows, batch, scores, threshold=0.0, cap=cap, joint=False)
    cells = brute_force(windows, rows.tolist(), scores, 0.0, joint=False)
    best = sorted(cells, key=lambda cell: -cells[cell])[: cap * int(batch.n_words.sum())]
    assert as_set(candidates) == {span for row, span in best if judge(windows, *span[:3]) == row}
    assert n_beat == len(cells) > len(best)


def test_scores_are_probabilities() -> None:
    """A span as good as [CLS] has 0.5; the paper's rule is strict, so at 0.5 it is none."""
    windows = make_windows(
        Wordpieces(*(numpy.array(a) for a in ([7], [0, 1], [0], [0], [0, 1])), too_long=[]),
        prefix=[0],
        suffix=[0],
        capacity=4,
        stride=0,
        sentences=False,
    )
    rows = numpy.array([0])
    scores = SpanScores(torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[1.0, 1.0]]))
    batch = windows.batch(rows)
    at_half, _ = propose(windows, rows, batch, scores, threshold=0.5, cap=4, joint=False)
    below, _ = propose(windows, rows, batch, scores, threshold=0.49, cap=4, joint=False)
    assert at_half.label.tolist() == [1]
    assert below.scores.tolist() == pytest.approx([0.5, 1 / (1 + numpy.exp(-2))])
    assert below.scores.dtype == numpy.float32


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
    assert rows_of(in_order(candidates, rank)) == expected


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
    assert rows_of(without_overlap(candidates)) == [spans[i] for i in sorted(kept)]


def test_concatenate() -> None:
    """Parts one after the other; none at all are no spans."""
    parts = [candidates_of([(0, 1, 2, 0, 0.5)]), candidates_of([]), candidates_of([(1, 0, 1, 1, -0.5)])]
    assert rows_of(Candidates.concatenate(parts)) == [(0, 1, 3, 0, 0.5), (1, 0, 1, 1, -0.5)]
    assert len(Candidates.concatenate([])) == 0
    assert Candidates.concatenate([]).scores.dtype == numpy.float32
