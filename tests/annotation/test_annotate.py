"""`spacy binder annotate` in one process and in several: equal to `nlp.pipe`, and nothing of a row is lost."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import spacy
from annotated_files import (
    annotate,
    failed_rows,
    read_json,
    read_rows,
    require_equal,
    sentences,
    write_rows,
)
from spacy.tokens import Doc, DocBin

from spacy_binder.pipeline import BinderNER

# What a pipeline can't annotate, and what is said of it.
BAD = [
    (b'{"id": "surrogate", "text": "Riga \\ud800 Oslo"}', "surrogates not allowed"),
    (json.dumps({"id": "long", "text": "Riga " * 2_000_000}).encode(), "E088"),
    (b'{"id": "number", "text": 5}', "has to be a text, but is a value of the type int"),
    (b'{"id": "null", "text": null}', "NoneType"),
    (b'{"id": "missing"}', "there is no `text`"),
    (b'["text"]', "type list"),
    (b'{"id": "half", "text": "Ri', "JSONDecodeError"),
    (b'{"text": "\xff"}', "UnicodeDecodeError"),
    (b"[" * 100_000, "RecursionError"),
]


def test_equals_pipe(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """In shards that have the order of the rows. Batches and shards have other sizes than those of the pipeline."""
    model, data = trained
    texts = sentences(data) * 3
    source = write_rows(tmp_path / "in.jsonl", ({"id": i, "text": text} for i, text in enumerate(texts)))
    printed = annotate(model, source, tmp_path / "out", "--batch-size", 5, "--shard", 7)
    rows = read_rows(tmp_path / "out")
    assert [row["id"] for row in rows] == list(range(len(texts)))
    docs = list(spacy.load(model).pipe(texts))
    assert require_equal(rows, docs) > 20
    manifest = read_json(tmp_path / "out" / "manifest.json")
    n_shards = -(-len(texts) // 7)
    assert manifest["shards"] == [f"{i:06}.jsonl" for i in range(1, n_shards + 1)]
    assert manifest["words"] == sum(map(len, docs))
    assert re.search(rf" {len(texts)} {len(texts)} 0 [\d,]+ [\d,]+ {n_shards} ", printed)


def test_rows_keep_what_they_have(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Values of all kinds, in their order. Empty texts are rows, empty lines are none."""
    rows = [
        {"z": 10**30, "text": "Riga", "a": [1.5, None, {"ä": "\u2028"}], "id": "1"},
        {"text": "", "id": True, "broken": "\ud83d"},
        b"",
        {"text": "Oslo", "id": None, "entities": []},
    ]
    source = write_rows(tmp_path / "in.jsonl", rows)
    annotate(trained[0], source, tmp_path / "out")
    written = read_rows(tmp_path / "out")
    assert all(isinstance(row.pop("spans"), list) for row in written)
    assert [list(row.items()) for row in written] == [list(row.items()) for row in rows if isinstance(row, dict)]


def test_other_labels_and_threshold(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """As by component_cfg. A run that came to its end is not done again."""
    model, data = trained
    texts = sentences(data)
    labels = {"PER": None, "PLACE": ["Countries, cities, states"]}
    source = write_rows(tmp_path / "in.jsonl", ({"body": text} for text in texts))
    (tmp_path / "types.json").write_text(json.dumps(labels), encoding="utf8")
    # More decimals than srsly writes.
    options = ["--labels", tmp_path / "types.json", "--threshold", 0.2000000000000001, "--text-field", "body"]
    annotate(model, source, tmp_path / "out", *options)
    rows = [{**row, "text": row["body"]} for row in read_rows(tmp_path / "out")]
    cfg = {"binder_ner": {"labels": labels, "threshold": 0.2}}
    assert require_equal(rows, spacy.load(model).pipe(texts, component_cfg=cfg))
    assert {span["label"] for row in rows for span in row["spans"]} == {*labels}
    assert "All rows were annotated before" in annotate(model, source, tmp_path / "out", *options)


def test_plain_text(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """A file is a row, or a line is one. They are named by file and line."""
    folder = tmp_path / "in" / "sub"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfAnna Lind left Riga.\r\nIt rained.\n")
    (folder / "b.txt").write_bytes(b"Oslo.\n\n")
    annotate(trained[0], tmp_path / "in", tmp_path / "files")
    rows = read_rows(tmp_path / "files")
    texts = ["Anna Lind left Riga.\r\nIt rained.\n", "Oslo.\n\n"]
    assert [(row["id"], row["text"]) for row in rows] == [("sub/a.txt", texts[0]), ("sub/b.txt", texts[1])]
    require_equal(rows, spacy.load(trained[0]).pipe(texts))
    annotate(trained[0], folder, tmp_path / "lines", "--lines")
    rows = read_rows(tmp_path / "lines")
    found = [(row["id"], row["text"]) for row in rows]
    assert found == [("a.txt:1", "Anna Lind left Riga."), ("a.txt:2", "It rained."), ("b.txt:1", "Oslo.")]


def test_docbins(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Docs keep tokens, annotations and user data. The pipeline's other components change nothing in them."""
    model, data = trained
    nlp = spacy.load(model)
    given = list(DocBin().from_disk(data).get_docs(nlp.vocab))
    given[0].user_data["source"] = {"page": 3}
    given[1][0].tag_ = "X"
    (tmp_path / "in").mkdir()
    DocBin(docs=given, store_user_data=True).to_disk(tmp_path / "in" / "a.spacy")
    assert "B090" in annotate(model, tmp_path / "in", tmp_path / "out", exit_code=1)
    annotate(model, tmp_path / "in", tmp_path / "out", "--spans-field", "found")
    [path] = (tmp_path / "out" / "shards").iterdir()
    written = list(DocBin(store_user_data=True).from_disk(path).get_docs(nlp.vocab))
    expected = list(nlp.pipe([doc.copy() for doc in given]))
    for doc, before, after in zip(written, given, expected, strict=True):
        assert doc.to_json() | {"spans": 0} == before.to_json() | {"spans": 0}
        assert doc.user_data == before.user_data
        assert spans(doc, "sc") == spans(before, "sc")
        assert spans(doc, "found") == spans(after, "sc")
        assert doc.spans["found"].attrs["scores"] == pytest.approx(after.spans["sc"].attrs["scores"], abs=1e-5)


def test_a_long_doc_fails(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """As a long text does, though spaCy takes docs of any length."""
    docs = [Doc(spacy.blank("en").vocab, words=["Riga"] * n) for n in (1, 3)]
    DocBin(docs=docs).to_disk(tmp_path / "in.spacy")
    options = ("--spans-field", "found", "--max-length", 10)
    annotate(trained[0], tmp_path / "in.spacy", tmp_path / "out", *options, exit_code=3)
    [failed] = failed_rows(tmp_path / "out")
    assert failed["place"] == "in.spacy:2" and "E088" in failed["error"]


def test_batch_size(trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the model, also where it is above the pipeline's own."""
    sizes = []
    predict = BinderNER.predict

    def note_size(self: BinderNER, docs: list[Doc]) -> Any:
        sizes.append(len(docs))
        return predict(self, docs)

    monkeypatch.setattr(BinderNER, "predict", note_size)
    source = write_rows(tmp_path / "in.jsonl", ({"text": "Riga"} for _ in range(50)))
    annotate(trained[0], source, tmp_path / "out", "--batch-size", 40)
    # First the text that the pipeline is tried on.
    assert sizes[1:] == [40, 10]


def spans(doc: Doc, key: str) -> list[tuple[int, int, str]]:
    """RETURNS (list[tuple]): The spans of a group, by tokens."""
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


def test_parquet(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Columns keep their types and values. A row without text fails."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    texts = sentences(trained[1])[:3]
    columns = {
        "key": pa.array([7, 8, 9, None], pa.int16()),
        "text": pa.array([*texts, None], pa.large_string()),
        "kind": pa.array(["a", None, "b", "a"]).dictionary_encode(),
        "when": pa.array([0, 1, 2, 3], pa.timestamp("ns", "UTC")),
        "price": pa.array([[1], [], None, [2, 3]], pa.list_(pa.decimal128(5, 2))),
    }
    table = pa.table(columns).replace_schema_metadata({"made by": "hand"})
    parquet.write_table(table, tmp_path / "in.parquet")
    options = ("--id-field", "key", "--shard", 2)
    annotate(trained[0], tmp_path / "in.parquet", tmp_path / "out", *options, exit_code=3)
    [failed] = failed_rows(tmp_path / "out")
    assert (failed["id"], failed["place"]) == ("in.parquet:4", "in.parquet:4")
    shards = [parquet.read_table(path) for path in sorted((tmp_path / "out" / "shards").iterdir())]
    written = pa.concat_tables(shards)
    assert [len(shard) for shard in shards] == [2, 1]
    assert written.drop(["spans"]) == table.slice(0, 3)
    assert written.schema.metadata[b"made by"] == b"hand"
    rows = written.select(["text", "spans"]).to_pylist()
    assert require_equal(rows, spacy.load(trained[0]).pipe(texts))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_row_costs_itself_alone(workers: int, trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Its neighbours in the batch are annotated, as by `nlp.pipe`. A file says what failed, the exit status that."""
    good = [json.dumps({"text": text}).encode() for text in sentences(trained[1])]
    lines = [*good[:2], *(line for line, _ in BAD), *good[2:]]
    source = write_rows(tmp_path / "in.jsonl", lines)
    printed = annotate(trained[0], source, tmp_path / "out", "--workers", workers, "--shard", 6, exit_code=3)
    assert "Rows that failed, and the reasons, are in" in printed
    assert require_equal(read_rows(tmp_path / "out"), spacy.load(trained[0]).pipe(sentences(trained[1])))
    manifest = read_json(tmp_path / "out" / "manifest.json")
    counts = [manifest[name] for name in ("rows_in", "rows_out", "rows_failed")]
    assert counts == [len(lines), len(good), len(BAD)]
    failed = failed_rows(tmp_path / "out")
    assert [row["place"] for row in failed] == [f"in.jsonl:{i}" for i in range(3, 3 + len(BAD))]
    assert [row["id"] for row in failed[:5]] == ["surrogate", "long", "number", "null", "missing"]
    for row, (_, error) in zip(failed, BAD, strict=True):
        assert error in row["error"]
