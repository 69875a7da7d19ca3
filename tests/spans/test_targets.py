"""Gold spans → cells of the windows' scores."""

from collections import Counter

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.spans.targets import Targets, make_targets
from spacy_binder.text.windows import Windows, make_windows
from spacy_binder.text.wordpieces import Wordpieces

Gold = list[list[tuple[int, int, int]]]


def windows_of(docs: list[list[bool]], *, capacity: int, stride: int) -> Windows:
    """RETURNS (Windows): Windows of docs whose tokens are words of one wordpiece (True) or whitespace (False)."""
    tokens = [[i for i, is_word in enumerate(doc) if is_word] for doc in docs]
    n_words = numpy.array([len(words) for words in tokens], dtype="int64")
    wordpieces = Wordpieces(
        ids=numpy.arange(n_words.sum()),
        shapes=numpy.zeros(n_words.sum(), dtype="int64"),
        word_start=numpy.arange(n_words.sum() + 1),
        token=numpy.array([token for words in tokens for token in words], dtype="int64"),
        sentence=numpy.zeros(n_words.sum(), dtype="int64"),
        doc_start=numpy.concatenate([[0], numpy.cumsum(n_words)]),
        too_long=[],
    )
    return make_windows(wordpieces, prefix=[0], suffix=[0], capacity=capacity, stride=stride, sentences=False)


def one_window(n_words: int = 6) -> Windows:
    """RETURNS (Windows): A doc in one window."""
    return windows_of([[True] * n_words], capacity=n_words, stride=0)


@st.composite
def docs_and_gold(draw: st.DrawFn) -> tuple[list[list[bool]], Gold]:
    """Docs of words and whitespace, with gold spans: first token, end and type."""
    docs = draw(st.lists(st.lists(st.sampled_from([True, True, True, False]), max_size=14), min_size=1, max_size=3))
    gold = []
    for doc in docs:
        borders = [(start, end) for start in range(len(doc)) for end in range(start + 1, len(doc) + 1)]
        some = st.lists(st.tuples(st.sampled_from(borders), st.integers(0, 2)), max_size=6) if borders else st.just([])
        gold.append([(start, end, label) for (start, end), label in draw(some)])
    return docs, gold


@settings(max_examples=150, deadline=None, database=None)
@given(docs_and_gold(), st.integers(1, 8), st.integers(0, 7), st.integers(1, 6))
def test_cells_and_reasons(given_: tuple[list[list[bool]], Gold], capacity: int, stride: int, longest: int) -> None:
    """Every window against every gold span, by the definition."""
    docs, gold = given_
    windows = windows_of(docs, capacity=capacity, stride=min(stride, capacity - 1))
    expected: dict[str, Counter] = {kind: Counter() for kind in ("start", "end", "span", "hidden_start", "hidden_end")}
    reasons: Counter[str] = Counter()
    for doc, spans in enumerate(gold):
        for start, end, label in spans:
            aligned = docs[doc][start] and docs[doc][end - 1]
            n_whole = 0
            n_words = sum(docs[doc][start:end])
            for row in numpy.flatnonzero(windows.doc == doc).tolist():
                tokens = windows.token[windows.word_start[row] : windows.word_start[row + 1]].tolist()
                first = tokens.index(start) if start in tokens else None
                last = tokens.index(end - 1) if end - 1 in tokens else None
                whole = first is not None and last is not None
                n_whole += whole
                if first is not None:
                    expected["start" if whole else "hidden_start"][row, first, label] += 1
                if last is not None:
                    expected["end" if whole else "hidden_end"][row, last, label] += 1
                if whole and n_words <= longest:
                    expected["span"][row, first, n_words - 1, label] += 1
            if not aligned:
                reasons["not aligned with wordpieces"] += 1
            elif not n_whole:
                reasons["cut by every window"] += 1
            elif n_words > longest:
                reasons["longer than max_span_length"] += 1
    targets, found_reasons = make_targets(windows, gold, max_span_length=longest)
    for kind, cells in expected.items():
        assert Counter(map(tuple, getattr(targets, kind).tolist())) == cells, kind
    assert found_reasons == reasons


@pytest.mark.parametrize(
    "span, reasons",
    [
        ((0, 3, 0), {}),
        ((0, 5, 0), {"longer than max_span_length": 1}),
        ((3, 7, 0), {"cut by every window": 1}),
        ((6, 8, 0), {"not aligned with wordpieces": 1}),
        ((7, 9, 0), {"not aligned with wordpieces": 1}),
    ],
    ids=["whole", "too long", "cut", "whitespace at its end", "whitespace at its start"],
)
def test_reasons(span: tuple[int, int, int], reasons: dict[str, int]) -> None:
    """Words 0 to 6, a line break, a word; windows of five words; spans of at most three."""
    windows = windows_of([[True] * 7 + [False, True]], capacity=5, stride=0)
    targets, found = make_targets(windows, [[span]], max_span_length=3)
    assert found == reasons
    assert len(targets.span) == (not reasons)


def test_whitespace_inside_a_span_is_no_word() -> None:
    """A line break in the middle doesn't count for the width."""
    windows = windows_of([[True, False, True, True]], capacity=5, stride=0)
    targets, reasons = make_targets(windows, [[(0, 3, 1)]], max_span_length=2)
    assert targets.span.tolist() == [[0, 0, 1, 1]]
    assert not reasons


def test_a_span_too_long_still_has_a_start_and_an_end() -> None:
    """Only its span cell is missing; what it starts and ends with is gold."""
    targets, _ = make_targets(one_window(), [[(1, 6, 2)]], max_span_length=3)
    assert (targets.start.tolist(), targets.end.tolist()) == ([[0, 1, 2]], [[0, 5, 2]])
    assert targets.span.tolist() == []


def test_a_cut_span_hides_its_ends() -> None:
    """The half of a span that a window holds is neither gold nor negative there."""
    windows = windows_of([[True] * 6], capacity=3, stride=0)
    targets, _ = make_targets(windows, [[(2, 4, 1)]], max_span_length=3)
    assert targets.hidden_start.tolist() == [[0, 2, 1]]
    assert targets.hidden_end.tolist() == [[1, 0, 1]]
    assert len(targets.start) == len(targets.end) == len(targets.span) == 0


def test_spans_that_share_a_start() -> None:
    """The start counts once for each."""
    targets, _ = make_targets(one_window(), [[(1, 2, 0), (1, 4, 0)]], max_span_length=6)
    assert targets.start.tolist() == [[0, 1, 0], [0, 1, 0]]
    assert targets.span.tolist() == [[0, 1, 0, 0], [0, 1, 2, 0]]


@pytest.mark.parametrize("gold", [[[]], [[], [(0, 1, 0)]]], ids=["none", "in a doc without words"])
def test_no_targets(gold: Gold) -> None:
    """Tables keep their shape when nothing can be learned."""
    windows = windows_of([[True, True], [False]][: len(gold)], capacity=3, stride=0)
    targets, reasons = make_targets(windows, gold, max_span_length=3)
    assert targets.start.shape == targets.hidden_end.shape == (0, 3)
    assert targets.span.shape == (0, 4)
    assert sum(reasons.values()) == sum(map(len, gold))


def test_select_windows() -> None:
    """The items of some windows, numbered by their place in the pass."""
    table = numpy.array([[0, 5, 0], [2, 6, 1], [3, 7, 0], [2, 8, 0]])
    targets = Targets(table, table[:2], table[:0], table[:0], table)
    found = targets.select_windows(numpy.array([3, 2]))
    assert found.start.tolist() == found.hidden_end.tolist() == [[1, 6, 1], [0, 7, 0], [1, 8, 0]]
    assert found.end.tolist() == [[1, 6, 1]]
    assert found.span.tolist() == found.hidden_start.tolist() == []
    assert targets.select_windows(numpy.array([1, 9])).start.tolist() == []


def test_windows_have_what_was_annotated_in_their_doc() -> None:
    """And keep it when some of them are selected."""
    windows = windows_of([[True] * 4, [False], [True] * 2], capacity=2, stride=0)
    annotated = numpy.array([[True, False], [False, False], [False, True]])
    targets, _ = make_targets(windows, [[(0, 1, 0)], [], [(0, 1, 1)]], max_span_length=2, annotated=annotated)
    assert targets.annotated is not None and targets.annotated.tolist() == [[True, False], [True, False], [False, True]]
    selected = targets.select_windows(numpy.array([2, 0])).annotated
    assert selected is not None and selected.tolist() == [[False, True], [True, False]]
    plain, _ = make_targets(windows, [[], [], []], max_span_length=2)
    assert plain.annotated is None is plain.select_windows(numpy.array([1])).annotated
