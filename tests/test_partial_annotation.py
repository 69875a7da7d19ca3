"""Types that were not annotated in a document teach nothing there, and predictions of them count for nothing."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from conftest import binder_config, demo_examples
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Corpus, Example
from thinc.api import fix_random_seed
from tiny_pipelines import gradients, quiet_config

from spacy_binder.analysis.component import get_component
from spacy_binder.analysis.docs import LeftOut, evaluate
from spacy_binder.corpora.docbins import read_docbin
from spacy_binder.corpora.source import SourceCorpus
from spacy_binder.descriptions import TypeWords
from spacy_binder.gold import GoldCounts, annotated_labels
from spacy_binder.learned_types import learned_types
from spacy_binder.pipeline import BinderNER
from spacy_binder.scorer import binder_score
from spacy_binder.text.augmenters import make_chunk_docs, make_cut_windows

NLP = spacy.blank("en")
LABELS = ["PER", "GPE", "ORG"]


def restrict(example: Example, labels: list[str]) -> Example:
    """RETURNS (Example): The example as if only some types had been annotated."""
    gold = example.reference.copy()
    spans = [span for span in example.reference.spans["sc"] if span.label_ in labels]
    gold.spans["sc"] = [Span(gold, span.start, span.end, label=span.label_) for span in spans]
    gold.spans["sc"].attrs["labels"] = labels
    return Example(example.predicted.copy(), gold)


def make_doc(spans: Sequence[tuple[int, int, str]], labels: Any, n_tokens: int = 6) -> Doc:
    """RETURNS (Doc): Numbered words in sentences of two, with a group that says what was annotated."""
    doc = Doc(NLP.vocab, words=[f"w{i}" for i in range(n_tokens)], sent_starts=[i % 2 == 0 for i in range(n_tokens)])
    attrs = {} if labels is None else {"labels": labels}
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=[Span(doc, *span) for span in spans], attrs=attrs)
    return doc


def make_pipe(encoder: str, labels: list[str]) -> BinderNER:
    """RETURNS (BinderNER): An initialized component without dropout. Its weights do not depend on the labels."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=quiet_config(encoder))
    assert isinstance(pipe, BinderNER)
    nlp.config["initialize"]["components"]["binder_ner"] = {"labels": labels}
    nlp.initialize()
    return pipe


# What a group says


def test_a_group_says_what_was_annotated() -> None:
    assert annotated_labels(make_doc([(0, 1, "PER")], ["PER", "ORG"]), "sc") == ["PER", "ORG"]
    assert annotated_labels(make_doc([], []), "sc") == []
    assert annotated_labels(make_doc([(0, 1, "PER")], None), "sc") is None
    assert annotated_labels(make_doc([(0, 1, "PER")], ["PER"]), "other") is None


@pytest.mark.parametrize("labels", ["PER", {"PER": 3}, {"PER": ""}, {"PER": ["a", " "]}, {"PER": []}, ["PER", 1], 3])
def test_it_has_to_be_a_list_of_labels(labels: Any) -> None:
    """A string would be read as a list of letters."""
    with pytest.raises(ValueError, match=r"B069.*doc.spans\['sc'\].attrs\['labels'\].*but is"):
        annotated_labels(make_doc([], labels), "sc")


def test_rows_of_examples() -> None:
    docs = [make_doc([], ["ORG", "OTHER"]), make_doc([], None), make_doc([], [])]
    own = {label: TypeWords((f"about {label}",)) for label in LABELS}
    words, places, found = learned_types([Example(doc.copy(), doc) for doc in docs], "sc", own)
    assert found is not None and found.tolist() == [[False, False, True], [True] * 3, [False] * 3]
    assert (words, places[1:]) == ([*own.values()], [{"PER": 0, "GPE": 1, "ORG": 2}, {}])
    assert learned_types([Example(docs[1].copy(), docs[1])], "sc", own).annotated is None
    assert learned_types([], "sc", own).annotated is None
    # Types that no doc was annotated with are left out.
    words, places, found = learned_types([Example(docs[0].copy(), docs[0])], "sc", own)
    assert (words, places) == ([own["ORG"]], [{"ORG": 0}])
    assert found is not None and found.tolist() == [[True]]


def test_what_no_doc_was_annotated_with() -> None:
    some = [make_doc([], ["PER"]), make_doc([], ["ORG", "PER"])]
    assert GoldCounts("sc", some).never_annotated(LABELS) == ["GPE"]
    assert GoldCounts("sc", [*some, make_doc([], None)]).never_annotated(LABELS) == []


# Training


def test_a_type_that_was_not_annotated_gets_no_gradient(tiny_encoder: str) -> None:
    """The gradients are those of a component that does not have the type at all."""
    kept = ["GPE", "PER"]
    pipe = make_pipe(tiny_encoder, LABELS)
    examples = [restrict(eg, kept) for eg in demo_examples(NLP, ["news-01"], max_sentences=4)]
    losses = [pipe.update(examples)["binder_ner"]]
    found = gradients(pipe.model)
    smaller = make_pipe(tiny_encoder, kept)
    losses.append(smaller.update(examples)["binder_ner"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    expected = gradients(smaller.model)
    assert sum(float(gradient.abs().sum()) for gradient in expected) > 0.1
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_without_a_word_all_types_are_annotated(tiny_encoder: str) -> None:
    examples = demo_examples(NLP, ["news-01"], max_sentences=4)
    labels = sorted({span.label_ for eg in examples for span in eg.reference.spans["sc"]})
    pipe, named = make_pipe(tiny_encoder, labels), make_pipe(tiny_encoder, labels)
    loss = pipe.update(examples)["binder_ner"]
    assert named.update([restrict(eg, labels) for eg in examples])["binder_ner"] == pytest.approx(loss, rel=1e-6)
    for a, b in zip(gradients(pipe.model), gradients(named.model), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_docs_of_unknown_types_alone_teach_nothing(tiny_encoder: str) -> None:
    """Their labels are ignored: they say that none of the component's types was annotated."""
    pipe = make_pipe(tiny_encoder, LABELS)
    [example] = demo_examples(NLP, ["news-01"], max_sentences=2)
    assert pipe.update([restrict(example, [])])["binder_ner"] == 0.0
    nothing = restrict(example, [])
    nothing.reference.spans["sc"].attrs["labels"] = ["GENE"]
    assert pipe.update([nothing])["binder_ner"] == 0.0
    assert not any(gradient.any() for gradient in gradients(pipe.model))
    assert pipe.cfg["trained"] == []


def test_only_what_was_annotated_is_encoded(tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a component may have thousands of types, of which a batch has some."""
    pipe = make_pipe(tiny_encoder, LABELS)
    [example] = demo_examples(NLP, ["news-01"], max_sentences=2)
    layer = pipe.model.get_ref("type_encoder")
    calls: list[list[str]] = []
    forward = layer._func
    monkeypatch.setattr(layer, "_func", lambda model, X, is_train: (calls.append(X), forward(model, X, is_train))[1])
    pipe.update([restrict(example, ["ORG"]), restrict(example, ["PER", "GENE"])])
    assert calls == [[pipe.label_data["PER"], pipe.label_data["ORG"]]]


def test_only_what_was_annotated_counts_as_trained(tiny_encoder: str) -> None:
    pipe = make_pipe(tiny_encoder, LABELS)
    [example] = demo_examples(NLP, ["news-01"], max_sentences=2)
    pipe.update([restrict(example, ["GPE"]), restrict(example, ["ORG", "GPE"])])
    assert pipe.cfg["trained"] == [pipe.label_data["GPE"], pipe.label_data["ORG"]]


def test_gold_of_a_type_that_was_not_annotated_stops(tiny_nlp: Language) -> None:
    [example] = demo_examples(tiny_nlp, ["news-01"])
    example.reference.spans["sc"].attrs["labels"] = ["PER"]
    for stops in (
        lambda: tiny_nlp.update([example]),
        lambda: tiny_nlp.initialize(lambda: [example]),
        lambda: tiny_nlp.evaluate([example]),
    ):
        with pytest.raises(ValueError, match=r"B068.*has the label '\w+'.*only these types.*: PER\."):
            stops()


def test_labels_that_no_example_was_annotated_with_are_told(tiny_encoder: str) -> None:
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    examples = [restrict(eg, ["PER", "GPE"]) for eg in demo_examples(nlp, ["news-01"])]
    with pytest.warns(UserWarning, match=r"BW19.*'binder_ner'.*: ORG, LOC\."):
        pipe.initialize(lambda: examples, labels=["PER", "ORG", "GPE", "LOC"])


# Scoring

BORDERS = st.sampled_from([(start, end) for start in range(4) for end in range(start + 1, 5)])
SPANS = st.sets(st.tuples(BORDERS, st.sampled_from(LABELS)).map(lambda item: (*item[0], item[1])), max_size=6)


@settings(max_examples=80, deadline=None, database=None)
@given(st.lists(st.tuples(SPANS, SPANS, st.none() | st.sets(st.sampled_from(LABELS))), min_size=1, max_size=4))
def test_scores_are_those_without_predictions_of_other_types(docs: list) -> None:
    examples, plain = [], []
    for predicted, gold, labels in docs:
        kept = LABELS if labels is None else labels
        of_kept = [span for span in gold if span[2] in kept]
        reference = make_doc(of_kept, None if labels is None else sorted(labels))
        examples.append(Example(make_doc([*predicted], None), reference))
        judged = [span for span in predicted if span[2] in kept]
        plain.append(Example(make_doc(judged, None), make_doc(of_kept, None)))
    assert binder_score(examples, spans_key="sc") == binder_score(plain, spans_key="sc")


def test_misaligned_predictions_of_other_types_count_for_nothing() -> None:
    words = ["w0", "w1w2", "w3"]
    reference = Doc(NLP.vocab, words=words)
    reference.spans["sc"] = [Span(reference, 0, 1, "PER")]
    reference.spans["sc"].attrs["labels"] = ["PER"]
    predicted = Doc(NLP.vocab, words=["w0", "w1", "w2", "w3"], spaces=[True, False, True, True])
    predicted.spans["sc"] = [Span(predicted, 0, 1, "PER"), Span(predicted, 1, 2, "GPE")]
    example = Example(predicted, reference)
    assert binder_score([example], spans_key="sc")["spans_sc_f"] == 1.0
    reference.spans["sc"].attrs["labels"] = ["PER", "GPE"]
    with pytest.warns(UserWarning, match="BW05"):
        assert binder_score([example], spans_key="sc")["spans_sc_p"] == 0.5


def test_a_pipeline_is_scored_on_what_was_annotated(trained: tuple[Path, Path]) -> None:
    """It has learned these documents by heart, so it finds all types."""
    nlp = spacy.load(trained[0])
    docs = list(DocBin().from_disk(trained[1]).get_docs(nlp.vocab))
    examples = [restrict(Example(nlp.make_doc(doc.text), doc), ["PER"]) for doc in docs]
    scores = nlp.evaluate(examples)
    assert set(scores["spans_sc_per_type"]) == {"PER"}
    assert scores["spans_sc_p"] > 0.9


# What the groups survive


def said(doc: Doc) -> Any:
    """RETURNS (Any): What the group says was annotated."""
    return doc.spans["sc"].attrs["labels"]


@pytest.mark.parametrize("spans", [[(1, 2, "PER")], []], ids=["a span", "empty"])
def test_files_and_copies_keep_it(spans: list, tmp_path: Path) -> None:
    doc = make_doc(spans, LABELS)
    DocBin(docs=[doc, make_doc([], [])]).to_disk(tmp_path / "docs.spacy")
    first, second = DocBin().from_disk(tmp_path / "docs.spacy").get_docs(NLP.vocab)
    assert (said(first), said(second)) == (LABELS, [])
    assert [said(of_file) for of_file in read_docbin(tmp_path / "docs.spacy", NLP.vocab)] == [LABELS, []]
    doc.to_disk(tmp_path / "doc")
    assert said(Doc(NLP.vocab).from_disk(tmp_path / "doc")) == said(doc.copy()) == LABELS
    corpora = [
        Corpus(tmp_path / "docs.spacy"),
        Corpus(tmp_path / "docs.spacy", augmenter=make_chunk_docs(100)),
        SourceCorpus(read_docbins, tmp_path / "docs.spacy", max_length=2),
    ]
    assert [said(example.reference) for example in corpora[0](NLP)] == [LABELS, []]
    assert [said(example.reference) for example in corpora[1](NLP)] == [LABELS, []]
    assert [said(example.reference) for example in corpora[2](NLP)] == [LABELS] * 3 + [[]] * 3


def read_docbins(path: Path, nlp: Language, *, spans_key: str, problems: Any) -> Any:
    """A reader as `SourceCorpus` wants it."""
    return read_docbin(path, nlp.vocab)


def test_passages_keep_it(minilm: str) -> None:
    """Those without a span too: there is nothing of these types in them, and nothing is known of others."""
    doc = make_doc([(0, 2, "PER")], ["PER", "ORG"])
    doc.spans["sc"].attrs["scores"] = numpy.ones(1, dtype="float32")
    example = Example(doc.copy(), doc)
    for cut in (make_chunk_docs(2), make_chunk_docs(2, random_start=True), make_cut_windows(minilm, 8, 2, False)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            passages = list(cut(NLP, example))
        assert len(passages) > 1
        assert [said(passage.reference) for passage in passages] == [["PER", "ORG"]] * len(passages)
        assert [len(passage.reference.spans["sc"].attrs["scores"]) for passage in passages][1:] == [0] * (
            len(passages) - 1
        )


def test_other_tokens_keep_it(tiny_encoder: str) -> None:
    """Gold is aligned with the tokens of the predicted doc, and what was annotated stays that of the reference."""
    reference = Doc(NLP.vocab, words=["Anna", "Lind-Berg", "left", "."])
    reference.spans["sc"] = [Span(reference, 0, 2, "PER")]
    reference.spans["sc"].attrs["labels"] = ["PER"]
    predicted = NLP.make_doc(reference.text)
    assert len(predicted) != len(reference)
    pipe, smaller = make_pipe(tiny_encoder, LABELS), make_pipe(tiny_encoder, ["PER"])
    losses = [of.update([Example(predicted, reference)])["binder_ner"] for of in (pipe, smaller)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert pipe.gold_counts["total"] == 1


def test_an_evaluation_leaves_out_what_was_not_annotated(trained: tuple[Path, Path]) -> None:
    """Predictions and candidates of other types are left out, and the predictions are counted."""
    nlp = spacy.load(trained[0])
    docs = list(DocBin().from_disk(trained[1]).get_docs(nlp.vocab))
    whole = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    left_out = LeftOut()
    found = list(evaluate(nlp, "binder_ner", [restrict(eg, ["PER"]) for eg in whole], left_out=left_out))
    n_others = 0
    for partial, full in zip(found, evaluate(nlp, "binder_ner", whole), strict=True):
        assert partial.predicted == {span: score for span, score in full.predicted.items() if span.label == "PER"}
        assert partial.candidates == {span: score for span, score in full.candidates.items() if span.label == "PER"}
        of_pairs = zip(full.candidates, full.margins, strict=True)
        assert partial.margins == [margin for span, margin in of_pairs if span.label == "PER"]
        n_others += len(full.predicted) - len(partial.predicted)
    assert left_out.not_annotated == n_others > 0
    [message] = left_out.messages(get_component(nlp, "binder_ner"), Path("dev.spacy"))
    assert message == f"dev.spacy: {n_others} predicted spans of types that were not annotated are left out."
