"""Write DocBins."""

from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import spacy
from conftest import spans_of
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Corpus

from spacy_binder.corpora import docbins
from spacy_binder.corpora.docbins import Counts, write_docbins

NLP = spacy.blank("en")


def test_groups_are_written_whole(tmp_path: Path) -> None:
    """Names, labels, ids and scores; two groups of the same content, an empty one, and a doc without tokens."""
    doc = NLP.make_doc("The mayor of Łódź met Ines Koh.")
    spans = [Span(doc, 0, 4, "PER", kb_id="Q1"), Span(doc, 3, 4, "GPE", span_id="x")]
    scores = numpy.asarray([0.5, 0.75], dtype="float32")
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs={"scores": scores})
    for key in ("other", "again"):
        doc.spans[key] = SpanGroup(doc, name="named otherwise", spans=[Span(doc, 5, 7, "new label")])
    empty = [NLP.make_doc("Rain."), NLP.make_doc("")]
    for one in empty:
        one.spans["sc"] = []
    counts = write_docbins([doc, *empty], tmp_path / "x.spacy")
    assert counts == Counts(documents=3, tokens=10, spans=2, inside=1)
    found = list(DocBin().from_disk(tmp_path / "x.spacy").get_docs(spacy.blank("en").vocab))
    assert [spans_of(doc) for doc in found] == [[(0, 4, "PER"), (3, 4, "GPE")], [], []]
    groups = found[0].spans
    assert spans_of(found[0], "other") == spans_of(found[0], "again") == [(5, 7, "new label")]
    assert {key: group.name for key, group in groups.items()} == {
        "sc": "sc",
        "other": "named otherwise",
        "again": "named otherwise",
    }
    assert (groups["sc"][0].kb_id_, groups["sc"][1].id_) == ("Q1", "x")
    assert groups["sc"].attrs["scores"].tolist() == [0.5, 0.75]


def make_docs(n: int) -> Iterator[Doc]:
    """YIELDS (Doc): Documents of three tokens, with a span inside another."""
    for i in range(n):
        doc = Doc(NLP.vocab, words=[f"w{i}", "b", "c"], sent_starts=[True, False, True])
        doc.spans["sc"] = [doc.char_span(0, len(f"w{i} b"), label="X"), doc.char_span(0, len(f"w{i}"), label="Y")]
        yield doc


def test_docbins_in_a_folder(tmp_path: Path) -> None:
    """Files of a few documents each, which spaCy's reader reads in order."""
    counts = write_docbins(make_docs(5), tmp_path / "out", shard=2)
    assert counts == Counts(documents=5, sentences=10, tokens=15, spans=10, inside=5)
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["00001.spacy", "00002.spacy", "00003.spacy"]
    examples = list(Corpus(tmp_path / "out")(NLP))
    assert [example.reference[0].text for example in examples] == ["w0", "w1", "w2", "w3", "w4"]
    assert spans_of(examples[4].reference) == [(0, 2, "X"), (0, 1, "Y")]


def test_docbins_end_at_a_number_of_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docbins, "MAX_TOKENS", 6)
    write_docbins(make_docs(5), tmp_path, shard=100)
    assert len(list(tmp_path.glob("*.spacy"))) == 3


@pytest.mark.parametrize("n", [0, 3])
def test_docbin_in_one_file(tmp_path: Path, n: int) -> None:
    write_docbins(make_docs(n), tmp_path / "new" / "train.spacy", shard=1)
    assert len(list(DocBin().from_disk(tmp_path / "new" / "train.spacy").get_docs(NLP.vocab))) == n
