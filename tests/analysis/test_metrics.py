"""The figures of an evaluation, compared with loops over all spans and with what a pipeline predicts."""

import json
import weakref
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import demo_examples
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_binder.analysis.component import changed, get_component
from spacy_binder.analysis.docs import Entity, EvaluatedDoc, LeftOut, evaluate, evaluate_file, texts_of_spans
from spacy_binder.analysis.metrics import metrics
from spacy_binder.analysis.mistakes import KINDS, pair_mistakes
from spacy_binder.pipeline import MAX_SPANS_PER_WORD, BinderNER

TEXT = "the Rector of the University of Vermont left in a hurry , we are told"
WORDS = TEXT.split()
STARTS = [sum(len(word) + 1 for word in WORDS[:i]) for i in range(len(WORDS))]
TOKENS = [(start, start + len(word)) for start, word in zip(STARTS, WORDS, strict=True)]
LABELS = ["ORG", "PER"]


def entity(first: int, n_tokens: int, label: str) -> Entity:
    """RETURNS (Entity): The span of some tokens."""
    return Entity(TOKENS[first][0], TOKENS[min(first + n_tokens, len(TOKENS)) - 1][1], label)


def doc_of(gold: set[Entity], candidates: dict[Entity, float]) -> EvaluatedDoc:
    """RETURNS (EvaluatedDoc): The sentence. Candidates with a score above 0.5 are predicted."""
    predicted = {span: score for span, score in candidates.items() if score > 0.5}
    return EvaluatedDoc(TEXT, TOKENS, [(0, 8), (8, len(WORDS))], gold, predicted, candidates)


ENTITY = st.builds(entity, st.integers(0, len(WORDS) - 1), st.integers(1, 14), st.sampled_from(LABELS))
SCORES = st.integers(6, 100).map(lambda percent: percent / 100)
DOCS = st.lists(st.builds(doc_of, st.sets(ENTITY, max_size=6), st.dictionaries(ENTITY, SCORES, max_size=8)), max_size=3)


def by_loop(gold: list[Any], predicted: list[Any], right: int) -> Any:
    """RETURNS (dict): Scores from counts. F1 is computed without precision and recall."""
    found: dict[str, Any] = {"n_gold": len(gold), "n_predicted": len(predicted), "right": right}
    if not gold and not predicted:
        return {**found, "p": None, "r": None, "f": None}
    p, r = right / len(predicted) if predicted else 0.0, right / len(gold) if gold else 0.0
    return pytest.approx({**found, "p": p, "r": r, "f": 2 * right / (len(gold) + len(predicted))})


def expected(docs: list[EvaluatedDoc], belongs: Any) -> Any:
    """RETURNS (dict): The scores of the spans that belong."""
    gold = [(i, span) for i, doc in enumerate(docs) for span in doc.gold if belongs(doc, span)]
    predicted = [(i, span) for i, doc in enumerate(docs) for span in doc.predicted if belongs(doc, span)]
    return by_loop(gold, predicted, sum(span in gold for span in predicted))


@settings(max_examples=100, deadline=None, database=None)
@given(DOCS)
def test_scores_are_those_of_loops(docs: list[EvaluatedDoc]) -> None:
    found = metrics(docs, LABELS, {"Vermont", "left"})
    assert found["all"] == expected(docs, lambda *_: True)
    for label in LABELS:
        assert found["labels"][label] == expected(docs, lambda _, span, label=label: span.label == label)

    def n_words(span: Entity) -> int:
        return len(TEXT[span.start : span.end].split())

    classes = {"1": [1], "2": [2], "3": [3], "4-5": [4, 5], "6-10": range(6, 11), "over 10": range(11, 99)}
    assert found["lengths"].keys() == classes.keys()
    for name, numbers in classes.items():
        assert found["lengths"][name] == expected(docs, lambda _, span, n=numbers: n_words(span) in n)
    for name, wanted in (("seen in training", True), ("not seen in training", False)):
        is_seen = expected(docs, lambda _, s, w=wanted: (TEXT[s.start : s.end] in ("Vermont", "left")) == w)
        assert found[name] == is_seen
    for row in found["thresholds"]:
        gold = [(i, span) for i, doc in enumerate(docs) for span in doc.gold]
        over = [(i, s) for i, doc in enumerate(docs) for s, score in doc.candidates.items() if score > row["threshold"]]
        assert {k: v for k, v in row.items() if k != "threshold"} == by_loop(gold, over, len({*gold} & {*over}))


@settings(max_examples=100, deadline=None, database=None)
@given(DOCS)
def test_boundaries_are_those_of_loops(docs: list[EvaluatedDoc]) -> None:
    found = metrics(docs, LABELS)["boundaries"]
    for name, project in (
        ("start", lambda span: (span.start, span.label)),
        ("end", lambda span: (span.end, span.label)),
        ("both, any label", lambda span: (span.start, span.end)),
    ):
        gold = {(i, project(span)) for i, doc in enumerate(docs) for span in doc.gold}
        predicted = {(i, project(span)) for i, doc in enumerate(docs) for span in doc.predicted}
        assert found[name] == by_loop(list(gold), list(predicted), len(gold & predicted))


@settings(max_examples=100, deadline=None, database=None)
@given(DOCS)
def test_nesting_is_that_of_all_pairs(docs: list[EvaluatedDoc]) -> None:
    """Recall counts gold spans inside or around gold ones, precision predictions inside or around predicted ones."""

    def nested(span: Entity, spans: Any) -> bool:
        return any(
            a[:2] != b[:2] and a.start <= b.start and b.end <= a.end
            for other in spans
            for a, b in ((span, other), (other, span))
        )

    found = metrics(docs, LABELS)["nesting"]
    for name, wanted in (("nested", True), ("flat", False)):
        gold = [(doc, span) for doc in docs for span in doc.gold if nested(span, doc.gold) == wanted]
        predicted = [(doc, span) for doc in docs for span in doc.predicted if nested(span, doc.predicted) == wanted]
        assert (found[name]["n_gold"], found[name]["n_predicted"]) == (len(gold), len(predicted))
        if gold:
            assert found[name]["r"] == pytest.approx(sum(span in doc.predicted for doc, span in gold) / len(gold))
        if predicted:
            assert found[name]["p"] == pytest.approx(sum(span in doc.gold for doc, span in predicted) / len(predicted))


@settings(max_examples=100, deadline=None, database=None)
@given(DOCS)
def test_mistakes_add_up(docs: list[EvaluatedDoc]) -> None:
    """Each wrong or missed span belongs to one mistake. No two of them that overlap are left single."""
    found = metrics(docs, LABELS)
    for doc in docs:
        mistakes = pair_mistakes(doc)
        assert sorted(g for _, g, _ in mistakes if g is not None) == sorted(doc.gold - doc.predicted.keys())
        assert sorted(p for _, _, p in mistakes if p is not None) == sorted(doc.predicted.keys() - doc.gold)
        for kind, gold, predicted in mistakes:
            if gold is not None and predicted is not None:
                same, alike = gold[:2] == predicted[:2], gold.label == predicted.label
                assert kind == ("type" if same else "boundary" if alike else "boundary and type")
        missed = [gold for kind, gold, _ in mistakes if kind == "missed" and gold is not None]
        spurious = [predicted for kind, _, predicted in mistakes if kind == "spurious" and predicted is not None]
        assert not any(a.start < b.end and b.start < a.end for a, b in product(missed, spurious))
    wrong = found["all"]["n_predicted"] - found["all"]["right"]
    counts = found["mistakes"]
    assert tuple(counts) == KINDS
    assert sum(counts.values()) - counts["missed"] == wrong
    assert sum(counts.values()) - counts["spurious"] == found["all"]["n_gold"] - found["all"]["right"]


@settings(max_examples=100, deadline=None, database=None)
@given(DOCS)
def test_confusion_adds_up(docs: list[EvaluatedDoc]) -> None:
    found = metrics(docs, LABELS)
    rows = found["confusion"]["counts"]
    for i, label in enumerate(LABELS):
        scores = found["labels"][label]
        assert rows[i][i] == scores["right"]
        assert sum(rows[i]) == scores["n_gold"]
        assert sum(row[i] for row in rows) == scores["n_predicted"]
        most = Counter(
            TEXT[s.start : s.end] for doc in docs for s in doc.gold - doc.predicted.keys() if s.label == label
        )
        texts = found["frequent"][label]["false_negatives"]
        assert dict(texts).items() <= most.items() and len(texts) == min(len(most), 10)


def test_a_mistake_of_each_kind() -> None:
    gold = {entity(0, 2, "PER"), entity(4, 3, "ORG"), entity(7, 1, "PER"), entity(12, 1, "PER"), entity(9, 2, "ORG")}
    predicted = [
        entity(1, 1, "PER"),
        entity(4, 3, "PER"),
        entity(7, 2, "ORG"),
        entity(14, 1, "PER"),
        entity(9, 2, "ORG"),
    ]
    doc = doc_of(gold, dict.fromkeys(predicted, 0.9))
    assert [(kind, g and TEXT[g.start : g.end]) for kind, g, _ in pair_mistakes(doc)] == [
        ("boundary", "the Rector"),
        ("type", "University of Vermont"),
        ("boundary and type", "left"),
        ("missed", "we"),
        ("spurious", None),
    ]


def test_length_counts_tokens_that_are_covered_in_part() -> None:
    doc = doc_of(set(), {})
    assert doc.length(Entity(4, 10, "PER")) == 1
    assert doc.length(Entity(5, 13, "PER")) == 2
    assert doc.length(Entity(3, 4, "PER")) == 0


# Pipelines


@pytest.fixture(scope="module")
def nlp(trained: tuple[Path, Path]) -> Language:
    """The trained pipeline."""
    return spacy.load(trained[0])


@pytest.fixture(scope="module")
def examples(nlp: Language) -> list[Example]:
    """Sentences that the pipeline partly knows."""
    return demo_examples(nlp, ["news-01", "news-02", "science-02"], max_sentences=6)


def published(nlp: Language, examples: list[Example]) -> list[dict[Entity, float]]:
    """RETURNS (list): Spans and scores that the pipeline writes to each doc."""
    docs = list(nlp.pipe(example.predicted.copy() for example in examples))
    return [
        {
            Entity(span.start_char, span.end_char, span.label_): score
            for span, score in zip(doc.spans["sc"], doc.spans["sc"].attrs["scores"].tolist(), strict=True)
        }
        for doc in docs
    ]


CALIBRATION = {"scale": 0.6, "bias": -0.3}
JOINT: dict[str, Any] = {"joint_inference": True}
OWN: dict[str, Any] = {"thresholds": {"PER": 0.01, "DATE": 0.8}}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"threshold": 0.02},
    {**OWN, "allow_overlap": False},
    {**OWN, "repeat_weight": 0.4, "calibration": CALIBRATION},
    {"threshold": 0.02, "window_merge": "union", "repeat_weight": 0.4},
    {**OWN, **JOINT, "calibration": CALIBRATION},
]


@pytest.mark.parametrize("settings_", SETTINGS, ids=[",".join(settings_) or "default" for settings_ in SETTINGS])
def test_one_run_finds_predictions_and_candidates(
    nlp: Language, examples: list[Example], settings_: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are exactly those of `nlp.pipe`, but the encoder runs once (twice for joint inference)."""
    pipe = get_component(nlp, "binder_ner")
    with changed(pipe, **settings_):
        cfg, predicted = dict(pipe.cfg), published(nlp, examples)
        with changed(pipe, threshold=0.05, thresholds={}):
            candidates = published(nlp, examples)
        calls, predict = [], pipe.predict
        monkeypatch.setattr(pipe, "predict", lambda docs: calls.append(len(docs)) or predict(docs))
        docs = list(evaluate(nlp, "binder_ner", examples))
        assert pipe.cfg == cfg
    assert [doc.predicted for doc in docs] == predicted
    assert [doc.candidates for doc in docs] == candidates
    assert any(predicted) and predicted != candidates
    assert sum(calls) == len(examples) * (2 if "joint_inference" in settings_ else 1)
    for doc in docs:
        assert list(doc.predicted) == sorted(doc.predicted, key=lambda span: (span.start, -span.end, span.label))
        assert len(doc.margins) == len(doc.candidates)


def test_docs_are_streamed_and_other_components_run(nlp: Language, examples: list[Example]) -> None:
    """No more than one batch is read ahead. What later components do to spans counts."""
    read: list[Example] = []

    @Language.component("only_dates")
    def only_dates(doc: Doc) -> Doc:
        group = doc.spans["sc"]
        kept = [i for i, span in enumerate(group) if span.label_ == "DATE"]
        scores = group.attrs["scores"][kept]
        doc.spans["sc"] = [group[i] for i in kept]
        doc.spans["sc"].attrs["scores"] = scores
        return doc

    nlp.add_pipe("only_dates")
    before = nlp.batch_size
    try:
        nlp.batch_size = 2
        docs = evaluate(nlp, "binder_ner", (read.append(example) or example for example in examples))
        first = next(docs)
        assert len(read) == 2
        (*others,) = docs
    finally:
        nlp.batch_size = before
        nlp.remove_pipe("only_dates")
    assert len(others) == len(examples) - 1
    assert {span.label for span in first.predicted} == {"DATE"} < {span.label for span in first.candidates}


def test_figures_are_those_of_spacy(nlp: Language, examples: list[Example]) -> None:
    docs = list(evaluate(nlp, "binder_ner", examples))
    found = metrics(docs, get_component(nlp, "binder_ner").labels)
    scores = nlp.evaluate(examples)
    for figure in "prf":
        assert found["all"][figure] == pytest.approx(scores[f"spans_sc_{figure}"])
    assert found["nesting"]["nested"]["r"] == pytest.approx(scores["spans_sc_nested_r"])
    for label, of_label in scores["spans_sc_per_type"].items():
        assert {figure: found["labels"][label][figure] for figure in "prf"} == pytest.approx(of_label)
    for doc, example in zip(docs, examples, strict=True):
        assert [doc.text[a:b] for a, b in doc.tokens] == [token.text for token in example.reference]


def test_docs_without_the_group_are_left_out(nlp: Language) -> None:
    examples = demo_examples(nlp, ["news-01", "news-02"], max_sentences=1)
    del examples[0].reference.spans["sc"]
    (doc,) = evaluate(nlp, "binder_ner", examples)
    assert doc.text == examples[1].reference.text


def test_docs_are_let_go(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docs of more words than a batch has are gone when the next batch has been run, with their tensors."""
    run: list[weakref.ref] = []
    predict = BinderNER.predict
    monkeypatch.setattr("spacy_binder.analysis.docs.BATCH_WORDS", 1)
    monkeypatch.setattr(
        BinderNER, "predict", lambda pipe, docs: run.extend(map(weakref.ref, docs)) or predict(pipe, docs)
    )
    stream = (eg for _ in range(5) for eg in demo_examples(nlp, ["news-01", "news-02"], max_sentences=1))
    docs = []
    for doc in evaluate(nlp, "binder_ner", stream):
        docs.append(doc)
        assert sum(ref() is not None for ref in run) <= 2
    assert len(docs) == len(run) == 10


def test_what_is_left_out_is_counted(nlp: Language, tmp_path: Path) -> None:
    pipe = get_component(nlp, "binder_ner")
    golds = [example.reference for example in demo_examples(nlp, ["news-01", "news-02"], max_sentences=2)]
    golds[0].spans["sc"].append(Span(golds[0], 0, 1, label="THING"))
    DocBin(docs=[*golds, nlp.make_doc("No group.")]).to_disk(tmp_path / "dev.spacy")
    left_out = LeftOut()
    docs = list(evaluate_file(nlp, "binder_ner", tmp_path / "dev.spacy", left_out=left_out))
    assert len(docs) == 2
    assert (left_out.docs, left_out.labels, left_out.candidates) == (1, {"THING": 1}, 0)
    messages = list(left_out.messages(pipe, tmp_path / "dev.spacy"))
    assert ["1 documents" in messages[0], "THING (1)" in messages[1], len(messages)] == [True, True, 2]


@pytest.mark.filterwarnings("ignore:.*BW04")
@pytest.mark.parametrize("settings_", [{}, {"thresholds": {"PER": 0.01}}, {"repeat_weight": 0.4}])
def test_dropped_candidates_are_counted_and_change_no_prediction(
    nlp: Language, examples: list[Example], settings_: dict[str, Any]
) -> None:
    pipe = get_component(nlp, "binder_ner")
    left_out = LeftOut()
    with changed(pipe, **settings_):
        docs = list(evaluate(nlp, "binder_ner", examples, floor=1e-6, left_out=left_out))
        assert [doc.predicted for doc in docs] == published(nlp, examples)
    n_words = sum(len(example.predicted) for example in examples)
    assert left_out.candidates > 0
    assert sum(len(doc.candidates) for doc in docs) <= MAX_SPANS_PER_WORD * n_words * len(pipe.labels)
    *_, message = left_out.messages(pipe, Path("dev.spacy"), 1e-6)
    assert message.startswith("[BW11] dev.spacy") and f"{left_out.candidates:,}" in message


def leaves(value: Any) -> list[Any]:
    """RETURNS (list): All values inside lists and dicts."""
    if isinstance(value, dict):
        return [leaf for part in value.items() for leaf in leaves(list(part))]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, (list, tuple)) else [value]


def test_all_results_are_plain_data(nlp: Language, examples: list[Example]) -> None:
    """JSON encoders refuse numpy's numbers, NaN and infinity."""
    docs = list(evaluate(nlp, "binder_ner", examples))
    found = [metrics(docs, get_component(nlp, "binder_ner").labels, {"Oslo"}), [doc.to_json() for doc in docs]]
    assert {type(leaf) for leaf in leaves(found)} <= {str, int, float, type(None)}
    json.dumps(found, allow_nan=False)


def test_sentences_are_those_of_the_reference_or_of_the_pipeline_or_one(nlp: Language) -> None:
    gold = Doc(nlp.vocab, words=["One", ".", "Two", "."])
    gold.spans["sc"] = []
    examples = [Example(Doc(nlp.vocab, words=["One", ".", "Two", "."]), gold)]
    assert next(evaluate(nlp, "binder_ner", examples)).sentences == [(0, 2), (2, 4)]
    with nlp.select_pipes(disable=["sentencizer"]):
        assert next(evaluate(nlp, "binder_ner", examples)).sentences == [(0, 4)]
        gold[1].is_sent_start = True
        assert next(evaluate(nlp, "binder_ner", examples)).sentences == [(0, 1), (1, 4)]


def test_texts_of_spans(nlp: Language) -> None:
    (example,) = demo_examples(nlp, ["news-01"], max_sentences=1)
    texts = texts_of_spans([example.reference, nlp.make_doc("None")], "sc")
    assert texts == {span.text for span in example.reference.spans["sc"]}
