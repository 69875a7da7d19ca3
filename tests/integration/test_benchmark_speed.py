"""The project's benchmark: a quick run of all its parts, which says nothing about speed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import spacy
from conftest import ROOT

pytest.importorskip("matplotlib")
if not hasattr(os, "sched_setaffinity"):
    pytest.skip("Processors can't be chosen on this system", allow_module_level=True)

TABLES = [
    "Modes",
    "Training step",
    "Number of labels",
    "Length of documents",
    "Batch size",
    "Equality of batches",
    "Long input",
    "Start-up",
    "Peers",
]
# Two runs side by side take half the time.
HALVES = ["scores,memory,training,long", "ratio,labels,sweeps,peers,startup"]


def start(*arguments: object) -> subprocess.Popen:
    """Start a quick run in float32 on one thread."""
    options = ["--quick", "--modes", "float32", "--threads", "1", "--training", "float32", "--long"]
    command = [sys.executable, "-m", "benchmarks.speed", *map(str, arguments), *options]
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=ROOT)


@pytest.fixture(scope="module")
def measured(trained: tuple[Path, Path], minilm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped and taken up again: the second half measures nothing."""
    model, data = trained
    output = tmp_path_factory.mktemp("speed")
    arguments = (model, minilm, data, data, output)
    processors = os.sched_getaffinity(0)
    runs = []
    for processor, groups in zip(sorted(processors)[:1] + sorted(processors)[-1:], HALVES, strict=True):
        # A process inherits the processors it may use.
        os.sched_setaffinity(0, {processor})
        runs.append(start(*arguments, "--only", groups))
    os.sched_setaffinity(0, processors)
    for run in runs:
        printed, _ = run.communicate()
        assert run.returncode == 0, printed
        assert "0 failed" in printed
    files = {path: path.stat().st_mtime_ns for path in (output / "parts").iterdir()}
    again = start(*arguments)
    printed, _ = again.communicate()
    assert again.returncode == 0, printed
    assert printed.count("kept from") == len(files)
    assert ": measured in" not in printed
    assert files == {path: path.stat().st_mtime_ns for path in (output / "parts").iterdir()}
    return output


@pytest.fixture(scope="module")
def speed(measured: Path) -> dict[str, Any]:
    """What speed.json says."""
    return json.loads((measured / "speed.json").read_text(encoding="utf8"))


def test_every_part_has_a_result(speed: dict[str, Any]) -> None:
    assert not speed["failed"]
    groups = {part["group"] for part in speed["parts"].values()}
    assert groups == {",".join(HALVES).split(",")[i] for i in range(9)}
    for name, part in speed["parts"].items():
        assert part["name"] == name
        assert part["result"]["peak_rss_mib"] > 50
        assert part["wall_seconds"] > 0
    assert {"processor", "cores", "flags", "versions", "date"} <= set(speed["machine"])
    assert speed["plan"]["threads"] == [1]


def test_ratios_are_those_of_the_raw_runs(speed: dict[str, Any]) -> None:
    parts = {name: part["result"] for name, part in speed["parts"].items()}
    sweeps = parts["sweeps-float32"]
    compared = [parts["ratio-float32-1t"], sweeps["length"], sweeps["batch"], parts["peers-spancat"]]
    for result in compared:
        assert set(result["seconds"]) == {"bare", *result["ratio"]}
        for side, ratio in result["ratio"].items():
            assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
            bare, other = result["seconds"]["bare"], result["seconds"][side]
            assert ratio["median"] == pytest.approx(bare[0] / other[0])
            assert result["words_per_second"][side] == pytest.approx(result["words"] / other[0])
    training = parts["training-float32-1t"]
    assert training["cost"]["median"] > 0
    assert 50 < training["wordpieces_per_window"] <= 128
    assert training["update_peak_rss_mib"] > parts["training-bare-1t"]["peak_rss_mib"] / 2


def test_scores_do_not_depend_on_the_batch_size(speed: dict[str, Any], trained: tuple[Path, Path]) -> None:
    scores = speed["parts"]["scores-float32"]["result"]
    # It was trained on what it is measured on.
    assert scores["f"] > 0.9
    assert {row["batch_size"] for row in scores["equality"]} == {1, 8}
    assert {row["cut_at"] for row in scores["equality"]} == {0, 200}
    for row in scores["equality"]:
        assert row["spans"] > 0
        assert row["in_one_alone"] == 0
        assert row["difference"] <= 1e-4


def test_labels_are_added_to_the_own_ones(speed: dict[str, Any], trained: tuple[Path, Path]) -> None:
    labels = speed["parts"]["labels-float32-50"]["result"]
    assert labels["own_labels"] == len(spacy.load(trained[0]).get_pipe("binder_ner").labels)
    assert labels["labels"] == 50
    assert set(labels["words_per_second"]) == {"own", "all"}
    assert labels["encoding_seconds"] > 0


def test_the_package_costs_no_torch(speed: dict[str, Any]) -> None:
    assert speed["parts"]["startup"]["result"]["imports_torch"] is False


def test_markdown_has_every_table(measured: Path) -> None:
    page = (measured / "speed.md").read_text(encoding="utf8")
    for title in TABLES:
        assert f"### {title}\n" in page
    for table in page.split("### ")[1:]:
        widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
        assert len(widths) == 1
    assert "failed" not in page


def test_figure_names_the_modes(measured: Path) -> None:
    root = ElementTree.parse(measured / "speed.svg").getroot()
    texts = {"".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("text")}
    assert {"float32", "bare encoder"} <= texts
    assert (measured / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_what_fails_is_counted(trained: tuple[Path, Path], minilm: str, tmp_path: Path) -> None:
    model, data = trained
    run = start(model, minilm, data, tmp_path / "none.spacy", tmp_path, "--only", "memory")
    printed, _ = run.communicate()
    assert run.returncode == 1
    assert "1/1 memory-bare: failed" in printed
    assert "none.spacy" in printed
    assert "1 failed" in printed
    assert "- memory-bare: " in (tmp_path / "speed.md").read_text(encoding="utf8")
    assert json.loads((tmp_path / "speed.json").read_text(encoding="utf8"))["failed"] == ["memory-bare"]
