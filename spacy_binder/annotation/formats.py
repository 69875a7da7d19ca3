"""Find the format of rows by the names of files, and the files of a corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..corpora.files import source_files
from ..errors import Errors
from .docbin_rows import DocBinRows
from .jsonl_rows import JsonlRows
from .parquet_rows import ParquetRows, common_schema
from .rows import RowFormat, printable
from .text_rows import TextRows

CLASSES: dict[str, type[RowFormat]] = {each.name: each for each in (JsonlRows, ParquetRows, TextRows, DocBinRows)}
SUFFIXES = tuple(suffix for each in CLASSES.values() for suffix in each.suffixes)


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
    """The files of a corpus, and how they are read.

    files (list[tuple[Path, str]]): The files, and how rows name them: the path in the folder, or the name.
    rows (RowFormat): The format of their rows.
    fields (Fields): The names of what a row has.
    """

    files: list[tuple[Path, str]]
    rows: RowFormat
    fields: Fields


def open_source(path: Path, name: str, fields: Fields, *, by_line: bool, spans_key: str) -> Source:
    """Find the files of a corpus and their format.

    path (Path): A file, or a folder with files of one format.
    name (str): The name of the format, or "auto" to go by the names of the files.
    fields (Fields): The names of what a row has.
    by_line (bool): Whether each line of plain text is a row.
    spans_key (str): The key of doc.spans that the pipeline writes to. It is the default for docs.
    RETURNS (Source): The files, sorted.
    RAISES (ImportError): If they need a package that is not installed.
    RAISES (ValueError): If there are none, they can't be read, or their format is not known.
    """
    if name == "auto":
        name = _find_format(path)
    if name not in CLASSES:
        raise ValueError(Errors.B016.format(kind="format", name=name, known=", ".join(("auto", *CLASSES))))
    paths = source_files(path, CLASSES[name].suffixes)
    files = [(file, printable(file.relative_to(path).as_posix() if path.is_dir() else file.name)) for file in paths]
    fields = replace(fields, spans=fields.spans or (spans_key if name == DocBinRows.name else "spans"))
    make: dict[str, Callable[[], RowFormat]] = {
        "jsonl": lambda: JsonlRows(fields.text, fields.id, fields.spans),
        "text": lambda: TextRows(fields.text, fields.id, fields.spans, by_line),
        "docbin": lambda: DocBinRows(fields.spans),
        "parquet": lambda: ParquetRows(fields.text, fields.id, fields.spans, common_schema(paths)),
    }
    return Source(files, make[name](), fields)


def _find_format(path: Path) -> str:
    found: dict[str, Path] = {}
    for file in source_files(path, SUFFIXES):
        for name, each in CLASSES.items():
            if file.name.lower().endswith(each.suffixes):
                found.setdefault(name, file)
    if len(found) != 1:
        shown = ", ".join(f"{name} ({file.name})" for name, file in found.items()) or "none"
        raise ValueError(Errors.B089.format(path=path, found=shown, known=", ".join(CLASSES)))
    return next(iter(found))
