"""The speed benchmark: a quick run of all its parts, which says nothing about speed."""

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import spacy
import typer
from conftest import ROOT
from typer.testing import CliRunner, Result

pytest.importorskip("matplotlib")
# The benchmarks aren't installed.
sys.path.append(str(ROOT))
from benchmarks.parts import write_json
from benchmarks.speed import __main__ as program
from benchmarks.speed import plan
from benchmarks.speed.plan import GROUPS
from benchmarks.speed.task import measure

TABLES = [
    "Modes",
    "Training step",
    "Number of labels",
    "Length of documents",
    "Batch size",
    "Long input",
    "Start-up",
    "Peers",
]


def benchmark(*arguments: object) -> Result:
    """Do a quick run in float32 on one thread."""
    app = typer.Typer()
    app.command()(program.main)
    options = ["--quick", "--modes", "float32", "--threads", "1", "--runs", "1", "--long", "--million"]
    return CliRunner().invoke(app, [*map(str, arguments), *options])


def run_here(part: dict, arguments: list, threads: int, path: Path) -> dict[str, Any]:
    """Do in this process what `run_part` does in another one."""
    record = {**part, "date": "", "wall_seconds": 0.0, "result": measure(part["task"], part["settings"])}
    write_json(record, path)
    return record


@pytest.fixture(scope="module")
def measured(trained: tuple[Path, Path], small_encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped and taken up again twice: what was measured isn't measured again."""
    model, data = trained
    output = tmp_path_factory.mktemp("speed")
    arguments = (model, small_encoder, data, data, output)
    with pytest.MonkeyPatch.context() as patch:
        # GLiNER is a part more where it is installed.
        patch.setattr(plan, "is_installed", lambda _: False)
        # In a process of its own.
        first = benchmark(*arguments, "--only", "memory")
        assert first.exit_code == 0, first.output
        assert "1 of 11 parts measured, 0 failed" in first.output
        patch.setattr(program, "run_part", run_here)
        second = benchmark(*arguments)
        assert second.exit_code == 0, second.output
        assert second.output.count("kept from") == 1
        files = {path: path.stat().st_mtime_ns for path in (output / "parts").glob("*.json")}
        third = benchmark(*arguments)
    assert third.output.count("kept from") == len(files) == 11
    assert ": measured in" not in third.output
    assert files == {path: path.stat().st_mtime_ns for path in files}
    return output


@pytest.fixture(scope="module")
def speed(measured: Path) -> dict[str, Any]:
    """The content of speed.json."""
    return json.loads((measured / "speed.json").read_text(encoding="utf8"))


def test_every_part_has_a_result(speed: dict[str, Any]) -> None:
    assert not speed["failed"]
    assert {name.partition("-")[0] for name in speed["parts"]} == set(GROUPS)
    for name, part in speed["parts"].items():
        assert part["result"]["peak_rss_mib"] > 0, name
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
    # All lengths have the same words.
    assert sweeps["length"]["words"] == 512
    training = parts["training-float32-1t"]
    assert training["cost"]["median"] == pytest.approx(
        training["seconds"]["update"][0] / training["seconds"]["bare"][0]
    )
    assert 20 < training["wordpieces_per_passage"] <= 128
    assert training["update_peak_rss_mib"] > parts["training-bare-1t"]["peak_rss_mib"] / 2


def test_scores_are_those_of_the_pipeline(speed: dict[str, Any]) -> None:
    # It was trained on what it is measured on.
    assert speed["parts"]["scores-float32"]["result"]["f"] > 0.9


def test_long_input_is_read_whole(speed: dict[str, Any]) -> None:
    stream, doc = (speed["parts"][f"long-{name}"]["result"] for name in ("stream", "document"))
    assert stream["docs"] == 20 and len(stream["rss_mib"]) == 10
    assert doc["words"] == 1000
    assert 900 < doc["last_span_ends"] <= 1000


def test_labels_are_added_to_the_own_ones(speed: dict[str, Any], trained: tuple[Path, Path]) -> None:
    labels = speed["parts"]["labels-50"]["result"]
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
    assert "Failed" not in page


def test_figure_names_the_modes(measured: Path) -> None:
    root = ElementTree.parse(measured / "speed.svg").getroot()
    texts = {"".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("text")}
    assert {"float32", "bare encoder"} <= texts
    assert (measured / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_what_fails_is_counted(trained: tuple[Path, Path], small_encoder: str, tmp_path: Path) -> None:
    model, data = trained
    run = benchmark(model, small_encoder, data, tmp_path / "none.spacy", tmp_path, "--only", "memory")
    assert run.exit_code == 1
    assert "1/1 memory-bare: failed" in run.output
    assert "none.spacy" in run.output
    assert "1 failed" in run.output
    assert "- memory-bare: " in (tmp_path / "speed.md").read_text(encoding="utf8")
    assert json.loads((tmp_path / "speed.json").read_text(encoding="utf8"))["failed"] == ["memory-bare"]
