"""What `repeat_weight` does: a span profits from the best span of the same words in its doc."""

from pathlib import Path

import numpy
import pytest
import spacy
from conftest import demo_examples, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from test_decoding import candidates_of, rows_of

from spacy_binder.pipeline import BinderNER
from spacy_binder.spans.decoding import LOWEST_SUPPORTED_MARGIN, support_repeats
from spacy_binder.spans.margins import logit

NEAR_SPAN = st.tuples(st.just(0), st.integers(0, 6), st.integers(1, 3), st.integers(0, 1), st.floats(-6, 6, width=32))


@settings(max_examples=200, deadline=None, database=None)
@given(
    st.lists(NEAR_SPAN, max_size=12, unique_by=lambda row: row[:4]),
    st.lists(st.integers(0, 1), min_size=10, max_size=10),
    st.floats(0, 1),
)
def test_with_repeats(rows: list[tuple[int, int, int, int, float]], words: list[int], weight: float) -> None:
    """The best span of the same words and type, looked for in a loop over all pairs; the hopeless stay out of it."""
    candidates = candidates_of(rows)
    expected = []
    for row in rows_of(candidates):
        _, start, end, label, margin = row
        repeats = [
            other
            for _, first, last, of_type, other in rows_of(candidates)
            if of_type == label and words[first:last] == words[start:end] and other > LOWEST_SUPPORTED_MARGIN
        ]
        expected.append(margin + weight * (max(repeats) - margin) if margin > LOWEST_SUPPORTED_MARGIN else margin)
    found = support_repeats(candidates, numpy.array(words, dtype="uint64"), weight)
    assert [row[:4] for row in rows_of(found)] == [row[:4] for row in rows_of(candidates)]
    assert found.margin.tolist() == pytest.approx(expected, abs=1e-5)
    assert (found.margin >= candidates.margin).all()


def scored(doc: Doc) -> dict[tuple[int, int, str], float]:
    """RETURNS (dict): The score of each predicted span."""
    return dict(zip(spans_of(doc), doc.spans["sc"].attrs["scores"].tolist(), strict=True))


def test_spans_profit_from_repeats_in_their_doc(trained: tuple[Path, Path]) -> None:
    """The mix is that of the margins of all spans near the threshold, doc by doc; thresholds change no score."""
    nlp = spacy.load(trained[0])
    pipe = nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    docs = [example.predicted for example in demo_examples(nlp, ["news-02", "news-03"])]
    pipe.cfg["threshold"] = 0.0001
    expected = []
    for doc in nlp.pipe(doc.copy() for doc in docs):
        margins = {span: logit(score) for span, score in scored(doc).items()}
        near: dict[tuple, list[float]] = {}
        for (start, end, label), margin in margins.items():
            if margin > LOWEST_SUPPORTED_MARGIN:
                near.setdefault((doc[start:end].text, label), []).append(margin)
        mixed = {}
        for (start, end, label), margin in margins.items():
            best = max(near[doc[start:end].text, label]) if margin > LOWEST_SUPPORTED_MARGIN else margin
            mixed[start, end, label] = 1 / (1 + numpy.exp(-0.6 * margin - 0.4 * best))
        expected.append(mixed)
    alone = [scored(doc) for doc in nlp.pipe(doc.copy() for doc in docs)]
    pipe.cfg["repeat_weight"] = 0.4
    n_more = 0
    # Thresholds that lie between a span's own score and that with its repeats, and some others.
    pairs = [(own[span], mixed[span]) for own, mixed in zip(alone, expected, strict=True) for span in mixed]
    raised = sorted(pairs, key=lambda pair: pair[0] - pair[1])[:2]
    for threshold in (0.01, 0.5, *((own + mixed) / 2 for own, mixed in raised)):
        pipe.cfg["threshold"] = threshold
        for doc, mixed, own in zip(nlp.pipe(doc.copy() for doc in docs), expected, alone, strict=True):
            found = {span: score for span, score in mixed.items() if score > threshold}
            assert scored(doc) == pytest.approx(found, abs=1e-4)
            assert spans_of(nlp(doc.copy())) == list(found)
            n_more += sum(own[span] <= threshold for span in found)
    assert n_more
