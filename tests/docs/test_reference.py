"""The pages of docs/reference are what docs/make_reference.py writes from the code of today."""

import importlib.util
import sys
from types import ModuleType

import pytest
from conftest import ROOT

NAMES = sorted(path.stem for path in (ROOT / "docs" / "reference").glob("*.md"))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """docs/make_reference.py as a module."""
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks for the module that it is in.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_page_is_up_to_date(script: ModuleType, name: str) -> None:
    written = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf8")
    assert script.PAGES[name]() == written, "Run `make reference`."


def test_all_pages_are_there(script: ModuleType) -> None:
    assert sorted(script.PAGES) == NAMES


def test_table_of_modules_is_up_to_date(script: ModuleType) -> None:
    written = (ROOT / "docs" / "architecture.md").read_text(encoding="utf8")
    assert script.architecture_page() == written, "Run `make reference`."
