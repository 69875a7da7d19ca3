"""The codes of errors and warnings: numbered in order, in their messages, and used."""

import re

import pytest
from conftest import ROOT

from spacy_binder.errors import Errors, Warnings

SOURCE = "\n".join(path.read_text(encoding="utf8") for path in (ROOT / "spacy_binder").rglob("*.py"))


@pytest.mark.parametrize(("kind", "prefix", "digits"), [(Errors, "B", 3), (Warnings, "BW", 2)])
def test_codes(kind: type, prefix: str, digits: int) -> None:
    codes = [name for name in vars(kind) if re.fullmatch(r"BW?\d+", name)]
    assert codes == [f"{prefix}{number:0{digits}}" for number in range(1, len(codes) + 1)]
    for code in codes:
        assert getattr(kind, code).startswith(f"[{code}] ")
        assert f"{kind.__name__}.{code}" in SOURCE
