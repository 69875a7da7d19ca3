"""The README's example runs as it stands, and finds what it was taught."""

import re

from conftest import ROOT


def test_example_of_use() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf8"), flags=re.S)
    names: dict = {}
    exec(code, names)
    found = [(span.text, span.label_) for span in names["doc"].spans["sc"]]
    assert found == [("mayor of Paris", "PER"), ("Paris", "GPE"), ("Anna Lind", "PER")]
