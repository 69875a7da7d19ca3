"""`spacy binder annotate --to`: shards in another format than the rows."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import spacy
from annotated_files import annotate, expected_spans, failed_rows, read_json, read_rows, require_equal, sentences
from annotated_files import write_rows as write_jsonl
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab


def read_docs(output: Path, vocab: Vocab) -> list[Doc]:
    """RETURNS (list[Doc]): The docs of all shards."""
    paths = sorted((output / "shards").glob("*.spacy"))
    return [doc for path in paths for doc in DocBin(store_user_data=True).from_disk(path).get_docs(vocab)]


def require_same_docs(found: list[Doc], expected: list[Doc]) -> None:
    """Compare tokens, sentences and spans."""
    for doc, other in zip(found, expected, strict=True):
        assert doc.to_json() == other.to_json()
        assert [span[:3] for span in expected_spans(doc)] == [span[:3] for span in expected_spans(other)]
        scores = [span[3] for span in expected_spans(doc)]
        assert scores == pytest.approx([span[3] for span in expected_spans(other)], abs=1e-5)


@pytest.mark.parametrize("workers", [1, 2])
def test_jsonl_to_docbin(workers: int, trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Docs are those of the pipeline, with what else the rows have. What a doc can't have costs that row alone."""
    nlp = spacy.load(trained[0])
    texts = [*sentences(trained[1])[:4], ""]
    rows = [{"id": i, "text": text, "year": 1911, "by": {"name": "A", "of": None}} for i, text in enumerate(texts)]
    del rows[1]["id"]
    source = write_jsonl(tmp_path / "in.jsonl", [*rows, {"id": "large", "text": "Riga", "n": 10**30}])
    options = ("--to", "docbin", "--workers", workers, "--shard", 2)
    annotate(trained[0], source, tmp_path / "out", *options, exit_code=3)
    docs = read_docs(tmp_path / "out", nlp.vocab)
    require_same_docs(docs, list(nlp.pipe(texts)))
    assert sum(map(len, (doc.spans["sc"] for doc in docs))) > 3
    rows[1]["id"] = "in.jsonl:2"
    assert [{**doc.user_data, "text": doc.text} for doc in docs] == rows
    [failed] = failed_rows(tmp_path / "out")
    assert failed["id"] == "large"
    assert "Integer value out of range" in failed["error"]
    settings = read_json(tmp_path / "out" / "manifest.json")["settings"]
    assert (settings["format"], settings["to"], settings["spans_field"]) == ("jsonl", "docbin", "sc")
    assert "B094" in annotate(trained[0], source, tmp_path / "out", "--shard", 2, exit_code=1)


def test_text_to_docbin(trained: tuple[Path, Path], tmp_path: Path) -> None:
    nlp = spacy.load(trained[0])
    texts = sentences(trained[1])[:3]
    (tmp_path / "in.txt").write_text("\n".join(texts), encoding="utf8")
    annotate(trained[0], tmp_path / "in.txt", tmp_path / "out", "--lines", "--to", "docbin")
    docs = read_docs(tmp_path / "out", nlp.vocab)
    require_same_docs(docs, list(nlp.pipe(texts)))
    assert [doc.user_data for doc in docs] == [{"id": f"in.txt:{i}"} for i in (1, 2, 3)]


def test_docbin_to_jsonl(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Rows have what `Doc.to_json` gives, and user data."""
    nlp = spacy.load(trained[0])
    given = list(DocBin().from_disk(trained[1]).get_docs(nlp.vocab))[:2]
    given[1].user_data["page"] = 3
    DocBin(docs=given, store_user_data=True).to_disk(tmp_path / "in.spacy")
    # Docs have gold span groups, which are called so.
    assert "B090" in annotate(trained[0], tmp_path / "in.spacy", tmp_path / "out", "--to", "jsonl", exit_code=1)
    annotate(trained[0], tmp_path / "in.spacy", tmp_path / "out", "--to", "jsonl", "--spans-field", "found")
    rows = read_rows(tmp_path / "out")
    found = [{"text": row["text"], "spans": row.pop("found")} for row in rows]
    assert require_equal(found, nlp.pipe(doc.copy() for doc in given)) > 3
    assert rows[0] == {"id": "in.spacy:1", **given[0].to_json()}
    assert rows[1] == {"id": "in.spacy:2", **given[1].to_json(), "user_data": {"page": 3}}


def test_parquet_to_jsonl(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """JSON has dates and the like as text, and no bytes."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    nlp = spacy.load(trained[0])
    texts = sentences(trained[1])[:2]
    columns = {
        "id": ["a", "b"],
        "text": texts,
        "when": pa.array([date(1911, 3, 5), None]),
        "price": pa.array([[Decimal("1.50")], []], pa.list_(pa.decimal128(5, 2))),
        "image": pa.array([None, b"\x00"]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    annotate(trained[0], tmp_path / "in.parquet", tmp_path / "rows", "--to", "jsonl", exit_code=3)
    [row] = read_rows(tmp_path / "rows")
    require_equal([row], nlp.pipe(texts[:1]))
    row.pop("spans")
    assert row == {"id": "a", "text": texts[0], "when": "1911-03-05", "price": ["1.50"], "image": None}
    [failed] = failed_rows(tmp_path / "rows")
    assert (failed["id"], failed["error"]) == ("b", "TypeError: JSON can't have bytes")


@pytest.mark.parametrize(("name", "to"), [("in.jsonl", "parquet"), ("in.jsonl", "text"), ("in.txt", "csv")])
def test_formats_that_are_not_written(name: str, to: str, trained: tuple[Path, Path], tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / name, [{"text": "Riga"}])
    printed = annotate(trained[0], source, tmp_path / "out", "--to", to, exit_code=1)
    assert f"B016] Unknown format to write {name.removeprefix('in.').replace('txt', 'text')} in '{to}'" in printed
    assert "There are: jsonl, docbin." in printed
    assert not (tmp_path / "out").exists()
