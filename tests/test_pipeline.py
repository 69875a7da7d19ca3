"""The component contract: what a sibling of spancat does, and what BINDER adds to it."""

import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy
import pytest
import spacy
import torch
from conftest import demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans
from thinc.api import set_dropout_rate
from tiny_pipelines import make_nlp, modules, parameters, quiet_config

from spacy_binder.descriptions import TypeWords
from spacy_binder.layers.similarity import trained_similarity
from spacy_binder.layers.types import BinderInput
from spacy_binder.pipeline import BinderNER


def scored(doc: Doc) -> dict[tuple[int, int, str], float]:
    """The score of each predicted span."""
    return dict(zip(spans_of(doc), doc.spans["sc"].attrs["scores"].tolist(), strict=True))


def blank(examples: list[Example]) -> Doc:
    """A fresh copy of the first example's words."""
    gold = examples[0].reference
    return Doc(gold.vocab, words=[t.text for t in gold], spaces=[bool(t.whitespace_) for t in gold])


@pytest.fixture(scope="module")
def learned_bytes(tiny_encoder: str) -> tuple[dict, bytes]:
    """A tiny pipeline that has learned a document more or less: its config and weights."""
    nlp, _, examples = make_nlp(quiet_config(tiny_encoder))
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 2e-3
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    return nlp.config, nlp.to_bytes()


@pytest.fixture
def learned(learned_bytes: tuple[dict, bytes]) -> Language:
    """A fresh copy of that pipeline."""
    config, weights = learned_bytes
    return spacy.util.load_model_from_config(config).from_bytes(weights)


@pytest.fixture
def pipe(learned: Language) -> BinderNER:
    """The component of that pipeline."""
    pipe = learned.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    return pipe


@pytest.fixture
def doc(learned: Language) -> Doc:
    """The document that it has learned, without spans."""
    return blank(demo_examples(learned, ["news-01"]))


# Annotation


def test_predict_is_pure(pipe: BinderNER, doc: Doc) -> None:
    before = doc.to_bytes()
    found = pipe.predict([doc])
    assert len(found[0]) > 10
    assert doc.to_bytes() == before
    assert not doc.spans and not doc.user_data


def test_spans_come_in_document_order_outer_before_inner(pipe: BinderNER, doc: Doc) -> None:
    pipe.cfg["threshold"] = 0.2
    spans = spans_of(pipe(doc))
    assert spans == sorted(spans, key=lambda span: (span[0], -span[1], span[2]))
    assert any(a[0] == b[0] and a[1] > b[1] for a, b in pairwise(spans))


def test_scores_are_float32_beside_the_spans_even_when_there_are_none(pipe: BinderNER, doc: Doc) -> None:
    scores = pipe(doc).spans["sc"].attrs["scores"]
    assert scores.dtype == numpy.float32 and scores.shape == (len(doc.spans["sc"]),)
    assert (scores > 0.5).all() and (scores <= 1).all()
    pipe.cfg["threshold"] = 1.0
    for nothing in (pipe(doc), pipe(Doc(doc.vocab)), pipe(Doc(doc.vocab, words=["\n", " "]))):
        assert len(nothing.spans["sc"]) == 0
        scores = nothing.spans["sc"].attrs["scores"]
        assert scores.dtype == numpy.float32 and scores.shape == (0,)


@pytest.mark.parametrize("threshold", [0.3, 0.9, 0.99])
def test_threshold_is_read_from_cfg(pipe: BinderNER, doc: Doc, threshold: float) -> None:
    pipe.cfg["threshold"] = 0.1
    everything = scored(pipe(doc))
    pipe.cfg["threshold"] = threshold
    assert scored(pipe(doc)) == {span: score for span, score in everything.items() if score > threshold}


def test_threshold_may_rise_between_prediction_and_annotation(pipe: BinderNER, doc: Doc) -> None:
    found = pipe.predict([doc])
    pipe.cfg["threshold"] = 0.9
    pipe.set_annotations([doc], found)
    assert 0 < len(doc.spans["sc"]) < len(found[0])
    assert (doc.spans["sc"].attrs["scores"] > 0.9).all()


def greedy(scores: dict[tuple[int, int, str], float]) -> list[tuple[int, int, str]]:
    """Flat decoding, the slow way."""
    kept: list[tuple[int, int, str]] = []
    for span in sorted(scores, key=lambda span: -scores[span]):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


def test_without_overlap_the_best_spans_are_kept(pipe: BinderNER, doc: Doc) -> None:
    nested = scored(pipe(doc))
    pipe.cfg["allow_overlap"] = False
    assert spans_of(pipe(doc)) == greedy(nested)
    assert len(filter_spans(list(doc.spans["sc"]))) == len(doc.spans["sc"]) < len(nested)


def test_ents_are_the_best_spans_that_do_not_overlap(pipe: BinderNER, doc: Doc) -> None:
    pipe.cfg["annotate_ents"] = True
    pipe(doc)
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == greedy(scored(doc))
    assert len(doc.ents) < len(doc.spans["sc"])


def test_ents_that_are_there_stay(pipe: BinderNER, doc: Doc) -> None:
    """As with an entity_ruler before the component: spans of the component come around its entities."""
    pipe.cfg["annotate_ents"] = True
    pipe(doc)
    found = [(ent.start, ent.end, ent.label_) for ent in doc.ents]
    own = found[0][0], found[0][1] + 1, "RULE"
    blocked = found[-1][1] - 1
    again = Doc(doc.vocab, words=[token.text for token in doc])
    rule = Span(again, *own[:2], label="RULE", kb_id="Q1", span_id="rule")
    again.set_ents([rule], blocked=[again[blocked : blocked + 1]], default="missing")
    pipe(again)
    ents = [(ent.start, ent.end, ent.label_) for ent in again.ents]
    assert ents[0] == own
    assert (again.ents[0].kb_id_, again.ents[0].id_) == ("Q1", "rule")
    assert all(not start <= blocked < end for start, end, _ in ents)
    untouched = [ent for ent in found if ent[0] >= own[1] and ent[1] <= blocked]
    assert untouched and set(untouched) <= set(ents)
    assert again.has_annotation("ENT_IOB", require_complete=True)
    assert pipe(again).ents == again.ents


def test_entity_ruler_before_the_component_keeps_its_entities(pipe: BinderNER, learned: Language) -> None:
    ruler = learned.add_pipe("entity_ruler", before="binder_ner")
    ruler.add_patterns([{"label": "RULE", "pattern": "Oslo", "id": "oslo"}])
    pipe.cfg["annotate_ents"] = True
    ents = learned("A train from Oslo came .").ents
    assert ("Oslo", "RULE", "oslo") in [(ent.text, ent.label_, ent.ent_id_) for ent in ents]
    assert learned.analyze_pipes()["attrs"]["doc.ents"]["assigns"] == ["entity_ruler", "binder_ner"]


def test_too_many_spans_are_told_only_where_they_are_not_expected(tiny_encoder: str) -> None:
    nlp, pipe, examples = make_nlp(quiet_config(tiny_encoder))
    nlp.config["training"]["max_steps"] = 20
    nlp.initialize(lambda: examples)
    # Every span of every type beats such a threshold.
    pipe.cfg["threshold"] = 0.05
    predict = partial(pipe.predict, [blank(examples)])
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predict()
        nlp.update(examples, sgd=optimizer)
        predict()
    nlp.update(examples, sgd=optimizer)
    with pytest.warns(UserWarning, match=r"BW04.*threshold of 0.05"):
        predict()


def test_a_threshold_near_0_is_told_at_once(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    pipe.cfg["threshold"] = 0.01
    with pytest.warns(UserWarning, match=r"BW04.*threshold of 0.01"):
        pipe.predict([blank(demo_examples(tiny_nlp, ["news-01"]))])


def test_labels_may_go_between_prediction_and_annotation(pipe: BinderNER, doc: Doc) -> None:
    """Another thread may remove them."""
    found = pipe.predict([doc])
    expected = scored(pipe(doc))
    for label in pipe.labels[1:]:
        pipe.remove_label(label)
    pipe.set_annotations([doc], found)
    assert scored(doc) == expected


def test_joint_inference_asks_start_and_end_too(pipe: BinderNER, doc: Doc) -> None:
    doc = doc[:40].as_doc()
    pipe.cfg["threshold"] = 0.001
    # In training the model gives the logits themselves; without dropout they are those of inference.
    set_dropout_rate(pipe.model, 0.0)
    output, _ = pipe.model.begin_update(BinderInput([doc], [TypeWords((text,)) for text in pipe.label_data.values()]))
    (window,) = output.passes
    scores = window.scores
    start = (scores.start - scores.start_threshold[:, None]).sigmoid()[0] > 0.001
    end = (scores.end - scores.end_threshold[:, None]).sigmoid()[0] > 0.001
    place = {label: i for i, label in enumerate(pipe.labels)}
    expected = [s for s in spans_of(pipe(doc)) if start[s[0], place[s[2]]] and end[s[1] - 1, place[s[2]]]]
    n_all = len(doc.spans["sc"])
    pipe.cfg["joint_inference"] = True
    assert spans_of(pipe(doc)) == expected
    assert 0 < len(expected) < n_all


def test_doc_longer_than_any_window_gets_spans_to_its_end(learned: Language, doc: Doc) -> None:
    words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
    copies = 10
    long_doc = learned(Doc(learned.vocab, words=words * copies, spaces=spaces * copies))
    per_copy = numpy.bincount([span.start // len(words) for span in long_doc.spans["sc"]], minlength=copies)
    assert (per_copy > 0).all()


# Streams


@pytest.fixture
def texts(doc: Doc) -> list[str]:
    """Texts of very different length, some of them without a word."""
    text = doc.text
    return [text, "", text[:80], " \n\n ", text * 3, "Bodø", text[200:500], "", text[:200], "\t"]


@pytest.mark.parametrize(
    ("batch_size", "n_process"),
    [(1, 1), (2, 1), (7, 1), (64, 1), (3, 2)],
)
def test_streams_give_what_single_calls_give(
    learned: Language, texts: list[str], batch_size: int, n_process: int
) -> None:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        learned("Threads of torch that have worked are what a fork waits for in vain.")
        docs = list(learned.pipe(texts, batch_size=batch_size, n_process=n_process))
    finally:
        torch.set_num_threads(n_threads)
    assert [doc.text for doc in docs] == texts
    for doc, text in zip(docs, texts, strict=True):
        single = learned(text)
        assert spans_of(doc) == spans_of(single)
        numpy.testing.assert_allclose(doc.spans["sc"].attrs["scores"], single.spans["sc"].attrs["scores"], atol=1e-4)


def test_errors_go_to_the_error_handler(learned: Language) -> None:
    seen: list[tuple[str, list[str], str]] = []
    learned.set_error_handler(lambda name, _, docs, error: seen.append((name, [d.text for d in docs], str(error)[:6])))
    for label in learned.get_pipe("binder_ner").labels:
        learned.get_pipe("binder_ner").remove_label(label)
    assert list(learned.pipe(["One.", "Two."])) == []
    assert seen == [("binder_ner", ["One.", "Two."], "[E143]")]


# Types are inputs, not output rows


def assert_close(one: dict[tuple[int, int, str], float], other: dict[tuple[int, int, str], float]) -> None:
    assert one.keys() == other.keys()
    for span, score in one.items():
        assert score == pytest.approx(other[span], abs=1e-5)


@pytest.mark.filterwarnings("ignore:.*BW16")
def test_types_are_added_dropped_and_described_anew_without_changing_others(pipe: BinderNER, doc: Doc) -> None:
    before = scored(pipe(doc))
    weights = parameters(pipe.model)

    pipe.add_label("FOOD", "dishes, drinks and ingredients")
    assert_close({s: v for s, v in scored(pipe(doc)).items() if s[2] != "FOOD"}, before)

    pipe.add_label("GPE", "something else altogether, 1 2 3")
    redescribed = scored(pipe(doc))
    others = {s: v for s, v in before.items() if s[2] != "GPE"}
    assert_close({s: v for s, v in redescribed.items() if s[2] not in ("FOOD", "GPE")}, others)
    assert redescribed != before

    pipe.remove_label("GPE")
    pipe.remove_label("FOOD")
    assert_close(scored(pipe(doc)), others)
    assert 0 < len(others) < len(before)
    assert all(torch.equal(a, b) for a, b in zip(weights, parameters(pipe.model), strict=True))


def test_descriptions_unlike_trained_ones_are_told_once(
    tiny_nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    examples = demo_examples(tiny_nlp, ["news-01"], max_sentences=1)
    tiny_nlp.update(examples, sgd=tiny_nlp.create_optimizer())
    trained = list(pipe.label_data.values())
    assert pipe.cfg["trained"] == trained
    new = "sports and games"
    vectors = pipe.model.get_ref("type_encoder").predict([new, *trained]).detach()
    projected = modules(pipe.model.get_ref("scorer")).__next__().type_span(vectors).detach().numpy()
    projected /= numpy.linalg.norm(projected, axis=1, keepdims=True)
    expected = (projected[1:] @ projected[0]).max()
    found = trained_similarity(pipe.model, [new, trained[0]], trained)
    assert found == pytest.approx([expected, 1.0], abs=1e-5)
    pipe.to_disk(tmp_path, exclude=["vocab"])
    pipe.from_disk(tmp_path, exclude=["vocab"])
    pipe.add_label("SPORT", new)
    monkeypatch.setattr("spacy_binder.layers.similarity.LOW_SIMILARITY", expected + 0.01)
    with pytest.warns(UserWarning, match=rf"BW16.*: SPORT \({expected:.2f}\)\."):
        pipe.predict([examples[0].predicted])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.predict([examples[0].predicted])
    # Of many, the first five are named.
    for i in range(7):
        pipe.add_label(f"NEW{i}", f"sports number {i}")
    monkeypatch.setattr("spacy_binder.layers.similarity.LOW_SIMILARITY", 1.01)
    with pytest.warns(UserWarning, match=r"BW16.*: NEW0 \(\S+\), .* NEW4 \(\S+\), and 2 more\."):
        pipe.predict([examples[0].predicted])


def test_descriptions_that_are_still_to_be_trained_are_not_told(
    tiny_nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch of a mix has the types of one corpus, and `spacy train` evaluates after it."""
    monkeypatch.setattr("spacy_binder.layers.similarity.LOW_SIMILARITY", 1.01)
    pipe = tiny_nlp.get_pipe("binder_ner")
    assert isinstance(pipe, BinderNER)
    example = demo_examples(tiny_nlp, ["news-01"], max_sentences=1)[0]
    known = sorted({span.label_ for span in example.reference.spans["sc"]})
    example.reference.spans["sc"].attrs["labels"] = known
    tiny_nlp.update([example], sgd=tiny_nlp.create_optimizer())
    assert pipe.cfg["trained"] == [pipe.label_data[label] for label in pipe.labels if label in known]
    assert len(known) < len(pipe.labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.predict([example.predicted])
    # In use, they are told.
    pipe.to_disk(tmp_path, exclude=["vocab"])
    loaded = BinderNER(tiny_nlp.vocab, pipe.model.copy()).from_disk(tmp_path, exclude=["vocab"])
    with pytest.warns(UserWarning, match="BW16"):
        loaded.predict([example.predicted])
    # Where a training goes on with more labels, it begins again.
    loaded.add_label("SPORT", "sports and games")
    loaded.update([example])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded.predict([example.predicted])


def test_order_of_labels_does_not_matter(pipe: BinderNER, doc: Doc) -> None:
    before = scored(pipe(doc))
    spans = spans_of(doc)
    pipe.cfg["labels"] = dict(reversed(pipe.label_data.items()))
    assert_close(scored(pipe(doc)), before)
    assert spans_of(doc) == spans
