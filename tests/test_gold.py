"""Where a component would learn nothing, or be measured on nothing, an error says what there is instead."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import binder_config, demo_examples
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_binder.gold import GoldCounts


@pytest.fixture
def doc() -> Doc:
    return Doc(spacy.blank("en").vocab, words=["Anna", "Lind", "lives", "in", "Oslo"])


def test_ents_without_spans(doc: Doc) -> None:
    doc.ents = [Span(doc, 0, 2, "PER")]
    advice = "python -m spacy binder convert INPUT OUTPUT --format ents --spans-key sc"
    with pytest.raises(ValueError, match=rf"B003.*'binder'.*\(PER\).*1 document.*doc.ents \(1\).*{advice}"):
        GoldCounts("sc", [doc]).require(["PER"], name="binder")


def test_another_group(doc: Doc) -> None:
    doc.spans["entities"] = [Span(doc, 0, 2, "PER"), Span(doc, 4, 5, "LOC")]
    with pytest.raises(ValueError, match=r"B003.*doc.spans\['entities'\] \(2\).*Set `spans_key`.*'entities'"):
        GoldCounts("sc", [doc]).require(["PER"], name="binder")


def test_other_labels(doc: Doc) -> None:
    doc.spans["sc"] = [Span(doc, 0, 2, "PERSON")]
    match = r"B026.*dev.spacy.*doc.spans\['sc'\] \(1\).*labels PERSON \(1\).*give it these labels"
    with pytest.raises(ValueError, match=match):
        GoldCounts("sc", [doc]).require(["PER", "LOC"], name="binder", path=Path("dev.spacy"))


def test_empty_groups(doc: Doc) -> None:
    doc.spans["sc"] = []
    with pytest.raises(ValueError, match=r"B003.*doc.spans\['sc'\] \(0\).*Convert the data again"):
        GoldCounts("sc", [doc, doc]).require(["PER"], name="binder")


def test_one_span_of_a_known_label_is_enough(doc: Doc) -> None:
    doc.spans["sc"] = [Span(doc, 0, 2, "PER"), Span(doc, 0, 1, "OTHER")]
    gold = GoldCounts("sc", [doc, Doc(doc.vocab, words=["x"])])
    gold.require(["PER"], name="binder")
    assert (gold.docs, gold.with_group, dict(gold.labels)) == (2, 1, {"PER": 1, "OTHER": 1})


@pytest.mark.parametrize("labels", [None, ["PER"]])
def test_training_on_ents_alone_stops(tiny_encoder: str, labels: Any) -> None:
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    reference = nlp.make_doc("Anna Lind lives in Oslo")
    reference.ents = [Span(reference, 0, 2, "PER")]
    with pytest.raises(ValueError, match=r"B003.*doc.ents \(1\)"):
        pipe.initialize(lambda: [Example(nlp.make_doc(reference.text), reference)], labels=labels)


def test_labels_without_examples_are_enough(tiny_encoder: str) -> None:
    """As with spaCy's other components: `nlp.initialize()` gives a doc without annotations."""
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    pipe.add_label("PER")
    nlp.initialize()
    assert pipe.model.get_ref("scorer").has_dim("nI")


def test_updates_without_any_gold_are_told_once(tiny_nlp: Language) -> None:
    """spaCy's own corpus reader drops span groups where `max_length` splits docs."""
    docs = [example.reference for example in demo_examples(tiny_nlp, ["news-01"])]
    parts = [sentence.as_doc() for doc in docs for sentence in doc.sents][:5]
    assert len(parts) == 5 and not any(part.spans for part in parts)
    examples = [Example(Doc(tiny_nlp.vocab, words=[t.text for t in part]), part) for part in parts]
    for _ in range(19):
        tiny_nlp.update(examples)
    with pytest.warns(UserWarning, match=r"BW13.*first 100 training examples"):
        tiny_nlp.update(examples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny_nlp.update(examples)


def test_corpus_of_ents_stops_spacy_train(tmp_path: Path, tiny_encoder: str) -> None:
    from spacy.cli.train import train

    nlp = spacy.blank("en")
    doc = nlp.make_doc("Anna Lind lives in Oslo")
    doc.ents = [Span(doc, 0, 2, "PER")]
    DocBin(docs=[doc]).to_disk(tmp_path / "train.spacy")
    nlp.add_pipe("binder_ner", config=binder_config(tiny_encoder))
    config = nlp.config
    for part in ("train", "dev"):
        config["corpora"][part]["path"] = str(tmp_path / "train.spacy")
    config["initialize"]["components"] = {"binder_ner": {"labels": ["PER"]}}
    config.to_disk(tmp_path / "config.cfg")
    with pytest.raises(ValueError, match="B003"):
        train(tmp_path / "config.cfg", tmp_path / "out")
    assert not (tmp_path / "out" / "model-last").exists()
