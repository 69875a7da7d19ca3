"""The traps in spaCy's machinery that others fell into; the numbers are those of the project's house style."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from conftest import binder_config, demo_examples, spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.cli.apply import apply
from spacy.cli.find_threshold import find_threshold
from spacy.language import Language
from spacy.pipeline.spancat import spancat_score
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from spacy.training.callbacks import create_copy_from_base_model
from spacy.training.loop import create_before_to_disk_callback, create_evaluation_callback
from spacy.vocab import Vocab

from spacy_binder.pipeline import MAX_SPANS_PER_WORD
from spacy_binder.scorer import binder_score


@pytest.fixture(scope="module")
def nlp(trained: tuple[Path, Path]) -> Language:
    """The trained pipeline. Changes are to be undone."""
    return spacy.load(trained[0])


@pytest.fixture
def examples(trained: tuple[Path, Path], nlp: Language) -> list[Example]:
    """The sentences that it has learned."""
    golds = DocBin().from_disk(trained[1]).get_docs(nlp.vocab)
    return [
        Example(Doc(nlp.vocab, words=[t.text for t in g], spaces=[bool(t.whitespace_) for t in g]), g) for g in golds
    ]


def doc_of(words: list[str], spans: list[tuple[int, int, str]] | None, *, spaces: list[bool] | None = None) -> Doc:
    """A doc with a span group, or without one."""
    doc = Doc(Vocab(), words=words, spaces=spaces)
    if spans is not None:
        doc.spans["sc"] = [Span(doc, start, end, label=label) for start, end, label in spans]
    return doc


# 1. Another spans_key and the default score weights: every checkpoint would be "best".


def test_default_score_weights_do_not_know_another_key(tiny_encoder: str) -> None:
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder, spans_key="other"))
    assert not any(name.startswith("spans_other") for name in nlp.config["training"]["score_weights"])
    examples = demo_examples(nlp, ["news-01"], max_sentences=1)
    for example in examples:
        example.reference.spans["other"] = example.reference.spans["sc"].copy()
    with pytest.warns(UserWarning, match=r"BW02.*'other'"):
        nlp.initialize(lambda: examples)
    nlp.config["corpora"]["dev"]["path"] = "dev.spacy"
    with pytest.raises(ValueError, match="B004"):
        pipe.initialize(lambda: examples, nlp=nlp)


# 2. A reference without the key is skipped: docs without spans need an empty group.


def test_false_positives_count_only_where_the_reference_has_the_group() -> None:
    words = ["in", "Oslo"]
    right = Example(doc_of(words, [(1, 2, "GPE")]), doc_of(words, [(1, 2, "GPE")]))
    options: dict[str, Any] = {"spans_key": "sc", "allow_overlap": True, "labels": ["GPE"]}
    with_group = Example(doc_of(words, [(0, 1, "GPE")]), doc_of(words, []))
    without_group = Example(doc_of(words, [(0, 1, "GPE")]), doc_of(words, None))
    assert binder_score([right, with_group], **options)["spans_sc_p"] == 0.5
    assert binder_score([right, without_group], **options)["spans_sc_p"] == 1.0


# 3. Predictions that match no tokens of the reference are dropped by spaCy's scorer.


def test_misaligned_predictions_are_false_positives() -> None:
    gold = doc_of(["Oslo-based", "Olsen"], [(1, 2, "PER")])
    split = doc_of(["Oslo", "-based", "Olsen"], [(0, 1, "GPE"), (2, 3, "PER")], spaces=[False, True, False])
    options: dict[str, Any] = {"spans_key": "sc", "allow_overlap": True, "labels": ["GPE", "PER"]}
    assert spancat_score([Example(split, gold)], **options)["spans_sc_p"] == 1.0
    with pytest.warns(UserWarning, match="BW05.*1 predicted"):
        scores = binder_score([Example(split, gold)], **options)
    assert (scores["spans_sc_p"], scores["spans_sc_r"]) == (0.5, 1.0)
    assert scores["spans_sc_f"] == pytest.approx(2 / 3)


def test_gold_that_matches_no_tokens_of_a_retokenizing_corpus_is_reported(tiny_encoder: str, tmp_path: Path) -> None:
    gold = doc_of(["Oslo-b", "ased", "Olsen"], [(0, 1, "GPE"), (2, 3, "PER")], spaces=[False, True, False])
    DocBin(docs=[gold]).to_disk(tmp_path / "gold.spacy")
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    examples = list(Corpus(tmp_path / "gold.spacy")(nlp))
    nlp.initialize(lambda: examples)
    with pytest.warns(UserWarning, match="BW01.*1 not aligned with tokens"):
        nlp.update(examples)
    assert pipe.gold_counts["not aligned with tokens"] == 1


# 4. cfg["allow_overlap"] reaches the scorer: it means what it means in spancat.


@pytest.mark.parametrize("allow_overlap", [True, False])
def test_allow_overlap_is_that_of_spancat(nlp: Language, examples: list[Example], allow_overlap: bool) -> None:
    pipe = nlp.get_pipe("binder_ner")
    pipe.cfg["allow_overlap"] = allow_overlap
    try:
        for example in examples:
            pipe(example.predicted)
        scores = pipe.score(examples)
    finally:
        pipe.cfg["allow_overlap"] = True
    options: dict[str, Any] = {"spans_key": "sc", "allow_overlap": allow_overlap, "labels": pipe.labels}
    expected = spancat_score(examples, **options)
    assert {name: scores[name] for name in expected} == expected
    assert (scores["spans_sc_f"] == 1.0) == allow_overlap


# 5. find-threshold sets cfg and tries 0.0.


def test_find_threshold_survives_a_threshold_of_0(trained: tuple[Path, Path]) -> None:
    with pytest.warns(UserWarning, match="BW04"):
        best, score, scores = find_threshold(
            trained[0], trained[1], "binder_ner", "threshold", "spans_sc_f", n_trials=3
        )
    assert (best, score) == (0.5, 1.0)
    assert scores.keys() == {0.0, 0.5, 1.0}
    assert scores[0.0] < 0.5 and scores[1.0] == 0.0


def test_threshold_of_0_keeps_the_best_spans_of_a_limited_number(nlp: Language, examples: list[Example]) -> None:
    pipe = nlp.get_pipe("binder_ner")
    doc = examples[0].predicted
    usual = spans_of(pipe(doc))
    pipe.cfg["threshold"] = 0.0
    pipe._warned.clear()
    try:
        with pytest.warns(UserWarning, match=rf"BW04.*keeps the best {MAX_SPANS_PER_WORD} per word"):
            capped = spans_of(pipe(doc))
    finally:
        pipe.cfg["threshold"] = 0.5
    # Each pass keeps as many, and its windows overlap: a few words count twice.
    n_words = sum(not token.is_space for token in doc)
    assert len(usual) < len(capped) <= 1.2 * MAX_SPANS_PER_WORD * n_words * len(pipe.labels)
    assert set(usual) < set(capped)


# 7. `apply` stores user data, and tensors on kept docs grow memory without end.


def test_no_tensor_stays_on_a_doc(nlp: Language, examples: list[Example]) -> None:
    doc = nlp(examples[0].predicted)
    assert doc.user_data == {}
    assert doc.tensor.size == 0


def test_apply_stores_spans_and_no_user_data(trained: tuple[Path, Path], tmp_path: Path) -> None:
    apply(trained[1], tmp_path / "out.spacy", str(trained[0]), "text", 1, 1)
    vocab = Vocab()
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(vocab))
    golds = list(DocBin().from_disk(trained[1]).get_docs(vocab))
    assert [set(spans_of(doc)) for doc in docs] == [set(spans_of(gold)) for gold in golds]
    assert all(doc.user_data == {} for doc in docs)


# 8. Scores are a float32 vector beside the group, which is serialized by msgpack.


def test_scores_survive_the_docs_serialization(nlp: Language, examples: list[Example]) -> None:
    docs = [nlp(example.predicted) for example in examples] + [nlp("")]
    restored = DocBin(docs=docs).to_bytes()
    for doc, again in zip(docs, DocBin().from_bytes(restored).get_docs(nlp.vocab), strict=True):
        scores = again.spans["sc"].attrs["scores"]
        assert isinstance(scores, numpy.ndarray) and scores.dtype == numpy.float32
        numpy.testing.assert_array_equal(scores, doc.spans["sc"].attrs["scores"])
        assert spans_of(again) == spans_of(doc)


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)))
def test_order_is_the_same_whatever_else_is_in_the_batch(nlp: Language, order: list[int]) -> None:
    texts = ["The Skarvholm ran aground.", "", "Bodø rescue centre, Bodø.", "Captain Torbjørn Eide left on Tuesday."]
    docs = dict(zip(order, nlp.pipe(texts[i] for i in order), strict=True))
    assert [spans_of(docs[i]) for i in range(4)] == [spans_of(nlp(text)) for text in texts]


# 9. What `spacy train` and `spacy package` users touch.


def test_evaluation_callback_scores_the_pipeline(nlp: Language, examples: list[Example]) -> None:
    evaluate = create_evaluation_callback(nlp, lambda _: examples, {"spans_sc_f": 0.5, "spans_sc_nested_r": 0.5})
    score, scores = evaluate()
    assert score == 1.0
    assert scores["spans_sc_nested_r"] == 1.0


def test_before_to_disk_may_change_the_saved_pipeline(tiny_nlp: Language, tmp_path: Path) -> None:
    def lower(nlp: Language) -> Language:
        nlp.get_pipe("binder_ner").cfg["threshold"] = 0.25
        return nlp

    create_before_to_disk_callback(lower)(tiny_nlp).to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("binder_ner").cfg["threshold"] == 0.25


def test_labels_and_weights_come_from_a_source_pipeline(trained: tuple[Path, Path], nlp: Language) -> None:
    """`source` of a config, as one who trains on does."""
    other = spacy.blank("en")
    create_copy_from_base_model(tokenizer=str(trained[0]), vocab=str(trained[0]))(other)
    pipe = other.add_pipe("binder_ner", source=nlp)
    assert pipe.labels == nlp.get_pipe("binder_ner").labels
    for a, b in zip(pipe.model.walk(), nlp.get_pipe("binder_ner").model.walk(), strict=True):
        for one, two in zip(a.shims, b.shims, strict=True):
            for p, q in zip(one.module.parameters(), two.module.parameters(), strict=True):
                assert torch.equal(p, q)
