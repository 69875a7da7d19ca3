"""Calibration: its figures compared with loops, the fit, and a calibrated pipeline."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import compress, pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from conftest import demo_examples, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.cli.find_threshold import find_threshold
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_binder.analysis.calibration import (
    best_threshold,
    calibrate,
    calibration_error,
    fit_calibration,
    label_thresholds,
    reliability,
    scored_by_label,
    scored_spans,
)
from spacy_binder.analysis.component import changed, get_component
from spacy_binder.analysis.docs import Entity, EvaluatedDoc, evaluate
from spacy_binder.analysis.metrics import calibration_figures
from spacy_binder.pipeline import BinderNER

SCORED = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), max_size=30)


def arrays(scored: list[tuple[float, bool]]) -> tuple[Any, Any]:
    """RETURNS (tuple): Scores, and which are right."""
    return numpy.array([s for s, _ in scored], dtype="float32"), numpy.array([r for _, r in scored], dtype=bool)


@pytest.fixture(scope="module")
def loaded(trained: tuple[Path, Path]) -> Language:
    """The trained pipeline."""
    return spacy.load(trained[0])


@pytest.fixture
def nlp(loaded: Language) -> Iterator[Language]:
    """The trained pipeline. Its settings are restored after each test."""
    pipe = get_component(loaded, "binder_ner")
    cfg = deepcopy(pipe.cfg)
    yield loaded
    pipe.cfg = cfg


@pytest.fixture
def pipe(nlp: Language) -> BinderNER:
    """Its component."""
    return get_component(nlp, "binder_ner")


@pytest.fixture
def examples(nlp: Language) -> list[Example]:
    """Documents that it knows in part."""
    return demo_examples(nlp, ["news-01", "news-02", "science-02"], max_sentences=6)


def found(nlp: Language, examples: list[Example], **cfg: Any) -> list[dict[tuple[int, int, str], float]]:
    """RETURNS (list): Spans and scores of each doc, with some settings of the component changed."""
    with changed(get_component(nlp, "binder_ner"), **cfg):
        docs = list(nlp.pipe(example.reference.text for example in examples))
    return [dict(zip(spans_of(doc), doc.spans["sc"].attrs["scores"].tolist(), strict=True)) for doc in docs]


# Figures


@settings(max_examples=100, deadline=None, database=None)
@given(SCORED, st.integers(1, 15))
def test_calibration_error_is_that_of_a_loop(scored: list[tuple[float, bool]], n_bins: int) -> None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for score, right in scored:
        place = next(i for i in range(n_bins) if score * n_bins <= i + 1)
        bins.setdefault(place, []).append((score, right))
    expected = sum(abs(sum(s for s, _ in inside) - sum(r for _, r in inside)) for inside in bins.values())
    scores, right = arrays(scored)
    error = calibration_error(scores, right, n_bins)
    assert error is None if not scored else error == pytest.approx(expected / len(scored), abs=1e-6)
    assert {round(b.low * n_bins): b.n for b in reliability(scores, right, n_bins)} == {
        place: len(inside) for place, inside in bins.items()
    }


def test_scores_that_are_probabilities_have_no_error() -> None:
    scores = numpy.repeat(numpy.array([0.2, 0.6], dtype="float32"), 10)
    right = numpy.array([True] * 2 + [False] * 8 + [True] * 6 + [False] * 4)
    assert calibration_error(scores, right) == pytest.approx(0, abs=1e-6)
    assert calibration_error(scores, ~right) == pytest.approx((0.6 + 0.2) / 2, abs=1e-6)


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(1, 100).map(lambda n: n / 100), st.booleans()), max_size=30), st.integers(0, 20))
def test_best_threshold_is_that_of_all_thresholds(scored: list[tuple[float, bool]], n_more: int) -> None:
    scores, right = arrays(scored)
    n_gold = int(right.sum()) + n_more

    def f_score(threshold: float) -> float:
        return 2 * int(right[scores > threshold].sum()) / max(int((scores > threshold).sum()) + n_gold, 1)

    threshold = best_threshold(scores, right, n_gold, fallback=0.5)
    if not right.any():
        assert threshold == 0.5
    assert f_score(threshold) == pytest.approx(max(f_score(percent / 100 - 0.005) for percent in range(1, 102)))


# Fitting


def test_fit_finds_scale_and_bias() -> None:
    """The data were drawn with them."""
    random = numpy.random.default_rng(0)
    margin = random.normal(0, 3, 50000).astype("float32")
    right = random.random(len(margin)) < 1 / (1 + numpy.exp(-(0.5 * margin - 0.8)))
    fitted = fit_calibration(margin, right)
    assert fitted["scale"] == pytest.approx(0.5, abs=0.02)
    assert fitted["bias"] == pytest.approx(-0.8, abs=0.04)


def test_fit_stays_finite_where_margins_separate_right_from_wrong() -> None:
    margin = numpy.array([-2, -1, 1, 2], dtype="float32")
    fitted = fit_calibration(margin, margin > 0)
    assert 0 < fitted["scale"] < 10
    assert fitted["bias"] == pytest.approx(0, abs=1e-6)


def scored_docs(n_docs: int, *, wrong_below: float) -> list[EvaluatedDoc]:
    """RETURNS (list): Docs with 20 candidates each. Most are right above a score and wrong below it."""
    random = numpy.random.default_rng(0)
    scores = random.random((n_docs, 20)).astype("float32")
    right = random.random(scores.shape) < numpy.where(scores > wrong_below, 0.9, 0.05)
    spans = [Entity(i, i + 1, "PER") for i in range(20)]
    return [
        EvaluatedDoc("", [], [], set(compress(spans, gold)), {}, dict(zip(spans, row.tolist(), strict=True)))
        for row, gold in zip(scores, right, strict=True)
    ]


def test_scores_are_collected_by_label_and_kind() -> None:
    spans = [Entity(0, 1, "PER"), Entity(0, 1, "ORG")]
    docs = [EvaluatedDoc("", [], [], set(spans[:1]), {spans[1]: 0.7}, dict.fromkeys(spans, 0.25))] * 2
    of_person = scored_by_label(docs)["PER"]
    assert [column.tolist() for column in of_person] == [[0, 1], [0.25, 0.25], [True, True]]
    doc, scores, right = scored_spans(docs, predicted=True)
    assert (doc.tolist(), right.tolist()) == ([0, 1], [False, False])
    assert scores.tolist() == [pytest.approx(0.7)] * 2
    assert calibration_figures(docs)["predictions"]["error"] == pytest.approx(0.7)


def test_a_label_gets_the_threshold_that_it_gains_from() -> None:
    chosen = label_thresholds(scored_docs(10, wrong_below=0.3), ["PER", "ORG"], 0.8, min_gold=0)
    assert chosen == {"PER": pytest.approx(0.3, abs=0.05)}


@pytest.mark.parametrize(
    ("n_docs", "general", "min_gold"),
    [(10, 0.3, 30), (2, 0.8, 50), (1, 0.8, 1)],
    ids=["no gain", "few gold", "one doc"],
)
def test_a_label_keeps_the_general_threshold(n_docs: int, general: float, min_gold: int) -> None:
    assert label_thresholds(scored_docs(n_docs, wrong_below=0.3), ["PER"], general, min_gold=min_gold) == {}


# Pipelines


def test_calibration_lowers_the_error_and_finds_the_same_spans(
    nlp: Language, pipe: BinderNER, examples: list[Example]
) -> None:
    before = list(evaluate(nlp, "binder_ner", examples))
    calibrate(nlp, "binder_ner", examples)
    after = list(evaluate(nlp, "binder_ner", examples))
    assert [doc.predicted.keys() for doc in after] == [doc.predicted.keys() for doc in before]
    values = [pipe.cfg["threshold"], *pipe.cfg["calibration"].values()]
    values += label_thresholds(after, pipe.labels, 0.99, min_gold=1).values()
    assert {type(value) for value in values} == {float}
    errors = [calibration_figures(docs)["candidates"]["error"] for docs in (before, after)]
    assert errors[1] < errors[0]
    assert pipe.cfg["threshold"] == pytest.approx(1 / (1 + numpy.exp(-pipe.cfg["calibration"]["bias"])))
    first = dict(pipe.cfg)
    calibrate(nlp, "binder_ner", examples)
    assert pipe.cfg["calibration"] == pytest.approx(first["calibration"])
    assert pipe.cfg["threshold"] == pytest.approx(first["threshold"])


@pytest.mark.parametrize("settings_", [{}, {"joint_inference": True}], ids=["span", "joint"])
def test_a_threshold_of_its_own_moves_one_label_alone(
    nlp: Language, examples: list[Example], settings_: dict[str, bool]
) -> None:
    """Other labels keep their spans, also in joint inference, where starts and ends have limits too."""
    usual, low = found(nlp, examples, **settings_), found(nlp, examples, threshold=0.01, **settings_)
    moved = found(nlp, examples, thresholds={"DATE": 0.01}, **settings_)
    assert sum(map(len, usual)) < sum(map(len, moved)) < sum(map(len, low))
    for u, m, at_low in zip(usual, moved, low, strict=True):
        assert {s for s in m if s[2] != "DATE"} == {s for s in u if s[2] != "DATE"}
        assert {s for s in m if s[2] == "DATE"} == {s for s in at_low if s[2] == "DATE"}


def test_without_overlap_only_what_beats_its_threshold_takes_its_place(nlp: Language, examples: list[Example]) -> None:
    for spans in found(nlp, examples, thresholds={"PER": 1.0}, allow_overlap=False, threshold=0.1):
        assert not any(label == "PER" for *_, label in spans)
        assert all(a[1] <= b[0] for a, b in pairwise(sorted(spans)))


@pytest.mark.parametrize("where", ["disk", "bytes"])
def test_saved_pipelines_keep_calibration_and_thresholds(
    nlp: Language, pipe: BinderNER, examples: list[Example], where: str, tmp_path: Path
) -> None:
    pipe.cfg.update(calibration={"scale": 0.5, "bias": -0.5}, thresholds={"PER": 0.25})
    if where == "disk":
        nlp.to_disk(tmp_path)
        again = spacy.load(tmp_path)
    else:
        again = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert again.get_pipe("binder_ner").cfg == pipe.cfg
    assert found(again, examples) == found(nlp, examples)


def test_scores_depend_on_no_other_label(nlp: Language, pipe: BinderNER, examples: list[Example]) -> None:
    pipe.cfg.update(calibration={"scale": 0.5, "bias": -0.5}, thresholds={"GPE": 0.05})
    before = found(nlp, examples)
    pipe.remove_label("GPE")
    assert pipe.cfg["thresholds"] == {}
    for with_it, without in zip(before, found(nlp, examples), strict=True):
        assert without == pytest.approx({s: score for s, score in with_it.items() if s[2] != "GPE"}, abs=1e-5)
    pipe.add_label("GPE")
    assert all(score > 0.5 for doc in found(nlp, examples) for score in doc.values())


def test_find_threshold_trades_recall_for_precision(
    nlp: Language, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a higher threshold, recall never rises, and precision mostly does."""
    calibrate(nlp, "binder_ner", examples)
    nlp.to_disk(tmp_path / "model")
    DocBin(docs=[example.reference for example in examples[:2]]).to_disk(tmp_path / "dev.spacy")
    evaluate, seen = Language.evaluate, []
    monkeypatch.setattr(Language, "evaluate", lambda *args: seen.append(evaluate(*args)) or seen[-1])
    arguments = (str(tmp_path / "model"), tmp_path / "dev.spacy", "binder_ner", "threshold", "spans_sc_r")
    with pytest.warns(UserWarning, match="BW04"):
        by_threshold = find_threshold(*arguments, n_trials=5)[2]
    recall, precision = ([scores[f"spans_sc_{name}"] for scores in seen] for name in "rp")
    assert [by_threshold[threshold] for threshold in sorted(by_threshold)] == recall
    assert all(a >= b for a, b in pairwise(recall))
    assert recall[0] > recall[2] > recall[-1] == 0
    assert precision[0] < precision[1] < precision[2]


# Errors


def test_no_gold_spans_to_learn_from(nlp: Language, examples: list[Example]) -> None:
    for example in examples:
        example.reference.spans["sc"] = []
    with pytest.raises(ValueError, match=r"B024.*: 0 of its"):
        calibrate(nlp, "binder_ner", examples)


def test_scores_that_tell_nothing(nlp: Language, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_binder.analysis.calibration.fit_calibration", lambda *_: {"scale": -0.1, "bias": 0.0})
    with pytest.raises(ValueError, match=r"B025.*-0\.100"):
        calibrate(nlp, "binder_ner", examples)


def test_thresholds_have_to_be_probabilities() -> None:
    with pytest.raises(ValueError, match=r"B006.*'PER'.*1\.5"):
        spacy.blank("en").add_pipe("binder_ner", config={"thresholds": {"PER": 1.5}})


def test_thresholds_of_unknown_labels_are_named(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    pipe.cfg["thresholds"]["PERSON"] = 0.4
    with pytest.warns(UserWarning, match="BW08.*PERSON. It knows: .*PER"):
        pipe.initialize(lambda: demo_examples(tiny_nlp, ["news-01"]), nlp=tiny_nlp)


def test_training_on_warns_that_the_calibration_no_longer_fits(tiny_nlp: Language) -> None:
    tiny_nlp.get_pipe("binder_ner").cfg["calibration"] = {"scale": 1.0, "bias": 0.0}
    with pytest.warns(UserWarning, match="BW07"):
        tiny_nlp.update(demo_examples(tiny_nlp, ["news-01"], max_sentences=1))
