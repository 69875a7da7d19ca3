"""Annotate by Ray Data: on this machine or on a cluster. Scheduling, retries and resuming are Ray's."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spacy.util import is_package

from ..errors import Errors
from ..installed import is_installed
from .annotator import ModelSettings
from .formats import Source
from .shards import Record, ShardFolder, name_shards

CHECKPOINT = "checkpoint"
# Batches that a worker gets at once. With a single one it often waits for the next one.
BATCHES_PER_BLOCK = 4
# What the cluster of one job gets beside a core per worker: reading, writing, and leaving out what is done.
OTHER_CORES = 3
# Ray's checkpoint needs no more for ten million ids. Its default is a gigabyte.
CHECKPOINT_MEMORY = 256 << 20
# Seconds to wait for an answer of a cluster.
PATIENCE = 10


def require_ray() -> None:
    """RAISES (ImportError): If Ray or pyarrow is not installed."""
    if not is_installed("ray") or not is_installed("pyarrow"):
        raise ImportError(Errors.B087.format(what="`--engine ray`", package="ray", extra="ray"))


def annotate_by_ray(
    source: Source,
    model: ModelSettings,
    shards: ShardFolder,
    *,
    workers: int,
    batch_size: int,
    shard: int,
    address: str = "",
    show_progress: bool = False,
) -> None:
    """Annotate the rows that Ray's checkpoint in the folder of the run doesn't have.

    source (Source): The rows. The cluster's machines need the files, the pipeline and the folder at the same place.
    model (ModelSettings): The pipeline. Each worker loads it once. Relative paths are those of this process.
    shards (ShardFolder): Where rows go. Shards have any order.
    workers (int): The number of workers, each with a core, or with a GPU if the settings of the pipeline name one.
    batch_size (int): The most rows that are annotated at once.
    shard (int): The rows of a shard, if there are as many.
    address (str): The cluster. Empty for one on this machine that ends with the job.
    show_progress (bool): Whether Ray shows its progress bars. Defaults to False.
    RAISES (ValueError): If Ray stops.
    """
    with cluster(address, workers):
        import ray
        from ray.data import ActorPoolStrategy, DataContext
        from ray.data.checkpoint import CheckpointConfig
        from ray.exceptions import RayError

        from .ray_parts import ID, RayAnnotator, RowSource, ShardSink

        # It tells each step of the plan.
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = DataContext.get_current().copy()
        context.enable_progress_bars = show_progress
        checkpoint = (shards.output / CHECKPOINT).resolve()
        resuming = CheckpointConfig(ID, str(checkpoint), delete_checkpoint_on_success=False)
        resuming.checkpoint_actor_memory_bytes = CHECKPOINT_MEMORY
        context.checkpoint_config = resuming
        has_gpu = model.gpu_id >= 0
        model, shards = settings_for_workers(model), replace(shards, output=shards.output.absolute())
        try:
            with DataContext.current(context):
                size = BATCHES_PER_BLOCK * batch_size
                rows = ray.data.read_datasource(RowSource(source)).repartition(target_num_rows_per_block=size)
                annotated = rows.map_batches(
                    RayAnnotator,
                    batch_size=size,
                    batch_format="pyarrow",
                    compute=ActorPoolStrategy(size=workers),
                    num_cpus=None if has_gpu else 1,
                    num_gpus=1 if has_gpu else None,
                    fn_constructor_args=(model, source.shards, batch_size),
                )
                annotated.write_datasink(ShardSink(shards, shard))
        except (RayError, OSError) as error:
            message = Errors.B098.format(cause=_cause(error), whole=name_shards(committed_shards(shards)))
            raise ValueError(message) from error


def settings_for_workers(model: ModelSettings) -> ModelSettings:
    """RETURNS (ModelSettings): The pipeline, for workers that run in another folder. Ray gives each its GPU as 0."""
    is_folder = not is_package(model.model) and Path(model.model).exists()
    name = str(Path(model.model).absolute()) if is_folder else model.model
    return replace(model, model=name, gpu_id=min(model.gpu_id, 0))


def committed_shards(shards: ShardFolder) -> list[Record]:
    """RETURNS (list[Record]): The shards whose rows Ray's checkpoint has. It removes the others when it goes on."""
    suffix = shards.format.shard_suffix
    done = {path.stem + suffix for path in (shards.output / CHECKPOINT).glob("*.parquet")}
    return [record for record in shards.records() if record.name in done]


def _cause(error: BaseException) -> str:
    """RETURNS (str): The last line of a worker's traceback, which says what has happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def cluster(address: str, workers: int) -> Iterator[None]:
    """Connect with a cluster, or start one on this machine and end it. One that is connected already is used.

    address (str): Its address. Empty for that in RAY_ADDRESS, or else for a new one.
    workers (int): The workers that a new one is for.
    RAISES (ValueError): If nothing answers at the address.
    """
    address = address or os.environ.get("RAY_ADDRESS", "")
    if address:
        _require_answer(address)
    else:
        _prepare_environment()
    import ray

    if ray.is_initialized():
        yield
        return
    with ExitStack() as stack:
        options: dict[str, Any] = {"address": address}
        if not address:
            folder = stack.enter_context(TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
            options = {"num_cpus": workers + OTHER_CORES, "include_dashboard": False, "_temp_dir": folder}
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **options)
        stack.callback(ray.shutdown)
        yield


def _require_answer(address: str) -> None:
    """Look whether something listens there: Ray itself would try for ten minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        # A word that Ray knows, such as `auto`.
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ValueError(Errors.B099.format(address=address, cause=error)) from None


def _prepare_environment() -> None:
    """Set what Ray reads when it is imported and when it starts a cluster on this machine.

    It reports nothing to its makers, and says what is wrong by errors alone. It listens on loopback alone: the
    variable's name speaks of other systems, where that is the default. The cluster has a secret of its own, so that
    Ray writes none to the home folder.
    """
    # The pipeline was tried in this process, and Ray's processes are forked from it.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
