"""Reading annotated docs: what can't be read, and what nothing could be measured on."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
import srsly
from conftest import demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from spacy_binder.analysis.reading import read_examples, read_gold


@pytest.fixture(scope="module")
def nlp(trained: tuple[Path, Path]) -> Language:
    """The trained pipeline."""
    return spacy.load(trained[0])


def with_spans(doc: Doc, key: str, *labels: str) -> None:
    doc.spans[key] = [Span(doc, 0, 1, label=label) for label in labels]


@pytest.mark.parametrize(
    ("annotate", "found"),
    [
        (lambda doc: None, r"In 1 document\(s\) there are: doc\.ents \(0\)\."),
        (lambda doc: with_spans(doc, "sc"), r"doc\.spans\['sc'\] \(0\)"),
        (lambda doc: with_spans(doc, "sc", "CHEMICAL", "CHEMICAL"), r"with the labels CHEMICAL \(2\)"),
        (lambda doc: with_spans(doc, "gold", "PER"), r"doc\.spans\['gold'\] \(1\)"),
        (lambda doc: doc.set_ents([Span(doc, 0, 1, label="PER")]), r"binder convert .* --format ents --spans-key sc"),
    ],
    ids=["no group", "empty group", "other labels", "other group", "only ents"],
)
def test_docs_without_gold_of_a_known_label_are_refused(
    nlp: Language, annotate: Callable[[Doc], None], found: str, tmp_path: Path
) -> None:
    doc = nlp.make_doc("Oslo is nice.")
    annotate(doc)
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    with pytest.raises(ValueError, match=rf"\[B026\] .*'binder_ner' can't be measured on .*dev\.spacy: .*{found}"):
        read_examples(nlp, "binder_ner", tmp_path / "dev.spacy")


def test_a_file_without_docs_is_refused(nlp: Language, tmp_path: Path) -> None:
    DocBin().to_disk(tmp_path / "dev.spacy")
    with pytest.raises(ValueError, match=r"\[B026\] .*In 0 document"):
        read_gold(nlp, "binder_ner", tmp_path / "dev.spacy")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", zlib.compress(b"text"), zlib.compress(srsly.msgpack_dumps({"attrs": []}))],
    ids=["empty", "other format", "compressed", "other fields"],
)
def test_a_file_that_is_no_docbin_is_named(nlp: Language, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "dev.spacy").write_bytes(data)
    with pytest.raises(ValueError, match=r"\[B050\] .*dev\.spacy is no DocBin"):
        read_gold(nlp, "binder_ner", tmp_path / "dev.spacy")


def test_a_folder_is_read_file_by_file(nlp: Language, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[B029\] .*\.spacy"):
        read_gold(nlp, "binder_ner", tmp_path)
    golds = [example.reference for example in demo_examples(nlp, ["news-01", "news-02"], max_sentences=1)]
    # The first file has no gold spans, which the second one has.
    for name, doc in (("1", nlp.make_doc("No spans.")), ("2", golds[0]), ("3", golds[1])):
        DocBin(docs=[doc]).to_disk(tmp_path / f"{name}.spacy")
    docs = list(read_gold(nlp, "binder_ner", tmp_path))
    assert [doc.text for doc in docs] == ["No spans.", *(doc.text for doc in golds)]
    assert [spans_of(doc) for doc in docs[1:]] == [spans_of(doc) for doc in golds]


def test_a_file_is_read_once(nlp: Language, trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read, from_bytes = [], DocBin.from_bytes
    monkeypatch.setattr(DocBin, "from_bytes", lambda self, data: read.append(len(data)) or from_bytes(self, data))
    examples = list(read_examples(nlp, "binder_ner", trained[1]))
    assert len(examples) == len(from_bytes(DocBin(), trained[1].read_bytes()))
    assert len(read) == 1
    # Predicted docs have the pipeline's tokens, and no spans.
    assert all(not example.predicted.spans for example in examples)
