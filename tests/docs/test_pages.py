"""Pages are short, nothing of this machine is in them, and the README's figures are those of docs/results."""

import re
from pathlib import Path

import pytest
from conftest import ROOT
from markdown_pages import DOCS, PAGES, name_of

README = ROOT / "README.md"
RESULTS = "\n".join(path.read_text(encoding="utf8") for path in DOCS if path.parent.name == "results")
# A number with its digits, thousands and decimals.
NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")


def results_table() -> list[str]:
    """RETURNS (list[str]): The rows of the tables in the README's section `Results`, without headers."""
    text = README.read_text(encoding="utf8")
    section = re.search(r"^## Results\n(.*?)(?=^## |\Z)", text, flags=re.M | re.S)
    assert section, "The README has no section `Results`."
    tables = re.findall(r"^\|.*\n\|[-:| ]+\|\n((?:\|.*\n)+)", section[1], flags=re.M)
    return [row for table in tables for row in table.splitlines()]


def figures(row: str) -> list[str]:
    """RETURNS (list[str]): The numbers in the cells of a row after the first one, which names a system or a corpus."""
    cells = re.sub(r"`[^`]*`|\]\([^)]*\)", "", row).strip("| ").split("|")
    return [number for cell in cells[1:] for number in NUMBER.findall(cell)]


# Weasel writes the one of the project.
@pytest.mark.parametrize("path", [path for path in PAGES if path.parent.name != "project"], ids=name_of)
def test_length(path: Path) -> None:
    n = len(path.read_text(encoding="utf8").splitlines())
    assert n <= (130 if path == README else 250)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_one_title_first(path: Path) -> None:
    text = re.sub(r"<!--.*?-->|```.*?```", "", path.read_text(encoding="utf8"), flags=re.S)
    titles = [line for line in text.splitlines() if line.startswith("# ")]
    assert len(titles) == 1
    if path != README:
        assert text.strip().startswith("# ")


def test_readme_has_figures() -> None:
    assert 1 <= len(results_table()) <= 6
    assert any(map(figures, results_table()))


@pytest.mark.parametrize("row", results_table())
def test_figures_of_the_readme_are_those_of_the_results(row: str) -> None:
    measured = set(NUMBER.findall(RESULTS))
    assert set(figures(row)) <= measured
