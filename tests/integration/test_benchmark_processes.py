"""The benchmark of training on several processes, for one step and one process, which says nothing about speed."""

import sys
from pathlib import Path

import pytest
from conftest import ROOT

# The benchmarks aren't installed.
sys.path.append(str(ROOT))
from benchmarks.speed.processes import summarize, time_steps


def test_steps_are_timed(
    trained: tuple[Path, Path], tiny_encoder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    overrides = {
        "paths.train": str(trained[1]),
        "paths.labels": str(ROOT / "project" / "datasets" / "demo" / "labels.json"),
        "components.binder_ner.model.text_encoder.name": tiny_encoder,
        "training.batcher.size": 1,
    }
    found = time_steps(ROOT / "configs" / "binder.cfg", overrides, 1)
    assert 5 < found["words"] < 200
    assert found["seconds"] > 0 and found["processor"] > 0


def test_processes_are_compared_by_words_per_second() -> None:
    alone = [{"words": 100, "seconds": 10, "processor": 5}, {"words": 100, "seconds": 20, "processor": 5}]
    both = [{"words": 200, "seconds": 10, "processor": 8}, {"words": 100, "seconds": 5, "processor": 4}]
    first, second = summarize({1: alone, 2: both})
    assert first.startswith("1 process(es): 8 words per second, 1.00 times as many (1.00 to 1.00); by the processor")
    assert second == (
        "2 process(es): 20 words per second, 3.00 times as many (2.00 to 4.00); "
        "by the processor time of one of them 25 words per second, 1.25 times as many (1.25 to 1.25)"
    )
