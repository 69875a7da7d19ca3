"""The registered scorer, compared with spancat's and with loops."""

import pickle
import time
from collections.abc import Sequence
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.pipeline.spancat import spancat_score
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry

from spacy_binder.scorer import binder_score, inside_another, nested_offsets

VOCAB = spacy.blank("en").vocab
TEXT = "The rector of the University of Vermont-Nord left."
WORDS = ["The", "rector", "of", "the", "University", "of", "Vermont", "-", "Nord", "left", "."]
SPACES = [True, True, True, True, True, True, False, False, True, False, False]
RECTOR, UNIVERSITY, PLACE = (1, 9, "PER"), (4, 9, "ORG"), (6, 9, "GPE")

Spans = Sequence[tuple[int, int, str]]


def make_doc(spans: Spans | None, key: str = "sc") -> Doc:
    """RETURNS (Doc): The sentence with spans, or without the key."""
    doc = Doc(VOCAB, words=WORDS, spaces=SPACES)
    assert doc.text == TEXT
    if spans is not None:
        doc.spans[key] = [Span(doc, *span) for span in spans]
    return doc


def coarse_doc(spans: Spans) -> Doc:
    """RETURNS (Doc): The same text, but "Vermont-Nord" is one token, the seventh."""
    doc = Doc(VOCAB, words=[*WORDS[:6], "Vermont-Nord", *WORDS[9:]], spaces=[*SPACES[:6], *SPACES[8:]])
    assert doc.text == TEXT
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


def score(*pairs: tuple[Spans | None, Spans | None], **settings_: Any) -> dict[str, Any]:
    """RETURNS (dict): Scores of predicted against gold spans."""
    examples = [Example(make_doc(predicted), make_doc(gold)) for predicted, gold in pairs]
    return binder_score(examples, **{"spans_key": "sc", **settings_})


def prf(scores: dict[str, Any]) -> tuple[float, float, float]:
    """RETURNS (tuple): Precision, recall and F."""
    return scores["spans_sc_p"], scores["spans_sc_r"], scores["spans_sc_f"]


BORDERS = [(start, end) for start in range(6) for end in range(start + 1, 7)]
SPANS = st.lists(st.tuples(st.sampled_from(BORDERS), st.sampled_from(["PER", "ORG"])), max_size=6)
GROUPS = SPANS.map(lambda spans: [(*span, label) for span, label in spans])


def inside(a: tuple[int, int, str], b: tuple[int, int, str]) -> bool:
    """RETURNS (bool): Whether a lies inside b, and b is longer."""
    return b[0] <= a[0] and a[1] <= b[1] and b[1] - b[0] > a[1] - a[0]


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.tuples(st.none() | GROUPS, st.none() | GROUPS), max_size=4), st.booleans())
def test_same_as_spancat_where_tokens_agree(pairs: list, allow_overlap: bool) -> None:
    """All of spancat's scores are the same, also with docs that lack the key."""
    examples = [Example(make_doc(predicted), make_doc(gold)) for predicted, gold in pairs]
    found = binder_score(examples, spans_key="sc", allow_overlap=allow_overlap)
    del found["spans_sc_nested_r"]
    assert found == spancat_score(examples, spans_key="sc", allow_overlap=allow_overlap)


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.tuples(GROUPS, st.none() | GROUPS), max_size=4))
def test_nested_recall(pairs: list) -> None:
    """The recall of gold spans that lie inside another one or contain one."""
    n_nested = n_found = 0
    for predicted, gold in pairs:
        for span in {*(gold or ())}:
            if any(inside(span, other) or inside(other, span) for other in gold):
                n_nested += 1
                n_found += span in predicted
    assert score(*pairs)["spans_sc_nested_r"] == (pytest.approx(n_found / n_nested) if n_nested else None)


@settings(max_examples=100, deadline=None, database=None)
@given(GROUPS)
def test_nested_offsets(spans: list[tuple[int, int, str]]) -> None:
    """The result is that of all pairs. Two spans of the same extent with different labels are not nested."""
    doc = make_doc(spans)
    offsets = {span: (doc[span[0]].idx, doc[span[1] - 1].idx + len(doc[span[1] - 1]), span[2]) for span in spans}
    expected = {offsets[a] for a in spans for b in spans if inside(a, b) or inside(b, a)}
    assert nested_offsets(set(offsets.values())) == expected
    assert inside_another(doc, "sc") == sum(any(inside(a, b) for b in spans) for a in {*spans})


CHARACTERS = st.integers(0, 12)
OFFSETS = st.sets(st.tuples(CHARACTERS, CHARACTERS, st.sampled_from(["PER", "ORG"])), max_size=25)


@settings(max_examples=200, deadline=None, database=None)
@given(OFFSETS)
def test_nesting_is_that_of_all_pairs(spans: set[tuple[int, int, str]]) -> None:
    spans = {(start, start + 1 + length, label) for start, length, label in spans}
    expected = {a for a in spans for b in spans if inside(a, b) or inside(b, a)}
    assert nested_offsets(spans) == expected
    doc = Doc(VOCAB, words=["w"] * 26, spaces=[False] * 26)
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    assert inside_another(doc, "sc") == sum(any(inside(a, b) for b in spans) for a in spans)


def test_many_nested_spans_in_little_time() -> None:
    """Each span lies inside all before it. All pairs would be 200 million."""
    n = 20_000
    spans = {(i, 2 * n - i, "PER") for i in range(n)}
    started = time.process_time()
    assert nested_offsets(spans) == spans
    assert time.process_time() - started < 2


def test_nested_recall_counts_both_levels() -> None:
    """Only the outermost of three nested spans is found."""
    scores = score(([RECTOR], [RECTOR, UNIVERSITY, PLACE, (9, 10, "PER")]))
    assert scores["spans_sc_nested_r"] == pytest.approx(1 / 3)
    assert scores["spans_sc_r"] == pytest.approx(1 / 4)


def test_misaligned_predictions_are_false_positives() -> None:
    """Spancat's scorer leaves out spans that match no tokens of the reference, this one counts them."""
    predicted = make_doc([RECTOR, PLACE, (6, 7, "GPE"), (4, 7, "ORG")])
    example = Example(predicted, coarse_doc([(1, 7, "PER"), (4, 7, "ORG"), (6, 7, "GPE")]))
    assert spancat_score([example], spans_key="sc")["spans_sc_p"] == 1.0
    with pytest.warns(UserWarning, match=r"BW05\] 2 predicted span\(s\) match no tokens of the reference"):
        scores = binder_score([example], spans_key="sc")
    assert prf(scores) == pytest.approx((2 / 4, 2 / 3, 2 * 2 / (4 + 3)))


def test_misaligned_predictions_count_for_their_type() -> None:
    """They lower the scores of their type as well as the total."""
    example = Example(make_doc([PLACE, (6, 7, "GPE")]), coarse_doc([(6, 7, "GPE")]))
    with pytest.warns(UserWarning, match="BW05"):
        scores = binder_score([example], spans_key="sc")
    assert scores["spans_sc_p"] == pytest.approx(1 / 2)
    assert scores["spans_sc_per_type"]["GPE"]["p"] == pytest.approx(1 / 2)


def test_only_misaligned_predictions() -> None:
    """Precision is 0 even if there is nothing to find."""
    example = Example(make_doc([(6, 7, "GPE")]), coarse_doc([]))
    with pytest.warns(UserWarning, match="BW05"):
        scores = binder_score([example], spans_key="sc")
    assert (scores["spans_sc_p"], scores["spans_sc_f"]) == (0.0, 0.0)


def test_misaligned_predictions_among_aligned_docs() -> None:
    """Docs with the same tokens as their reference still count."""
    examples = [
        Example(make_doc([RECTOR, UNIVERSITY]), make_doc([RECTOR, PLACE])),
        Example(make_doc([(6, 7, "GPE")]), coarse_doc([(6, 7, "GPE")])),
        Example(make_doc([(6, 7, "GPE")]), make_doc(None)),
    ]
    with pytest.warns(UserWarning, match=r"BW05\] 1 predicted"):
        scores = binder_score(examples, spans_key="sc")
    assert prf(scores) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_an_empty_group_counts_false_positives() -> None:
    """A doc with an empty group counts; one without the key is left out."""
    assert prf(score(([RECTOR], [RECTOR]), ([RECTOR, PLACE], []))) == pytest.approx((1 / 3, 1.0, 1 / 2))
    assert prf(score(([RECTOR], [RECTOR]), ([RECTOR, PLACE], None))) == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize("pairs", [[], [(None, None)], [([], [])]], ids=["no docs", "no key", "empty groups"])
def test_nothing_to_score(pairs: list) -> None:
    """The scores are None, as in spaCy's scorers, and not 0."""
    scores = score(*pairs)
    assert prf(scores) == (None, None, None)
    assert scores["spans_sc_nested_r"] is None


def test_registered_under_another_key() -> None:
    """The factory's config names the scorer. The scores are named after the key."""
    scorer = registry.scorers.get("spacy_binder.binder_scorer.v1")()
    example = Example(make_doc([RECTOR], "entities"), make_doc([RECTOR, UNIVERSITY], "entities"))
    scores = scorer([example], spans_key="entities", allow_overlap=True, labels=["PER", "ORG"])
    assert scores["spans_entities_p"] == 1.0
    assert scores["spans_entities_nested_r"] == 0.5
    assert scores["spans_entities_per_type"]["ORG"]["r"] == 0.0


@pytest.mark.parametrize(
    "reference, labels, found",
    [
        (make_doc(None), None, r"\(0\)\. Convert the data again"),
        (make_doc([]), ["PER"], r"doc.spans\['sc'\] \(0\), doc.ents \(0\)\. Convert the data again"),
        (make_doc([RECTOR], "other"), ["PER"], r"doc.spans\['other'\] \(1\).* such as 'other'"),
        (make_doc([UNIVERSITY]), ["PER"], r"with the labels ORG \(1\)\. Use data with labels that"),
    ],
    ids=["no group", "an empty group", "another group", "another label"],
)
def test_nothing_to_find_is_said_once(reference: Doc, labels: list[str] | None, found: str) -> None:
    """At the first evaluation. The scores are those of the plain function."""
    scorer = registry.scorers.get("spacy_binder.binder_scorer.v1")()
    examples, options = [Example(make_doc([RECTOR]), reference)], {"spans_key": "sc", "labels": labels}
    with pytest.warns(UserWarning, match=rf"BW10\] There is nothing to measure.*doc.spans\['sc'\].*{found}"):
        first = scorer(examples, **options)
    # Another warning would be an error.
    assert first == scorer(examples, **options) == binder_score(examples, **options)


def test_no_warning_where_there_is_something_to_find() -> None:
    """One document with gold is enough. A pipeline is pickled with its scorer."""
    scorer = pickle.loads(pickle.dumps(registry.scorers.get("spacy_binder.binder_scorer.v1")()))
    examples = [Example(make_doc([]), make_doc(None)), Example(make_doc([]), make_doc([RECTOR]))]
    assert scorer(examples, spans_key="sc", labels=["PER"])["spans_sc_r"] == 0.0
