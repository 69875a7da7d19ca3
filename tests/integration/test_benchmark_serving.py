"""The load test of the server: figures that fit together."""

import json
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.append(str(ROOT))
from benchmarks.serving import main


def test_load_test(trained: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model, data = trained
    output = tmp_path / "serving.json"
    main(model, data, output, clients=4, sentences=8, rounds=2, threads=1, serve="--wait 1")
    written = json.loads(output.read_text(encoding="utf8"))
    result = written["result"]
    assert result["requests"] == 2 * written["plan"]["sentences"] == 16
    assert 0 < result["p50_ms"] <= result["p99_ms"]
    # Four clients at once: a round takes at least the time of its requests, divided by four.
    assert result["requests_per_second"] <= 4 * 1000 / (result["p50_ms"] / 2)
    assert result["words_per_second"] > result["requests_per_second"]
    assert 0 < result["ratio"]["min"] <= result["ratio"]["median"] <= result["ratio"]["max"]
    assert result["ratio_by_processor"]["median"] > 0
    assert "requests_per_second" in capfd.readouterr().out
