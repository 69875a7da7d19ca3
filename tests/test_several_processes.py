"""Training on two processes: the same weights as on one, to the last digits of float64."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from process_runs import DROPOUT, MIXED, RUNS, train
from safetensors.torch import load_file
from torch import Tensor

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: str) -> Path:
    """What two processes have written."""
    folder = tmp_path_factory.mktemp("processes")
    script = Path(__file__).with_name("process_runs.py")
    subprocess.run([*TORCHRUN, script, tiny_encoder, folder], check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def weights(folder: Path) -> list[dict[str, Tensor]]:
    """What each process has after all trainings."""
    return [load_file(folder / f"{rank}.safetensors") for rank in range(2)]


@pytest.fixture(scope="module")
def facts(folder: Path) -> list[dict[str, Any]]:
    """What each process tells of itself."""
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_learn_what_one_does(name: str, weights: list[dict[str, Tensor]], tiny_encoder: str) -> None:
    expected = train(RUNS[name], tiny_encoder)
    first, second = ({key: tensor for key, tensor in of.items() if key.startswith(f"{name}/")} for of in weights)
    assert first.keys() == {f"{name}/{key}" for key in expected}
    for key, tensor in expected.items():
        torch.testing.assert_close(first[f"{name}/{key}"], tensor, rtol=0, atol=1e-9)
    # Not only nearly: nothing would bring them together again.
    assert all(torch.equal(second[key], tensor) for key, tensor in first.items())


def test_processes_know_each_other(facts: list[dict[str, Any]]) -> None:
    assert [of["place"] for of in facts] == [[0, 2], [1, 2]]
    assert [of["alone"] for of in facts] == [[0, 1], [0, 1]]
    assert [of["same"] for of in facts] == [True, True]
    assert [of["different"] for of in facts] == [False, False]
    assert [of["first"] for of in facts] == ["from 0", "from 0"]


def test_gradients_of_all_shapes_are_added_up(facts: list[dict[str, Any]]) -> None:
    # The first process has a 1 at the end, the second one a 2 at the beginning.
    expected = [[3, 3, 3], *[[2, 1, 3]] * 5, [1, 1, 4]]
    assert [of["gradients"] for of in facts] == [expected, expected]


def test_only_dropout_differs_between_processes(facts: list[dict[str, Any]], tiny_encoder: str) -> None:
    first, second = facts
    assert first["dropout"] == second["dropout"]
    assert first["random"] == second["random"]
    assert first["torch"] != second["torch"]
    # In each process the half of the windows has a dropout of its own.
    assert first["dropout"] != [float(tensor.sum()) for tensor in train(DROPOUT, tiny_encoder).values()]


def test_mixed_precision_differs_by_rounding(facts: list[dict[str, Any]], tiny_encoder: str) -> None:
    first, second = facts
    assert first["mixed"] == second["mixed"]
    expected = [float(tensor.sum()) for tensor in train(MIXED, tiny_encoder, torch.float32).values()]
    assert first["mixed"] == pytest.approx(expected, rel=0.02, abs=0.02)


def test_all_skip_a_step_that_one_has_no_gradient_for(facts: list[dict[str, Any]]) -> None:
    assert [(of["skipped"], of["kept"]) for of in facts] == [(1, True), (1, True)]


def test_other_batches_are_an_error_in_all_processes(facts: list[dict[str, Any]]) -> None:
    assert all(of["error"].startswith("[B074] The processes that train component 'binder_ner'") for of in facts)
