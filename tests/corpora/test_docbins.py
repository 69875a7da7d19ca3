"""Write and read DocBins, and copy entities to spans."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import srsly
from conftest import spans_of
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.tokens._dict_proxies import SpanGroups
from spacy.training import Corpus
from spacy.vocab import Vocab

from spacy_binder.corpora import docbins
from spacy_binder.corpora.docbins import Counts, read_docbin, write_docbins
from spacy_binder.corpora.ents import read_ents
from spacy_binder.corpora.problems import Problems

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


def test_docbin_in_one_file(tmp_path: Path) -> None:
    """A folder is made. A file of the same name is replaced."""
    path = tmp_path / "new" / "train.spacy"
    for n in (3, 2):
        write_docbins(make_docs(n), path, shard=1)
        assert len(list(read_docbin(path, NLP.vocab))) == n
    assert list(path.parent.iterdir()) == [path]


def unlabelled() -> Iterator[Doc]:
    """YIELDS (Doc): A document with an empty group, another group and an entity."""
    doc = NLP.make_doc("In Riga.")
    doc.spans["sc"], doc.spans["gold"] = [], [Span(doc, 1, 2, "GPE")]
    doc.ents = [Span(doc, 1, 2, "GPE")]
    yield doc


def broken() -> Iterator[Doc]:
    """YIELDS (Doc): Some documents, before an error."""
    yield from make_docs(3)
    raise OSError("gone")


@pytest.mark.parametrize("name", ["x.spacy", "folder"])
@pytest.mark.parametrize(
    "docs, error",
    [
        (lambda: iter([]), r"B047\] There is no document to write to .*"),
        (
            unlabelled,
            r"B048\] None of the 1 .*doc.spans\['gold'\] \(1\), .* doc.ents \(1\).*`--spans-key`, such as gold",
        ),
        (broken, "gone"),
    ],
    ids=["no document", "no span", "an error"],
)
def test_nothing_is_written_after_an_error(tmp_path: Path, name: str, docs: Callable, error: str) -> None:
    """What was there before is still there."""
    output = tmp_path / name
    (tmp_path / "x.spacy").write_bytes(b"before")
    with pytest.raises((OSError, ValueError), match=error):
        write_docbins(docs(), output, shard=1)
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"before"]


def test_all_that_a_doc_has_is_written(tmp_path: Path) -> None:
    doc = next(unlabelled())
    doc.user_data["source"], doc.cats = "x.xml", {"news": 1.0}
    doc.spans["sc"] = [doc[0:2]]
    write_docbins([doc], tmp_path / "x.spacy")
    [found] = read_docbin(tmp_path / "x.spacy", Vocab())
    assert (found.user_data["source"], found.cats, found.ents[0].label_) == ("x.xml", {"news": 1.0}, "GPE")


def change(content: dict[str, Any], key: str, value: Any) -> bytes:
    """RETURNS (bytes): A DocBin with another value."""
    return zlib.compress(srsly.msgpack_dumps({**content, key: value}))


def test_a_damaged_docbin_is_named(tmp_path: Path) -> None:
    """Whatever is wrong in it."""
    path = tmp_path / "x.spacy"
    write_docbins(make_docs(2), path)
    content: Any = srsly.msgpack_loads(zlib.decompress(path.read_bytes()))
    group = SpanGroup(doc := NLP.make_doc("x " * 9), name="sc", spans=[Span(doc, 7, 9, "X")])
    outside = SpanGroups(doc, [("sc", group)]).to_bytes()
    damaged = [
        b"",
        b"text",
        path.read_bytes()[:-9],
        zlib.compress(b"\xc1"),
        zlib.compress(srsly.msgpack_dumps([1])),
        change(content, "strings", [b"x"]),
        change(content, "strings", ["w0"]),
        change(content, "lengths", b"xyz"),
        change(content, "attrs", [1]),
        change(content, "cats", []),
        change(content, "flags", [0, 0]),
        change(content, "span_groups", [outside] * 2),
    ]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"B050\] .*x.spacy is no DocBin, or it is damaged"):
            list(read_docbin(path, Vocab()))


def test_ents_join_their_group(tmp_path: Path) -> None:
    """Ids, scores, names and other groups are kept. Entities that are there already are counted."""
    doc = NLP.make_doc("The mayor of Riga met Ines.")
    spans = [Span(doc, 0, 4, "PER", kb_id="Q1", span_id="a"), Span(doc, 3, 4, "GPE")]
    scores = numpy.asarray([0.5, 0.75], dtype="float32")
    doc.spans["sc"] = SpanGroup(doc, name="named", spans=spans, attrs={"scores": scores, "by": "Ines"})
    doc.spans["other"] = [Span(doc, 1, 2, "X")]
    doc.ents = [Span(doc, 3, 4, "GPE"), Span(doc, 5, 6, "PER", kb_id="Q2", span_id="b")]
    DocBin(docs=[doc]).to_disk(tmp_path / "x.spacy")
    [found] = read_ents(tmp_path, spacy.blank("en"), problems=(problems := Problems()))
    group = found.spans["sc"]
    assert [(*span, s.kb_id_, s.id_) for span, s in zip(spans_of(found), group, strict=True)] == [
        (0, 4, "PER", "Q1", "a"),
        (3, 4, "GPE", "", ""),
        (5, 6, "PER", "Q2", "b"),
    ]
    assert (group.name, group.attrs["by"], group.attrs["scores"].tolist()) == ("named", "Ines", [0.5, 0.75, 1.0])
    assert spans_of(found, "other") == [(1, 2, "X")]
    assert problems.counts == {"duplicate": 1}
