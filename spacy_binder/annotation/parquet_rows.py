"""Rows in Parquet. Written so, they keep their columns and types, and get a column of spans. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..corpora.files import whole_parts
from ..errors import Errors
from ..installed import is_installed
from .rows import FoundSpan, Row, RowReader, ShardWriter, id_or_place, require_text

# Rows that are read at a time.
BATCH = 1000


@dataclass(frozen=True)
class ParquetRows(RowReader):
    """Rows in Parquet. The content of a row is a table of one row, with its schema.

    text_field (str): The column with the text.
    id_field (str): The column with the id.
    schema (bytes): The schema of all files, from `common_schema`.
    """

    text_field: str
    id_field: str
    schema: bytes = b""
    name = "parquet"
    suffixes = (".parquet", ".pq")

    def read(self, path: Path, place: str) -> Iterator[Row]:
        number = 0
        with _open(path) as file:
            for batch in whole_parts(file.iter_batches(BATCH), path):
                has_id = self.id_field in batch.schema.names
                ids = batch.column(self.id_field).to_pylist() if has_id else [None] * len(batch)
                for i, value in enumerate(ids):
                    number += 1
                    at = f"{place}:{number}"
                    yield Row(id_or_place(value, at), at, _pack(batch.slice(i, 1)))

    def fields(self, content: bytes) -> list[str]:
        return list(_unpack(content).schema.names)

    def given(self, content: bytes, vocab: Vocab) -> str | Doc:
        return require_text(_unpack(content).column(self.text_field)[0].as_py(), self.text_field)

    def values(self, row: Row) -> dict[str, Any]:
        return _unpack(row.content).to_pylist()[0]


@dataclass(frozen=True)
class ParquetShards(ShardWriter):
    """Rows of Parquet with spans in Parquet.

    rows (ParquetRows): How the rows are read.
    spans_field (str): The column that receives the spans.
    """

    rows: ParquetRows
    spans_field: str
    name = "parquet"
    shard_suffix = ".parquet"

    def annotated(self, row: Row, doc: Doc, spans: Sequence[FoundSpan]) -> bytes:
        import pyarrow

        value = pyarrow.array([[span._asdict() for span in spans]], type=_spans_type())
        return _pack(_unpack(row.content).append_column(self.spans_field, value))

    def write(self, path: Path, contents: Iterable[bytes]) -> None:
        import pyarrow
        from pyarrow import parquet

        schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(self.rows.schema))
        empty = schema.append(pyarrow.field(self.spans_field, _spans_type())).empty_table()
        tables = [_unpack(content) for content in contents]
        # The schema with the notes of other libraries that it has, such as pandas, is that of the empty table.
        whole = pyarrow.concat_tables([empty, *(table.replace_schema_metadata(schema.metadata) for table in tables)])
        parquet.write_table(whole.combine_chunks(), path)

    def count(self, path: Path) -> int:
        with _open(path) as file:
            return int(file.metadata.num_rows)


def common_schema(files: Sequence[Path]) -> bytes:
    """Read the schema of Parquet files.

    files (Sequence[Path]): The files.
    RETURNS (bytes): The schema of all of them.
    RAISES (ImportError): If pyarrow is not installed.
    RAISES (ValueError): If a file is no Parquet, or has other columns than the first one.
    """
    if not is_installed("pyarrow"):
        raise ImportError(Errors.B087.format(what="Parquet", package="pyarrow", extra="parquet"))
    first: Any = None
    for path in files:
        with _open(path) as file:
            schema = file.schema_arrow
        first = schema if first is None else first
        if not schema.equals(first):
            raise ValueError(Errors.B088.format(path=path, columns=_show(schema), first=files[0], others=_show(first)))
    return first.serialize().to_pybytes()


def _show(schema: Any) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)


def _open(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except Exception as error:
        # Each kind of damage has an error of its own.
        raise ValueError(Errors.B044.format(path=path, cause=error)) from None


def _spans_type() -> Any:
    import pyarrow

    parts = {"start": pyarrow.int64(), "end": pyarrow.int64(), "label": pyarrow.string(), "score": pyarrow.float32()}
    return pyarrow.list_(pyarrow.struct(list(parts.items())))


def _pack(rows: Any) -> bytes:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, rows.schema) as writer:
        writer.write(rows)
    return sink.getvalue().to_pybytes()


def _unpack(content: bytes) -> Any:
    import pyarrow

    return pyarrow.ipc.open_stream(content).read_all()
