"""Writing DocBins."""

from pathlib import Path

import numpy
import pytest
import spacy
from conftest import spans_of
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from spacy_binder.corpora import docbins
from spacy_binder.corpora.docbins import SpansDocBin, pack_spans, write_docbins

NLP = spacy.blank("en")


def make_docs() -> list[Doc]:
    """RETURNS (list[Doc]): Docs with several groups, with an empty one, and with none."""
    doc = NLP.make_doc("The mayor of Łódź met Ines Koh.")
    spans = [Span(doc, 0, 4, "PER", kb_id="Q1"), Span(doc, 3, 4, "GPE", span_id="x")]
    scores = numpy.asarray([0.5, 0.75], dtype="float32")
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs={"scores": scores})
    doc.spans["other"] = SpanGroup(doc, name="named otherwise", spans=[Span(doc, 5, 7, "new label")])
    # Two groups of the same content, which spaCy packs once.
    doc.spans["again"] = SpanGroup(doc, name="named otherwise", spans=[Span(doc, 5, 7, "new label")])
    empty = NLP.make_doc("Rain.")
    empty.spans["sc"] = []
    return [NLP.make_doc(""), doc, empty, NLP.make_doc("None.")]


def test_spans_are_packed_as_spacy_does() -> None:
    for doc in make_docs()[1:3]:
        assert pack_spans(doc) == doc.spans.to_bytes()


@pytest.mark.parametrize("is_known", [True, False], ids=["as we know", "another spaCy"])
def test_docbin_is_that_of_spacy(monkeypatch: pytest.MonkeyPatch, is_known: bool) -> None:
    if not is_known:
        monkeypatch.setattr(docbins, "pack_spans", lambda doc: b"other")
    docs = make_docs()
    ours, theirs = SpansDocBin(), DocBin()
    for doc in docs:
        groups = list(doc.spans.items())
        ours.add(doc)
        assert list(doc.spans.items()) == groups
        theirs.add(doc)
    assert ours.span_groups == theirs.span_groups
    assert {*ours.strings, ""} == {*theirs.strings, ""}
    found = list(DocBin().from_bytes(ours.to_bytes()).get_docs(spacy.blank("en").vocab))
    assert [spans_of(doc) for doc in found[1:3]] == [[(0, 4, "PER"), (3, 4, "GPE")], []]
    assert spans_of(found[1], "again") == [(5, 7, "new label")]
    assert (found[1].spans["sc"][0].kb_id_, found[1].spans["sc"][1].id_) == ("Q1", "x")


def test_write_docbins_in_shards(tmp_path: Path) -> None:
    docs = [doc for doc in make_docs() for _ in range(2)]
    for doc in docs:
        doc.spans.setdefault("sc")
    counts = write_docbins(docs, tmp_path, shard=3)
    assert (counts.documents, counts.spans, counts.inside) == (8, 4, 2)
    files = sorted(tmp_path.glob("*.spacy"))
    assert [len(DocBin().from_disk(file)) for file in files] == [3, 3, 2]
