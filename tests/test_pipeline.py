"""The component contract: what a sibling of spancat does, and what BINDER adds to it."""

import warnings
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
import torch
from conftest import binder_config, demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans, fix_random_seed
from thinc.api import Model, set_dropout_rate

from spacy_binder.config import default_description
from spacy_binder.layers.similarity import trained_similarity
from spacy_binder.layers.types import BinderInput
from spacy_binder.pipeline import BinderNER

NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def quiet_config(encoder: str, **text_encoder: object) -> dict:
    """A config without the encoders' own dropout, so that two updates are comparable."""
    config = binder_config(encoder)
    config["model"]["text_encoder"].update({"transformer_config": NO_DROPOUT, **text_encoder})
    config["model"]["type_encoder"]["transformer_config"] = NO_DROPOUT
    return config


def make_nlp(config: dict) -> tuple[Language, BinderNER, list[Example]]:
    """An initialized pipeline, its component and one document."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=config)
    examples = demo_examples(nlp, ["news-01"])
    nlp.initialize(lambda: examples)
    assert isinstance(pipe, BinderNER)
    return nlp, pipe, examples


def modules(model: Model) -> Iterator[torch.nn.Module]:
    """The torch modules of a model."""
    for node in model.walk():
        for shim in node.shims:
            yield shim.module


def parameters(model: Model) -> list[torch.Tensor]:
    """Copies of a model's parameters."""
    return [param.detach().clone() for module in modules(model) for param in module.parameters()]


def gradients(model: Model) -> list[torch.Tensor]:
    """Copies of a model's gradients, and drops them."""
    found = []
    for module in modules(model):
        for param in module.parameters():
            found.append(torch.zeros_like(param) if param.grad is None else param.grad.to_dense().clone())
            param.grad = None
    return found


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


# Initialization


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("loaded", [False, True])
def test_initialize_starts_from_the_pretrained_weights_again(tiny_encoder: str, shared: bool, loaded: bool) -> None:
    """As spancat does: cross-validation must not leak from fold to fold."""
    config = quiet_config(tiny_encoder)
    if shared:
        config["model"]["type_encoder"] = None
    nlp, pipe, examples = make_nlp(config)
    fresh = parameters(pipe.model)
    nlp.update(examples, sgd=nlp.create_optimizer())
    pipe.cfg["calibration"] = {"scale": 2.0, "bias": 0.0}
    assert any(not torch.equal(*pair) for pair in zip(parameters(pipe.model), fresh, strict=True))
    if loaded:
        nlp = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
        pipe = nlp.get_pipe("binder_ner")
        assert isinstance(pipe, BinderNER)
    fix_random_seed(0)
    nlp.initialize(lambda: examples)
    assert all(torch.equal(*pair) for pair in zip(parameters(pipe.model), fresh, strict=True))
    assert pipe.cfg["calibration"] is None
    assert pipe.gold_counts.total() == 0
    # The optimizer's state is new too.
    losses = [nlp.update(examples, sgd=nlp.create_optimizer())["binder_ner"] for _ in range(3)]
    assert losses[2] < losses[0]


# Labels


def test_labels_are_added_described_and_removed() -> None:
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner")
    assert pipe.labels == ()
    assert pipe.add_label("PER", "people, by name") == 1
    assert pipe.add_label("PER") == 0
    assert pipe.label_data == {"PER": "people, by name"}
    assert pipe.add_label("PER", "characters") == 0
    assert pipe.add_label("GPE") == 1
    assert pipe.labels == ("PER", "GPE")
    assert pipe.label_data == {"PER": "characters", "GPE": "Countries, cities, states"}
    assert "GPE" in nlp.vocab.strings
    assert pipe.remove_label("PER") == "characters"
    assert pipe.labels == ("GPE",)
    with pytest.raises(ValueError, match="B016"):
        pipe.remove_label("PER")


@pytest.mark.parametrize(
    ("label", "description"),
    [("ORG", "Companies, agencies, institutions, etc."), ("cell_line", "cell line"), ("B-cell", "B cell"), ("_", "_")],
)
def test_default_descriptions_are_spacys_or_the_label_in_plain_words(label: str, description: str) -> None:
    assert default_description(label) == description


def test_label_data_can_be_changed_without_changing_the_component(tiny_nlp: Language) -> None:
    data = tiny_nlp.get_pipe("binder_ner").label_data
    data.clear()
    assert len(tiny_nlp.get_pipe("binder_ner").labels) == 8


def test_labels_come_from_the_data(tiny_nlp: Language) -> None:
    in_data = {span.label_ for eg in demo_examples(tiny_nlp, ["news-01"]) for span in eg.reference.spans["sc"]}
    assert set(tiny_nlp.get_pipe("binder_ner").labels) == in_data


@pytest.mark.parametrize("as_list", [True, False])
def test_labels_are_given(tiny_encoder: str, tiny_nlp: Language, as_list: bool) -> None:
    descriptions = {label: f"the type {label}" for label in tiny_nlp.get_pipe("binder_ner").labels} | {"EXTRA": "more"}
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    examples = demo_examples(nlp, ["news-01"])
    pipe.initialize(lambda: examples, nlp=nlp, labels=list(descriptions) if as_list else descriptions)
    assert pipe.labels == tuple(descriptions)
    expected = {label: default_description(label) for label in descriptions} if as_list else descriptions
    assert pipe.label_data == expected


def test_labels_are_read_from_the_file_that_init_labels_writes(
    tiny_encoder: str, tiny_nlp: Language, tmp_path: Path
) -> None:
    data = tiny_nlp.get_pipe("binder_ner").label_data
    srsly.write_json(tmp_path / "binder_ner.json", data)
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    reader = {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "binder_ner.json")}
    nlp.config["initialize"]["components"]["binder_ner"] = {"labels": reader}
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"]))
    assert nlp.get_pipe("binder_ner").label_data == data


# Updates


def test_update_returns_on_no_tokens(tiny_nlp: Language) -> None:
    empty = tiny_nlp.make_doc("")
    before = parameters(tiny_nlp.get_pipe("binder_ner").model)
    losses = tiny_nlp.update([Example(empty, empty.copy())], sgd=tiny_nlp.create_optimizer(), losses={"binder_ner": 1})
    assert losses == {"binder_ner": 1}
    assert all(
        torch.equal(a, b) for a, b in zip(before, parameters(tiny_nlp.get_pipe("binder_ner").model), strict=True)
    )


def test_updates_without_optimizer_add_up_their_gradients(tiny_encoder: str) -> None:
    """Each update averages over its own gold items and windows, so two are the sum of both, not one of both."""
    nlp, pipe, _ = make_nlp(quiet_config(tiny_encoder))
    one, two = demo_examples(nlp, ["news-01", "news-02"], max_sentences=4)
    apart = []
    before = parameters(pipe.model)
    for example in (one, two):
        pipe.update([example])
        apart.append(gradients(pipe.model))
    pipe.update([one])
    pipe.update([two])
    for both, first, second in zip(gradients(pipe.model), *apart, strict=True):
        torch.testing.assert_close(both, first + second, atol=1e-5, rtol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(before, parameters(pipe.model), strict=True))


def test_finish_update_uses_the_accumulated_gradients_once(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    before = parameters(pipe.model)
    pipe.update(demo_examples(tiny_nlp, ["news-01"], max_sentences=2))
    pipe.finish_update(tiny_nlp.create_optimizer())
    assert any(not torch.equal(a, b) for a, b in zip(before, parameters(pipe.model), strict=True))
    assert all(not gradient.any() for gradient in gradients(pipe.model))


def test_losses_add_up_under_the_components_name(tiny_encoder: str) -> None:
    _, pipe, examples = make_nlp(quiet_config(tiny_encoder))
    once = pipe.update(examples)["binder_ner"]
    losses = pipe.update(examples, losses={"binder_ner": 1.0, "tagger": 2.0})
    assert losses == {"binder_ner": pytest.approx(1.0 + once, rel=1e-5), "tagger": 2.0}


def test_unknown_gold_label_is_named(tiny_nlp: Language) -> None:
    pipe = tiny_nlp.get_pipe("binder_ner")
    pipe.remove_label("GPE")
    with pytest.raises(ValueError, match=r"B010.*'GPE'.*It knows: VEH"):
        pipe.update(demo_examples(tiny_nlp, ["news-01"]))


def test_small_passes_give_the_gradients_of_one_pass(tiny_encoder: str) -> None:
    """Memory of an update is bounded by `max_batch_wordpieces`; what is learned is the same."""
    nlp, whole, _ = make_nlp(quiet_config(tiny_encoder, window=32))
    examples = demo_examples(nlp, ["news-01", "science-02"])
    whole.add_label("MISC")
    pieces = spacy.blank("en").add_pipe(
        "binder_ner", config=quiet_config(tiny_encoder, window=32, max_batch_wordpieces=64)
    )
    pieces.from_bytes(whole.to_bytes())
    losses = [component.update(examples)["binder_ner"] for component in (whole, pieces)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    pairs = list(zip(gradients(whole.model), gradients(pieces.model), strict=True))
    assert sum(float(a.abs().sum()) for a, _ in pairs) > 0.1
    for a, b in pairs:
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_shared_encoder_learns_and_is_saved_once(tiny_encoder: str) -> None:
    config = quiet_config(tiny_encoder)
    config["model"]["type_encoder"] = None
    nlp, pipe, examples = make_nlp(config)
    assert len(list(modules(pipe.model))) == 2
    optimizer = nlp.create_optimizer()
    first = nlp.update(examples, sgd=optimizer)["binder_ner"]
    for _ in range(10):
        last = nlp.update(examples, sgd=optimizer)["binder_ner"]
    assert last < first
    again = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    for a, b in zip(parameters(pipe.model), parameters(again.get_pipe("binder_ner").model), strict=True):
        assert torch.equal(a, b)


def test_frozen_type_encoder_stays_as_it_is(tiny_encoder: str) -> None:
    config = quiet_config(tiny_encoder)
    config["model"]["type_encoder"]["freeze"] = True
    nlp, pipe, examples = make_nlp(config)
    layers = [pipe.model.get_ref(ref) for ref in ("type_encoder", "text_encoder", "scorer")]
    before = [parameters(layer) for layer in layers]
    for _ in range(2):
        nlp.update(examples, sgd=nlp.create_optimizer())
    same = [
        all(torch.equal(a, b) for a, b in zip(old, parameters(layer), strict=True))
        for old, layer in zip(before, layers, strict=True)
    ]
    assert same == [True, False, False]


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
    output, _ = pipe.model.begin_update(BinderInput([doc], list(pipe.label_data.values())))
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
    monkeypatch.setattr("spacy_binder.pipeline.LOW_SIMILARITY", expected + 0.01)
    with pytest.warns(UserWarning, match=rf"BW16.*: SPORT \({expected:.2f}\)\."):
        pipe.predict([examples[0].predicted])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.predict([examples[0].predicted])


def test_order_of_labels_does_not_matter(pipe: BinderNER, doc: Doc) -> None:
    before = scored(pipe(doc))
    spans = spans_of(doc)
    pipe.cfg["labels"] = dict(reversed(pipe.label_data.items()))
    assert_close(scored(pipe(doc)), before)
    assert spans_of(doc) == spans
