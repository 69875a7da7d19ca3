"""Each promise of docs/guide/trust.md names a test that there is."""

import ast
import re

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "guide" / "trust.md").read_text(encoding="utf8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise")]


def test_there_are_promises() -> None:
    assert len(ROWS) > 25


@pytest.mark.parametrize("row", ROWS)
def test_promise_has_a_test(row: str) -> None:
    named = re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", row.split(" | ")[-1])
    assert named
    for path, name in named:
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("code", sorted(set(re.findall(r"BW?\d+", PAGE))))
def test_codes_exist(code: str) -> None:
    assert f"    {code} = " in (ROOT / "spacy_binder" / "errors.py").read_text(encoding="utf8")
