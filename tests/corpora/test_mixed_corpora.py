"""Corpora for continued training: with what was annotated, with old documents, with the spans of an old pipeline."""

import gc
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed, registry

from spacy_binder.corpora import distilled
from spacy_binder.corpora.annotated import AnnotatedCorpus
from spacy_binder.corpora.distilled import DistilledCorpus
from spacy_binder.corpora.replay import ReplayCorpus
from spacy_binder.text.augmenters import make_chunk_docs

NLP = spacy.blank("en")


def corpus_of(texts: list[str]) -> Callable[[Language], Iterator[Example]]:
    """RETURNS (Callable): A corpus of one word per document, which has an empty group."""

    def read(nlp: Language) -> Iterator[Example]:
        for text in texts:
            doc = Doc(nlp.vocab, words=[text])
            doc.spans["sc"] = []
            yield Example(doc.copy(), doc)

    return read


def texts_of(corpus: Callable) -> list[str]:
    return [example.reference[0].text for example in corpus(NLP)]


# What was annotated


def test_documents_say_what_was_annotated() -> None:
    """Those that say it already stay as they are, and one without a group gets an empty one."""
    docs = [Doc(NLP.vocab, words=["Oslo"]) for _ in range(3)]
    docs[0].spans["sc"] = [Span(docs[0], 0, 1, "GPE")]
    docs[1].spans["sc"] = []
    docs[1].spans["sc"].attrs["labels"] = ["PER"]
    make = registry.readers.get("spacy_binder.Annotated.v1")
    for labels in (["GPE", "LOC"], {"GPE": "countries", "LOC": "nature"}):
        corpus = make(lambda _: (Example(doc.copy(), doc.copy()) for doc in docs), labels)
        said = [example.reference.spans["sc"].attrs["labels"] for example in corpus(NLP)]
        assert said == [["GPE", "LOC"], ["PER"], ["GPE", "LOC"]]


def test_gold_of_other_types_stops() -> None:
    doc = Doc(NLP.vocab, words=["Oslo"])
    doc.spans["sc"] = [Span(doc, 0, 1, "GPE")]
    with pytest.raises(ValueError, match=r"B068.*'GPE'.*: PER\."):
        list(AnnotatedCorpus(lambda _: [Example(doc.copy(), doc)], ["PER"])(NLP))


def test_labels_that_occur() -> None:
    """Those of spans, and those that documents say. The corpus is read once more for it, at the first call."""
    docs = [Doc(NLP.vocab, words=["Oslo"]) for _ in range(3)]
    docs[0].spans["sc"] = [Span(docs[0], 0, 1, "GPE")]
    docs[1].spans["sc"] = []
    docs[1].spans["sc"].attrs["labels"] = ["PER"]
    reads: list[int] = []

    def read(_: Language) -> Iterator[Example]:
        reads.append(1)
        yield from (Example(doc.copy(), doc.copy()) for doc in docs)

    corpus = registry.readers.get("spacy_binder.Annotated.v1")(read, "found")
    for _ in range(2):
        said = [example.reference.spans["sc"].attrs["labels"] for example in corpus(NLP)]
        assert said == [["GPE", "PER"], ["PER"], ["GPE", "PER"]]
    assert len(reads) == 3
    with pytest.raises(ValueError, match=r"B049.*`labels` of Annotated.v1.*, but is 'GPE'"):
        AnnotatedCorpus(read, "GPE")


# Replay

NEW = [f"new{i}" for i in range(12)]


@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(0, 20), st.integers(0, 60), st.floats(0.01, 1), st.integers(0, 3))
def test_each_pass_has_all_new_and_a_share_of_the_old(n_new: int, n_old: int, share: float, seed: int) -> None:
    new, old = [f"new{i}" for i in range(n_new)], [f"old{i}" for i in range(n_old)]
    corpus = ReplayCorpus(corpus_of(new), corpus_of(old), share, seed)
    for _ in range(2):
        found = texts_of(corpus)
        assert [text for text in found if text in new] == new
        drawn = [text for text in found if text not in new]
        assert drawn == [text for text in old if text in drawn]
        assert len(drawn) == (max(1, round(share * n_old)) if n_old else 0)


def test_the_seed_and_the_pass_decide_what_is_drawn() -> None:
    old = [f"old{i}" for i in range(40)]

    def passes(seed: int) -> list[list[str]]:
        corpus = ReplayCorpus(corpus_of(NEW), corpus_of(old), 0.1, seed)
        return [texts_of(corpus) for _ in range(30)]

    first = passes(0)
    assert first == passes(0) != passes(1)
    counts = Counter(text for of_pass in first for text in of_pass if text in old)
    assert len(counts) > 35
    assert len({*map(tuple, first)}) > 25


def test_old_documents_come_at_equal_distances() -> None:
    found = texts_of(ReplayCorpus(corpus_of(NEW), corpus_of(["old"] * 40), 0.1))
    assert [i for i, text in enumerate(found) if text == "old"] == [3, 7, 11, 15]


def test_replay_keeps_no_document() -> None:
    """Both corpora are read as a stream."""
    alive: list[weakref.ref] = []

    def watched(texts: list[str]) -> Callable:
        def read(nlp: Language) -> Iterator[Example]:
            for example in corpus_of(texts)(nlp):
                alive.append(weakref.ref(example.reference))
                yield example

        return read

    for example in ReplayCorpus(watched(NEW), watched(["old"] * 40), 1.0)(NLP):
        del example
        gc.collect()
        assert sum(ref() is not None for ref in alive) <= 3


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ValueError, match=r"B049.*`share` of Replay.v1 has to be above 0 and at most 1, but is"):
        ReplayCorpus(corpus_of([]), corpus_of([]), share)


def test_documents_are_drawn_and_passages_are_given() -> None:
    """The augmenter comes after the draw."""

    starts: list[bool | int | None] = [True] * 6

    def books(nlp: Language) -> Iterator[Example]:
        for i in range(4):
            doc = Doc(nlp.vocab, words=[f"book{i}"] * 6, sent_starts=starts)
            yield Example(doc.copy(), doc)

    found = texts_of(ReplayCorpus(corpus_of(NEW), books, 0.25, augmenter=make_chunk_docs(2)))
    assert len(found) == len(NEW) + 3
    assert len({*found} - {*NEW}) == 1


# Distillation


@pytest.fixture
def new_docs(trained: tuple[Path, Path]) -> list[Doc]:
    """Documents that the pipeline knows by heart, as if only one new type had been annotated."""
    docs = list(DocBin().from_disk(trained[1]).get_docs(NLP.vocab))
    for doc in docs:
        doc.spans["sc"] = [Span(doc, 0, 2, "QUOTE")]
        doc.spans["sc"].attrs["labels"] = ["QUOTE"]
    return docs


@pytest.fixture
def new_corpus(new_docs: list[Doc], tmp_path: Path) -> Corpus:
    DocBin(docs=new_docs).to_disk(tmp_path / "new.spacy")
    return Corpus(tmp_path / "new.spacy")


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """RETURNS (list[int]): Receives how many documents each old pipeline that is loaded runs over."""
    calls: list[int] = []
    load = spacy.load

    def load_counted(path: Path) -> Language:
        nlp, place = load(path), len(calls)
        calls.append(0)
        pipe = nlp.pipe

        def counted(docs: list[Doc]) -> Any:
            calls[place] += len(docs)
            return pipe(docs)

        nlp.pipe = counted  # type: ignore[method-assign]
        return nlp

    monkeypatch.setattr(distilled.spacy, "load", load_counted)
    return calls


def test_old_spans_are_those_of_the_pipeline(
    trained: tuple[Path, Path], new_docs: list[Doc], new_corpus: Corpus
) -> None:
    """On the tokens of the new documents, beside their gold spans."""
    nlp = spacy.load(trained[0])
    labels = nlp.get_pipe("binder_ner").labels  # type: ignore[attr-defined]
    for example, doc in zip(DistilledCorpus(new_corpus, trained[0])(NLP), new_docs, strict=True):
        expected = nlp(Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]))
        group = example.reference.spans["sc"]
        assert spans_of(example.reference) == [(0, 2, "QUOTE"), *spans_of(expected)]
        assert group.attrs == {"labels": ["QUOTE", *labels]}
        assert not example.predicted.spans


@pytest.mark.filterwarnings("ignore:.*BW06")
def test_each_document_is_run_once(
    trained: tuple[Path, Path], new_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passages are cut afterwards, so they may differ from pass to pass. The old pipeline is dropped."""
    calls = count_calls(monkeypatch)
    make = registry.readers.get("spacy_binder.Distilled.v1")
    cut = make_chunk_docs(20, random_start=True)
    corpus = make(new_corpus, str(trained[0]), labels={"PER": "persons"}, component="binder_ner", augmenter=cut)
    monkeypatch.setattr(distilled, "DOCS_AT_ONCE", 1)
    # As spaCy does where it initializes other components.
    next(corpus(NLP))
    passes = []
    for _ in range(3):
        # The borders of passages are drawn, and a border may cut a span.
        fix_random_seed(0)
        passes.append(list(corpus(NLP)))
    assert calls == [2]
    assert corpus._nlp is None
    assert all(len(of_pass) > 2 for of_pass in passes)
    found = [sum(len(example.reference.spans["sc"]) for example in of_pass) for of_pass in passes]
    assert found[0] == found[1] == found[2] > 2
    labels = {s.label_ for example in passes[0] for s in example.reference.spans["sc"]}
    assert labels == {"QUOTE", "PER"}
    assert all(example.reference.spans["sc"].attrs["labels"] == ["QUOTE", "PER"] for example in passes[0])


def test_what_was_annotated_is_not_taken_from_the_pipeline(trained: tuple[Path, Path], new_docs: list[Doc]) -> None:
    """Gold counts, also where it is none."""
    doc = new_docs[0]
    doc.spans["sc"].attrs.update(labels=["QUOTE", "PER"], corpus="news")
    [example] = DistilledCorpus(lambda _: [Example(doc.copy(), doc)], trained[0], ["PER", "GPE"])(NLP)
    found = {label for *_, label in spans_of(example.reference)}
    assert found <= {"QUOTE", "GPE"} and "GPE" in found
    assert example.reference.spans["sc"].attrs == {"labels": ["QUOTE", "PER", "GPE"], "corpus": "news"}


def test_documents_that_do_not_say_what_was_annotated(trained: tuple[Path, Path], new_docs: list[Doc]) -> None:
    """All types are: the new ones as the gold says, the old ones as the pipeline does. But not one by both."""
    doc = new_docs[0]
    del doc.spans["sc"].attrs["labels"]
    [example] = DistilledCorpus(lambda _: [Example(doc.copy(), doc.copy())], trained[0])(NLP)
    assert "labels" not in example.reference.spans["sc"].attrs
    assert len(example.reference.spans["sc"]) > 1
    doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    with pytest.raises(ValueError, match=r"B070.*'PER', which the old pipeline finds too"):
        list(DistilledCorpus(lambda _: [Example(doc.copy(), doc)], trained[0])(NLP))
    no_group = Doc(NLP.vocab, words=["Nothing", "here"])
    [example] = DistilledCorpus(lambda _: [Example(no_group.copy(), no_group)], trained[0])(NLP)
    assert "sc" in example.reference.spans


def test_unknown_names(trained: tuple[Path, Path], new_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match=r"B016.*Unknown label 'GENE'.*PER"):
        list(DistilledCorpus(new_corpus, trained[0], ["GENE"])(NLP))
    with pytest.raises(ValueError, match=r"B016.*Unknown component 'ner'"):
        list(DistilledCorpus(new_corpus, trained[0], component="ner")(NLP))


def test_readers_lie_inside_each_other(trained: tuple[Path, Path], new_corpus: Corpus) -> None:
    """The old documents say what they were annotated with, and the new ones have the old pipeline's spans."""
    old = AnnotatedCorpus(Corpus(trained[1]), [*spacy.load(trained[0]).get_pipe("binder_ner").labels])  # type: ignore[attr-defined]
    corpus = ReplayCorpus(DistilledCorpus(new_corpus, trained[0]), old, 0.5, augmenter=make_chunk_docs(30))
    said = {tuple(example.reference.spans["sc"].attrs["labels"]) for example in corpus(NLP)}
    assert said == {(*old.labels,), ("QUOTE", *old.labels)}
