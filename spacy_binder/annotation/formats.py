"""Find the format of rows by the names of files, and the files of a corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..corpora.files import source_files
from ..errors import Errors
from .docbin_rows import DocBinRows, DocBinShards
from .jsonl_rows import JsonlRows, JsonlShards
from .parquet_rows import ParquetRows, ParquetShards, common_schema
from .rows import RowReader, ShardWriter, printable
from .text_rows import TextRows

READERS: dict[str, type[RowReader]] = {each.name: each for each in (JsonlRows, ParquetRows, TextRows, DocBinRows)}
SUFFIXES = tuple(suffix for each in READERS.values() for suffix in each.suffixes)


@dataclass(frozen=True)
class Fields:
    """The names of what a row has.

    text (str): The field with the text.
    id (str): The field with the id.
    spans (str): The field that receives the spans. Empty for the default, which depends on the format.
    """

    text: str
    id: str
    spans: str


@dataclass(frozen=True)
class Source:
    """The files of a corpus, how they are read, and how their rows are written.

    files (list[tuple[Path, str]]): The files, and how rows name them: the path in the folder, or the name.
    rows (RowReader): The format of their rows.
    shards (ShardWriter): The format of what is written.
    fields (Fields): The names of what a row has.
    """

    files: list[tuple[Path, str]]
    rows: RowReader
    shards: ShardWriter
    fields: Fields


def open_source(path: Path, name: str, fields: Fields, *, by_line: bool, spans_key: str, to: str = "") -> Source:
    """Find the files of a corpus and their format.

    path (Path): A file, or a folder with files of one format.
    name (str): The name of the format, or "auto" to go by the names of the files.
    fields (Fields): The names of what a row has.
    by_line (bool): Whether each line of plain text is a row.
    spans_key (str): The key of doc.spans that the pipeline writes to. It is the default for docs.
    to (str): The name of the format to write. Empty, the default, for that of the rows, and for JSONL where these are
        plain text.
    RETURNS (Source): The files, sorted.
    RAISES (ImportError): If they need a package that is not installed.
    RAISES (ValueError): If there are none, they can't be read, or their format is not known.
    """
    if name == "auto":
        name = _find_format(path)
    if name not in READERS:
        raise ValueError(Errors.B016.format(kind="format", name=name, known=", ".join(("auto", *READERS))))
    paths = source_files(path, READERS[name].suffixes)
    files = [(file, printable(file.relative_to(path).as_posix() if path.is_dir() else file.name)) for file in paths]
    make: dict[str, Callable[[], RowReader]] = {
        "jsonl": lambda: JsonlRows(fields.text, fields.id),
        "text": lambda: TextRows(fields.text, fields.id, by_line),
        "docbin": lambda: DocBinRows(fields.text, fields.id),
        "parquet": lambda: ParquetRows(fields.text, fields.id, common_schema(paths)),
    }
    rows = make[name]()
    shards = _make_shards(rows, to, fields, spans_key)
    return Source(files, rows, shards, replace(fields, spans=shards.spans_field))


def _make_shards(rows: RowReader, to: str, fields: Fields, spans_key: str) -> ShardWriter:
    """RETURNS (ShardWriter): The format of what is written."""
    make: dict[str, Callable[[], ShardWriter]] = {
        "jsonl": lambda: JsonlShards(rows, fields.spans or "spans"),
        "docbin": lambda: DocBinShards(rows, fields.spans or spans_key, fields.text, fields.id),
    }
    if isinstance(rows, ParquetRows):
        make["parquet"] = lambda: ParquetShards(rows, fields.spans or "spans")
    name = to or (rows.name if rows.name in make else JsonlShards.name)
    if name not in make:
        raise ValueError(Errors.B016.format(kind=f"format to write {rows.name} in", name=name, known=", ".join(make)))
    return make[name]()


def _find_format(path: Path) -> str:
    found: dict[str, Path] = {}
    for file in source_files(path, SUFFIXES):
        for name, each in READERS.items():
            if file.name.lower().endswith(each.suffixes):
                found.setdefault(name, file)
    if len(found) != 1:
        shown = ", ".join(f"{name} ({file.name})" for name, file in found.items()) or "none"
        raise ValueError(Errors.B089.format(path=path, found=shown, known=", ".join(READERS)))
    return next(iter(found))
