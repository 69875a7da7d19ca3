"""Margins, scores and thresholds say the same."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.spans.margins import margin_at, margin_limits, published_scores

CALIBRATIONS = st.none() | st.fixed_dictionaries({"scale": st.floats(0.1, 5), "bias": st.floats(-3, 3)})


def test_a_span_as_good_as_cls_scores_a_half() -> None:
    scores = published_scores(numpy.array([0.0, 2.0], dtype="float32"), None)
    assert scores.tolist() == pytest.approx([0.5, 1 / (1 + numpy.exp(-2))])
    assert scores.dtype == numpy.float32


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.floats(-10, 10, width=32), max_size=8), CALIBRATIONS)
def test_scores_rise_with_margins(margins: list[float], calibration: dict[str, float] | None) -> None:
    scores = published_scores(numpy.array(sorted(margins), dtype="float32"), calibration)
    assert scores.dtype == numpy.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (numpy.diff(scores) >= 0).all()


@settings(max_examples=100, deadline=None, database=None)
@given(st.floats(0.01, 0.99), CALIBRATIONS)
def test_the_margin_at_a_score_has_that_score(score: float, calibration: dict[str, float] | None) -> None:
    margin = numpy.array([margin_at(score, calibration)], dtype="float32")
    assert published_scores(margin, calibration).item() == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("calibration", [None, {"scale": 0.5, "bias": -1.0}])
def test_nothing_exceeds_1_and_everything_0(calibration: dict[str, float] | None) -> None:
    assert margin_at(0.0, calibration) == -numpy.inf
    assert margin_at(1.0, calibration) == numpy.inf


def test_labels_without_a_threshold_of_their_own_have_the_general_one() -> None:
    cfg = {"threshold": 0.5, "thresholds": {"ORG": 0.9, "GONE": 0.1}, "calibration": {"scale": 2.0, "bias": -1.0}}
    limits = margin_limits(cfg, ["PER", "ORG"])
    assert limits.dtype == numpy.float32
    assert limits.tolist() == pytest.approx([0.5, (numpy.log(9) + 1) / 2])
    cfg["threshold"] = 0.2
    assert margin_limits(cfg, ["ORG"]).tolist() == pytest.approx(limits.tolist()[1:])


def test_pipelines_saved_before_there_were_thresholds_of_labels() -> None:
    assert margin_limits({"threshold": 0.5}, ["PER"]).tolist() == [0.0]
