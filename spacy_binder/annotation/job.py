"""Annotate a corpus from its rows to the manifest: check first, go on where a run was stopped, and count at the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from ..errors import Errors
from .annotator import Annotator, ModelSettings, model_checksum
from .formats import Fields, Source, open_source
from .inventory import Inventory, take_inventory
from .local_engine import annotate_in_process, annotate_in_processes, remaining_batches, whole_shards, write_shards
from .manifest import claim_folder, read_manifest, write_manifest
from .ray_engine import annotate_by_ray, committed_shards, require_ray
from .shards import ShardFolder, naming_whole_shards

ENGINES = ("local", "ray")
DEFAULT_FIELDS = Fields("text", "id", "")


class Progress(Protocol):
    """A progress bar, such as tqdm's."""

    def update(self, n: float | None = 1) -> object:
        """Count some rows."""
        ...


# Takes a title, the rows that are to be counted (None: not known) and those that are done.
BarT = Callable[[str, "int | None", int], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Job:
    """What is to be done.

    model (ModelSettings): The pipeline and how it is called.
    source (Path): A file of rows, or a folder of such files.
    output (Path): The folder that receives shards and manifest.
    format (str): The format of the rows, or "auto".
    to (str): The format of the shards. Empty for that of the rows, and for JSONL where these are plain text.
    fields (Fields): The names of what a row has.
    by_line (bool): Whether each line of plain text is a row.
    engine (str): "local" or "ray".
    workers (int): Processes, or actors of Ray.
    batch_size (int): The most rows that are annotated at once. 0 for the pipeline's own `batch_size`.
    shard (int): The most rows of a shard. For Ray the number that it aims at.
    address (str): The Ray cluster. Empty for one on this machine, which ends with the job.
    show_progress (bool): Whether Ray shows its own progress bars.
    """

    model: ModelSettings
    source: Path
    output: Path
    format: str = "auto"
    to: str = ""
    fields: Fields = DEFAULT_FIELDS
    by_line: bool = False
    engine: str = "local"
    workers: int = 1
    batch_size: int = 0
    shard: int = 1000
    address: str = ""
    show_progress: bool = False


def annotate_corpus(job: Job, bar: BarT, tell: Callable[[str], object]) -> dict[str, Any]:
    """Annotate all rows of a corpus that are not annotated yet.

    job (Job): What is to be done.
    bar (Callable): Makes a progress bar.
    tell (Callable): Tells the user a sentence.
    RETURNS (dict): The manifest.
    RAISES (ImportError): If a package is missing.
    RAISES (ValueError): If something is wrong with the rows, the pipeline, the options or the folder, if a shard
        can't be written, a worker was killed, or rows are missing at the end.
    """
    if job.engine not in ENGINES:
        raise ValueError(Errors.B016.format(kind="engine", name=job.engine, known=", ".join(ENGINES)))
    if job.engine == "ray":
        require_ray()
    if job.output.resolve().is_relative_to(job.source.resolve()):
        raise ValueError(Errors.B051.format(path=job.output, problem="it is the folder of the rows, or inside it"))
    # With Ray, this machine may have no GPU.
    annotator = Annotator(job.model if job.engine == "local" else replace(job.model, gpu_id=-1))
    source = open_source(job.source, job.format, job.fields, to=job.to, by_line=job.by_line, spans_key=annotator.key)
    with bar("Checking", None, 0) as checked:
        inventory = take_inventory(source, count=checked.update)
    settings = _settings(job, source, annotator, inventory)
    claim_folder(job.output, settings)
    manifest = read_manifest(job.output)
    if manifest is not None:
        tell(f"All rows were annotated before. Nothing was done. To annotate anew, remove {job.output}.")
        return manifest
    shards = ShardFolder(job.output, source.shards)
    with naming_whole_shards(shards):
        shards.prepare()
        start = perf_counter()
        before = whole_shards(shards) if job.engine == "local" else committed_shards(shards)
        n_done = sum(record.rows for record in before)
        if n_done:
            tell(f"Going on: {n_done:,} of {inventory.rows:,} rows were annotated before.")
        size = job.batch_size or annotator.nlp.batch_size
        if job.engine == "ray":
            # Each worker has a pipeline of its own.
            del annotator
            annotate_by_ray(
                source,
                job.model,
                shards,
                workers=job.workers,
                batch_size=size,
                shard=job.shard,
                address=job.address,
                show_progress=job.show_progress,
            )
        else:
            batches = remaining_batches(source, before, size)
            if job.workers == 1:
                annotated = annotate_in_process(batches, annotator, source.shards)
            else:
                del annotator
                annotated = annotate_in_processes(batches, job.model, source.shards, job.workers)
            with bar("Annotating", inventory.rows, n_done) as progress:
                for n in write_shards(annotated, shards, n_done=len(before), size=job.shard):
                    progress.update(n)
        seconds = perf_counter() - start
        return write_manifest(shards, job.model.model, settings, rows_in=inventory.rows, before=before, seconds=seconds)


def _settings(job: Job, source: Source, annotator: Annotator, inventory: Inventory) -> dict[str, Any]:
    """RETURNS (dict): Whatever decides what the shards have in them. A run goes on with the same settings only."""
    model = job.model
    return {
        "model_checksum": model_checksum(annotator.folder),
        "component": annotator.component,
        "labels": model.labels,
        "threshold": model.threshold,
        "max_length": model.max_length,
        "rows_checksum": inventory.checksum,
        "format": source.rows.name,
        "to": source.shards.name,
        "text_field": source.fields.text,
        "id_field": source.fields.id,
        "spans_field": source.fields.spans,
        "lines": job.by_line,
        "engine": job.engine,
        "shard": job.shard,
    }
