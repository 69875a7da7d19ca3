"""Training documents may describe types themselves, which the component does not know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from conftest import demo_examples
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example
from spacy.util import fix_random_seed
from tiny_pipelines import gradients, quiet_config

from spacy_binder.analysis.component import get_component
from spacy_binder.analysis.docs import LeftOut, evaluate_file
from spacy_binder.descriptions import TypeWords
from spacy_binder.gold import annotated_labels, described_types
from spacy_binder.learned_types import learned_types
from spacy_binder.pipeline import BinderNER
from spacy_binder.scorer import binder_score

WORDS = ["Ibsen", "wrote", "Brand", "in", "Rome", "."]


def make_example(nlp: Language, spans: Sequence[tuple[int, int, str]], labels: Any) -> Example:
    """RETURNS (Example): A sentence with gold spans, and what it was annotated with."""
    doc = Doc(nlp.vocab, words=WORDS)
    gold = [Span(doc, start, end, label=label) for start, end, label in spans]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=gold, attrs={} if labels is None else {"labels": labels})
    return Example(Doc(nlp.vocab, words=WORDS), doc)


def make_pipe(encoder: str, labels: Mapping[str, Any]) -> BinderNER:
    """RETURNS (BinderNER): An initialized component without dropout. Its weights do not depend on the labels."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=quiet_config(encoder))
    assert isinstance(pipe, BinderNER)
    nlp.config["initialize"]["components"]["binder_ner"] = {"labels": dict(labels)}
    nlp.initialize()
    return pipe


def test_what_a_document_describes(tmp_path: Path) -> None:
    """A DocBin keeps it."""
    nlp = spacy.blank("en")
    labels = {"WRITER": ["writer", "names of writers"], "WORK": "titles of plays"}
    doc = make_example(nlp, [(0, 1, "WRITER")], labels).reference
    DocBin(docs=[doc]).to_disk(tmp_path / "docs.spacy")
    [read] = DocBin().from_disk(tmp_path / "docs.spacy").get_docs(nlp.vocab)
    for one in (doc, read):
        assert annotated_labels(one, "sc") == ["WRITER", "WORK"]
        expected = {"WRITER": TypeWords(("writer", "names of writers")), "WORK": TypeWords(("titles of plays",))}
        assert described_types(one, "sc") == expected
    assert described_types(make_example(nlp, [], ["WRITER"]).reference, "sc") == {}
    assert described_types(Doc(nlp.vocab), "sc") == {}


def test_types_of_several_documents() -> None:
    """The component's come first. One label with two descriptions is two types, with one description it is one."""
    nlp = spacy.blank("en")
    own = {"PER": TypeWords(("people",)), "LOC": TypeWords(("places",))}
    examples = [
        make_example(nlp, [], {"PER": "humans", "WORK": "plays"}),
        make_example(nlp, [], {"LOC": "places", "WORK": "plays"}),
        make_example(nlp, [], ["LOC", "PER"]),
    ]
    words, places, annotated = learned_types(examples, "sc", own)
    assert [of_type.texts[0] for of_type in words] == ["people", "places", "humans", "plays"]
    assert places == [{"PER": 2, "WORK": 3}, {"LOC": 1, "WORK": 3}, {"LOC": 1, "PER": 0}]
    assert annotated is not None
    assert annotated.tolist() == [[False, False, True, True], [False, True, False, True], [True, True, False, False]]
    # A document that says nothing was annotated with all types of the component.
    words, places, annotated = learned_types([examples[0], make_example(nlp, [], None)], "sc", own)
    assert annotated is not None and annotated.tolist() == [[False, False, True, True], [True, True, False, False]]
    assert places[1] == {"PER": 0, "LOC": 1}


def test_they_teach_what_the_same_types_of_the_component_would(tiny_encoder: str) -> None:
    spans = [(0, 1, "WRITER"), (2, 3, "WORK")]
    labels = {"WRITER": "names of writers", "WORK": "titles of plays"}
    found = []
    for own, said in (({**labels, "PER": "people"}, [*labels]), ({"PER": "people"}, labels)):
        pipe = make_pipe(tiny_encoder, own)
        losses = pipe.update([make_example(Language(pipe.vocab), spans, said)])
        found.append((losses["binder_ner"], gradients(pipe.model), pipe.cfg["trained"]))
        assert [*pipe.labels] == [*own]
    (loss, expected, trained), (other_loss, other, other_trained) = found
    assert other_loss == pytest.approx(loss, rel=1e-6) and other_trained == trained == [*labels.values()]
    assert sum(float(gradient.abs().sum()) for gradient in expected) > 0.1
    for a, b in zip(expected, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_gold_of_a_type_that_nothing_describes_stops(tiny_encoder: str) -> None:
    pipe = make_pipe(tiny_encoder, {"PER": "people"})
    nlp = Language(pipe.vocab)
    with pytest.raises(ValueError, match=r"B010.*has the label 'WORK'"):
        pipe.update([make_example(nlp, [(2, 3, "WORK")], None)])
    with pytest.raises(ValueError, match=r"B068.*has the label 'PER'"):
        pipe.update([make_example(nlp, [(0, 1, "PER")], {"WRITER": "names of writers"})])


def test_initialize_leaves_described_types_to_their_documents(tiny_encoder: str) -> None:
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("binder_ner", config=quiet_config(tiny_encoder))
    pipe.add_label("PER", "people")
    examples = demo_examples(nlp, ["news-01"])
    for example in examples:
        group = example.reference.spans["sc"]
        group.attrs["labels"] = {span.label_: f"all about {span.label_}" for span in group}
    optimizer = nlp.initialize(lambda: examples, sgd=None)
    assert pipe.labels == ("PER",)
    nlp.update(examples, sgd=optimizer)
    assert pipe.cfg["trained"]
    doc = nlp("Ibsen wrote Brand in Rome.", component_cfg={"binder_ner": {"labels": {"X": "people"}, "threshold": 0.0}})
    assert len(doc.spans["sc"])


def test_an_evaluation_leaves_out_types_that_only_a_document_knows(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """As the scorer does. Nothing can be measured where there are no others."""
    nlp = spacy.load(trained[0])
    spans, words = [(0, 1, "PER"), (2, 3, "WORK")], {"WORK": "titles of plays"}
    path = tmp_path / "docs.spacy"
    DocBin(docs=[make_example(nlp, spans[1:], words).reference]).to_disk(path)
    with pytest.raises(ValueError, match=r"B026.*WORK \(1\)"):
        list(evaluate_file(nlp, "binder_ner", path))
    mixed = make_example(nlp, spans, {**words, "PER": "people"})
    DocBin(docs=[mixed.reference]).to_disk(path)
    left_out = LeftOut()
    [doc] = evaluate_file(nlp, "binder_ner", path, left_out=left_out)
    assert [span.label for span in doc.gold] == ["PER"] and {span.label for span in doc.candidates} <= {"PER"}
    assert left_out.described == 1 and not left_out.labels
    [message] = left_out.messages(get_component(nlp, "binder_ner"), path)
    assert "1 gold spans of types that only their document describes" in message
    scores = binder_score([mixed], spans_key="sc", allow_overlap=True, labels=["PER"])
    assert scores["spans_sc_per_type"].keys() == {"PER"}


def test_types_that_only_a_document_knows_are_not_scored() -> None:
    nlp = spacy.blank("en")
    example = make_example(nlp, [(0, 1, "PER"), (2, 3, "WORK")], {"PER": "people", "WORK": "plays"})
    example.predicted.spans["sc"] = [Span(example.predicted, 0, 1, "PER"), Span(example.predicted, 4, 5, "LOC")]
    scores = binder_score([example], spans_key="sc", labels=("PER", "LOC"))
    assert (scores["spans_sc_p"], scores["spans_sc_r"]) == (1.0, 1.0)
    assert binder_score([example], spans_key="sc", labels=("PER", "WORK"))["spans_sc_r"] == 0.5
