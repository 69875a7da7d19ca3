"""`spacy binder annotate --engine ray` on a cluster of this machine: equal to `nlp.pipe`, whatever is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import psutil
import pytest
import spacy
from annotated_files import annotate, failed_rows, read_json, read_rows, require_equal, sentences, write_rows

from spacy_binder.annotation.annotator import ModelSettings
from spacy_binder.annotation.jsonl_rows import JsonlRows, JsonlShards
from spacy_binder.annotation.ray_engine import CHECKPOINT, cluster, committed_shards, settings_for_workers
from spacy_binder.annotation.rows import AnnotatedRow
from spacy_binder.annotation.shards import ShardFolder

# Not by import: what the engine sets for Ray has to be set before.
pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
    # Ray sets its own old settings.
    pytest.mark.filterwarnings("ignore:`use_:DeprecationWarning"),
]
HERE = Path(__file__).parent
WORKERS = 2
# Seconds. A worker starts in five on a free core.
PATIENCE = 300
TAKES = 0.05
BAD = [b'{"id": "surrogate", "text": "Riga \\ud800"}', b'{"id": "number", "text": 5}']


class Noted:
    """The texts that the pipeline saw, and in which processes."""

    def __init__(self, path: Path) -> None:
        """Take the file that they are noted in."""
        self.path = path
        self.clear()

    def clear(self) -> None:
        """Forget them."""
        self.path.write_text("", encoding="utf8")

    def by_workers(self) -> list[tuple[int, str]]:
        """RETURNS (list[tuple[int, str]]): Process and text. What the pipeline is tried on is left out."""
        lines = self.path.read_text(encoding="utf8").splitlines()
        found = (json.loads(line) for line in lines)
        return [(process, text) for process, text in found if text != "One two."]


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Noted]:
    """A Ray cluster whose workers know the component `note_texts`, and what they note. It ends with the file."""
    folder = tmp_path_factory.mktemp("ray")
    plugin = folder / "plugin"
    shutil.copytree(HERE, plugin, ignore=lambda _, names: [name for name in names if name != "counting.py"])
    info = plugin / "counting-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: counting\nVersion: 0\n", encoding="utf8")
    (info / "entry_points.txt").write_text("[spacy_factories]\nnote_texts = counting:note_texts\n", encoding="utf8")
    notes = Noted(folder / "noted")
    own = psutil.Process()
    before, environment = {child.pid for child in own.children(recursive=True)}, dict(os.environ)
    added = {"PYTHONPATH": str(plugin), "NOTED_TEXTS": str(notes.path), "NOTING_TAKES": str(TAKES)}
    os.environ.update(added)
    sys.path.insert(0, str(plugin))
    import_module("counting")
    try:
        with cluster("", WORKERS):
            yield notes
    finally:
        sys.path.remove(str(plugin))
        os.environ.clear()
        os.environ.update(environment)
    # Nothing is left running.
    wait_until(lambda: {child.pid for child in own.children(recursive=True)} <= before)


@pytest.fixture(scope="module")
def model(noted: Noted, trained: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that notes each text."""
    nlp = spacy.load(trained[0])
    nlp.add_pipe("note_texts", first=True)
    folder = tmp_path_factory.mktemp("noting") / "model"
    nlp.to_disk(folder)
    return folder


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that comes soon on a free machine. Fail if it doesn't come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def command(*arguments: object) -> list[str]:
    """RETURNS (list[str]): The command for a Ray cluster, with small batches and shards."""
    options = ["--engine", "ray", "--workers", WORKERS, "--batch-size", 4, "--shard", 8]
    return [*map(str, arguments), *map(str, options)]


def different_texts(data: Path, n: int) -> list[str]:
    """RETURNS (list[str]): Texts that differ, so that each can be counted."""
    found = sentences(data)
    return [f"{found[i % len(found)]} {i}" for i in range(n)]


def test_the_cluster_is_of_this_machine_alone(noted: Noted) -> None:
    """It listens on loopback, and does not report to Ray's makers."""
    processes = [child for child in psutil.Process().children(recursive=True) if "ray" in " ".join(child.cmdline())]
    places = {
        place.laddr.ip for each in processes for place in each.net_connections("inet") if place.status == "LISTEN"
    }
    assert places
    assert places <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    [raylet] = [each for each in processes if each.name() == "raylet"]
    assert raylet.environ()["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://localhost:1", "127.0.0.1:99999"])
def test_no_cluster_there(address: str) -> None:
    """It is said at once. Ray would try for minutes."""
    with pytest.raises(ValueError, match=f"B099.*{address}"), cluster(address, WORKERS):
        pass


def test_killed_worker(noted: Noted, model: Path, trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Each row is there once, as by `nlp.pipe`, or among those that failed. Ray starts another worker."""
    texts = different_texts(trained[1], 60)
    rows = [{"id": i, "text": text} for i, text in enumerate(texts)]
    source = write_rows(tmp_path / "in.jsonl", [*rows[:10], *BAD, *rows[10:]])
    noted.clear()
    killed: list[int] = []

    def kill() -> None:
        wait_until(lambda: len(noted.by_workers()) > 12)
        killed.append(noted.by_workers()[-1][0])
        os.kill(killed[0], signal.SIGKILL)

    killer = Thread(target=kill, daemon=True)
    killer.start()
    annotate(*command(model, source, tmp_path / "out"), exit_code=3)
    killer.join()
    assert killed[0] != os.getpid()
    written = sorted(read_rows(tmp_path / "out"), key=lambda row: row["id"])
    assert [row["id"] for row in written] == list(range(60))
    assert require_equal(written, spacy.load(trained[0]).pipe(texts)) > 60
    assert sorted(row["id"] for row in failed_rows(tmp_path / "out")) == ["number", "surrogate"]
    manifest = read_json(tmp_path / "out" / "manifest.json")
    assert [manifest[name] for name in ("rows_in", "rows_out", "rows_failed")] == [62, 60, 2]
    processes = {process for process, _ in noted.by_workers()}
    assert len(processes) == WORKERS + 1


def test_killed_driver(noted: Noted, model: Path, trained: tuple[Path, Path], tmp_path: Path) -> None:
    """The same command does what is missing, and no row a second time. Other settings are refused."""
    import ray

    texts = different_texts(trained[1], 120)
    source = write_rows(tmp_path / "in.jsonl", ({"id": i, "text": text} for i, text in enumerate(texts)))
    out, arguments = tmp_path / "out", command(model, source, tmp_path / "out")
    noted.clear()
    address = ["--address", ray.get_runtime_context().gcs_address]
    driver = subprocess.Popen([sys.executable, "-m", "spacy", "binder", "annotate", *arguments, *address])
    wait_until(lambda: len(committed(out)) >= 2 or driver.poll() is not None)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    # Workers end with their driver. Until then one may still finish a shard.
    workers = {process for process, _ in noted.by_workers()} - {driver.pid}
    wait_until(lambda: not any(psutil.pid_exists(worker) for worker in workers))
    done = {row["text"] for row in read_rows(out) if row["id"] in committed_ids(out)}
    assert 16 <= len(done) < len(texts)
    for options in (["--threshold", 0.3], ["--text-field", "body"]):
        annotate(*arguments, *options, exit_code=1)
    noted.clear()
    assert f"Going on: {len(done)} of {len(texts)} rows were annotated before" in annotate(*arguments)
    assert Counter(text for _, text in noted.by_workers()) == Counter(set(texts) - done)
    written = sorted(read_rows(out), key=lambda row: row["id"])
    assert require_equal(written, spacy.load(trained[0]).pipe(texts))
    assert read_json(out / "manifest.json")["resumed"]["rows"] == len(done)
    assert "All rows were annotated before" in annotate(*arguments)


def test_full_disk(
    noted: Noted,
    model: Path,
    trained: tuple[Path, Path],
    small_disk: tuple[Path, Callable[[str], None]],
    tmp_path: Path,
) -> None:
    """The error names the shards that are whole, and nothing is left of the other one."""
    disk, resize = small_disk
    if not disk.is_mount():
        pytest.skip("nothing can be mounted here, and a limit of this process is none of Ray's workers")
    texts = different_texts(trained[1], 24)
    rows = [{"id": i, "text": text, "scan": "0" * 400_000 * (i == 20)} for i, text in enumerate(texts)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    resize("200k")
    printed = annotate(*command(model, source, disk / "out"), exit_code=1)
    assert "B098" in printed and "No space left on device" in printed
    # Ray may write the shard that doesn't fit before the others.
    written = sorted((disk / "out" / "shards").iterdir())
    names = [path.name for path in written if path.stem in {done.stem for done in committed(disk / "out")}]
    assert [path.name for path in written if path.suffix != ".jsonl"] == []
    shown = f"{len(names)} ({', '.join(names)})" if names else "none"
    assert f"These shards are whole: {shown}" in printed
    assert {row["id"] for row in read_rows(disk / "out")} <= set(range(24)) - {20}
    assert not (disk / "out" / "manifest.json").exists()


def committed(output: Path) -> list[Path]:
    """RETURNS (list[Path]): The files of ids that Ray's checkpoint has."""
    return [path for path in (output / CHECKPOINT).glob("*.parquet") if ".pending" not in path.name]


def committed_ids(output: Path) -> set[int]:
    """RETURNS (set[int]): The ids of the rows that are done."""
    from pyarrow import parquet

    return {int(name) for path in committed(output) for name in parquet.read_table(path)["id"].to_pylist()}


def test_settings_for_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers run in other folders, and each sees one GPU."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    found = [settings_for_workers(ModelSettings(name, gpu_id=gpu)) for name, gpu in (("model", 3), ("en_model", -1))]
    assert [(one.model, one.gpu_id) for one in found] == [(str(tmp_path / "model"), 0), ("en_model", -1)]


def test_shards_that_are_not_in_the_checkpoint_do_not_count(tmp_path: Path) -> None:
    """Ray removes them when it goes on."""
    shards = ShardFolder(tmp_path, JsonlShards(JsonlRows("text", "id"), "spans"))
    shards.prepare()
    for name in "ab":
        shards.write(name, [AnnotatedRow(name, f"in.jsonl:{name}", b"{}", "", 1)])
    (tmp_path / CHECKPOINT).mkdir()
    (tmp_path / CHECKPOINT / "b.parquet").touch()
    assert [record.name for record in committed_shards(shards)] == ["b.jsonl"]
