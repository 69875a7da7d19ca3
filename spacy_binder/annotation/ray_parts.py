"""What Ray Data runs on its workers: read rows, annotate them with a pipeline that is loaded once, write shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
from ray.data import Datasource
from ray.data.block import BlockAccessor, BlockMetadata
from ray.data.datasource import BlockBasedFileDatasink, ReadTask

from .annotator import Annotator, ModelSettings, batches
from .formats import Source
from .rows import AnnotatedRow, Row, RowReader, ShardWriter
from .shards import ShardFolder

ID = "id"
# Large: a block may have more than two gigabytes.
ROW = pyarrow.schema({ID: pyarrow.string(), "place": pyarrow.string(), "content": pyarrow.large_binary()})
ANNOTATED = ROW.append(pyarrow.field("error", pyarrow.string())).append(pyarrow.field("words", pyarrow.int64()))
# Rows that are read at a time.
READ_ROWS = 1000


class RowSource(Datasource):
    """Reads the rows of files, one task per file. Ray leaves out those whose ids its checkpoint has."""

    def __init__(self, source: Source) -> None:
        """Take the files.

        source (Source): The files, which all machines have at the same place.
        """
        super().__init__()
        self._source = source

    def estimate_inmemory_data_size(self) -> int:
        """RETURNS (int): The bytes of all files."""
        return sum(path.stat().st_size for path, _ in self._source.files)

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """RETURNS (list[ReadTask]): A task per file."""
        tasks = []
        for path, place in self._source.files:
            metadata = BlockMetadata(
                num_rows=None, size_bytes=path.stat().st_size, exec_stats=None, input_files=(str(path),)
            )
            # Workers may run in another folder.
            task = _ReadFile(self._source.rows, path.absolute(), place)
            tasks.append(ReadTask(task, metadata, ROW, per_task_row_limit))
        return tasks


class _ReadFile:
    def __init__(self, rows: RowReader, path: Path, place: str) -> None:
        self._rows, self._path, self._place = rows, path, place

    def __call__(self) -> Iterator[pyarrow.Table]:
        rows = self._rows.read(self._path, self._place)
        for batch in batches(rows, READ_ROWS):
            yield _table(batch, ROW)


class RayAnnotator:
    """Annotates blocks. Each worker makes one, and it loads the pipeline once."""

    def __init__(self, settings: ModelSettings, shards: ShardWriter, batch_size: int) -> None:
        """Load the pipeline.

        settings (ModelSettings): The pipeline.
        shards (ShardWriter): How rows are read, and written with spans.
        batch_size (int): The most rows that are annotated at once.
        """
        self._annotator, self._shards, self._batch_size = Annotator(settings), shards, batch_size

    def __call__(self, block: pyarrow.Table) -> pyarrow.Table:
        """RETURNS (pyarrow.Table): The annotated rows of a block."""
        rows = [Row(**row) for row in block.to_pylist()]
        done: list[AnnotatedRow] = []
        for batch in batches(rows, self._batch_size):
            done += self._annotator.annotate(batch, self._shards)
        return _table(done, ANNOTATED)


class ShardSink(BlockBasedFileDatasink):
    """Writes blocks to shards. Ray notes the ids of a shard before it is written, and again when it is whole."""

    def __init__(self, shards: ShardFolder, rows_per_shard: int) -> None:
        """Take the folder.

        shards (ShardFolder): The folder, which all machines have at the same place.
        rows_per_shard (int): The rows of a shard, if there are as many.
        """
        suffix = shards.format.shard_suffix
        super().__init__(str(shards.folder), min_rows_per_file=rows_per_shard, file_format=suffix.removeprefix("."))
        self._shards = shards

    @contextmanager
    def open_output_stream(self, path: str) -> Iterator[Any]:
        """YIELDS (str): The path. The shard is written beside it, and put there when it is whole."""
        yield path

    def write_block_to_file(self, block: BlockAccessor, file: Any) -> None:
        """Write a shard."""
        name = Path(file).name.removesuffix(self._shards.format.shard_suffix)
        self._shards.write(name, [AnnotatedRow(**row) for row in block.to_arrow().to_pylist()])


def _table(rows: Sequence[Row] | Sequence[AnnotatedRow], schema: pyarrow.Schema) -> pyarrow.Table:
    return pyarrow.Table.from_pylist([row._asdict() for row in rows], schema=schema)
