"""Files of rows, the command that annotates them, and what it has to give: the spans of `nlp.pipe`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_binder.cli import binder_cli


def annotate(*arguments: object, exit_code: int = 0) -> str:
    """Run the command, and return what it prints."""
    result = CliRunner().invoke(binder_cli, ["annotate", *map(str, arguments)])
    assert result.exit_code == exit_code, (result.output, result.exception)
    return " ".join(result.output.split())


def sentences(data: Path) -> list[str]:
    """RETURNS (list[str]): The sentences of a DocBin."""
    docs = DocBin().from_disk(data).get_docs(spacy.blank("en").vocab)
    return [sentence.text for doc in docs for sentence in doc.sents]


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """Write JSONL. Text and bytes are written as they are."""
    with path.open("wb") as file:
        for row in rows:
            line = row if isinstance(row, bytes) else json.dumps(row).encode()
            file.write(line + b"\n")
    return path


def read_rows(output: Path) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): The rows of all shards in JSONL."""
    lines = [line for path in sorted((output / "shards").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return [json.loads(line) for line in lines]


def read_json(path: Path) -> Any:
    """RETURNS (Any): The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf8"))


def failed_rows(output: Path) -> list[dict[str, str]]:
    """RETURNS (list[dict]): The rows that failed."""
    return [json.loads(line) for line in (output / "failed.jsonl").read_text(encoding="utf8").splitlines()]


def expected_spans(doc: Doc) -> list[tuple[int, int, str, float]]:
    """RETURNS (list[tuple]): The spans of a doc, by characters, with their scores."""
    group = doc.spans["sc"]
    scores = map(float, group.attrs["scores"])
    return [(span.start_char, span.end_char, span.label_, score) for span, score in zip(group, scores, strict=True)]


def require_equal(rows: Iterable[dict[str, Any]], docs: Iterable[Doc]) -> int:
    """Compare the spans of rows with those of docs. RETURNS (int): How many there are."""
    n = 0
    for row, doc in zip(rows, docs, strict=True):
        expected = expected_spans(doc)
        assert row["text"] == doc.text
        assert [(span["start"], span["end"], span["label"]) for span in row["spans"]] == [s[:3] for s in expected]
        assert all(abs(span["score"] - s[3]) < 1e-5 for span, s in zip(row["spans"], expected, strict=True))
        n += len(expected)
    return n
