"""Whether a package is installed: a folder of its name is none."""

from pathlib import Path

import pytest

from spacy_binder.installed import is_installed


def test_a_folder_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "only_a_folder").mkdir()
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").touch()
    (tmp_path / "a_module.py").touch()
    assert not is_installed("only_a_folder")
    assert not is_installed("nowhere")
    assert is_installed("a_package")
    assert is_installed("a_module")
    assert is_installed("torch")
