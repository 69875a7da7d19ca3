"""Mistakes, compared with the definition that tries all pairs."""

import time

from hypothesis import given, settings
from test_metrics import DOCS, doc_of

from spacy_binder.analysis.docs import Entity, EvaluatedDoc
from spacy_binder.analysis.mistakes import pair_mistakes


def by_all_pairs(doc: EvaluatedDoc) -> list:
    """RETURNS (list): The mistakes, by the definition."""

    def share(a: Entity, b: Entity) -> float:
        return (min(a.end, b.end) - max(a.start, b.start)) / (max(a.end, b.end) - min(a.start, b.start))

    missed, wrong = sorted(doc.gold - doc.predicted.keys()), sorted(doc.predicted.keys() - doc.gold)
    pairs = [(a, b) for a in missed for b in wrong if a.start < b.end and b.start < a.end]
    pairs.sort(key=lambda pair: -share(*pair))
    mistakes, left = [], [set(missed), set(wrong)]
    for kind, belongs in (
        ("type", lambda a, b: a[:2] == b[:2]),
        ("boundary", lambda a, b: a.label == b.label),
        ("boundary and type", lambda a, b: True),
    ):
        for gold, predicted in pairs:
            if gold in left[0] and predicted in left[1] and belongs(gold, predicted):
                mistakes.append((kind, gold, predicted))
                left[0].remove(gold)
                left[1].remove(predicted)
    mistakes += [("missed", span, None) for span in left[0]]
    mistakes += [("spurious", None, span) for span in left[1]]
    return sorted(mistakes, key=lambda mistake: (mistake[1] or mistake[2], mistake[0]))


@settings(max_examples=300, deadline=None, database=None)
@given(DOCS)
def test_mistakes_are_those_of_all_pairs(docs: list[EvaluatedDoc]) -> None:
    for doc in docs:
        assert pair_mistakes(doc) == by_all_pairs(doc)


def test_many_mistakes_take_no_longer_than_few() -> None:
    """All pairs of these are 400 million."""
    n = 20_000
    gold = {Entity(10 * i, 10 * i + 5, "PER") for i in range(n)}
    wrong = {Entity(10 * i + 1, 10 * i + 6, "PER"): 0.9 for i in range(n)}
    doc = doc_of(gold, wrong)
    start = time.perf_counter()
    mistakes = pair_mistakes(doc)
    assert time.perf_counter() - start < 5
    assert [kind for kind, *_ in mistakes] == ["boundary"] * n
