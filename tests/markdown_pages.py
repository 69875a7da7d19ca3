"""The pages of the documentation: their blocks of code, their headings and their links."""

import re
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple
from unicodedata import category

from conftest import ROOT

DOCS = sorted((ROOT / "docs").rglob("*.md"))
# The pages whose blocks are run.
PAGES = [ROOT / "README.md", *DOCS, ROOT / "CONTRIBUTING.md", ROOT / "project" / "README.md"]
# All pages whose links are followed.
LINKED = sorted({*PAGES, *ROOT.glob("*.md"), ROOT / "benchmarks" / "README.md"})
FENCE = re.compile(r"( *)(```+|~~~+) *([\w+-]*).*")
MARK = re.compile(r" *<!-- not run: (.*?) *-->")
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]*)>?[^)]*\)")
HTML_LINK = re.compile(r'(?:href|src|srcset)="([^"]*)"')
HTML_ANCHOR = re.compile(r'<a (?:id|name)="([^"]*)"')


class Block(NamedTuple):
    """A block of code between fences.

    line (int): The line of its first line of code, from 1.
    language (str): What follows the opening fence, such as `python`.
    code (str): The code.
    reason (str): Why it is not to be run, by the mark `<!-- not run: reason -->` before it. Empty if it is to be run.
    """

    line: int
    language: str
    code: str
    reason: str


def name_of(path: Path) -> str:
    """RETURNS (str): The path of a page in the repository."""
    return path.relative_to(ROOT).as_posix()


def read_page(path: Path) -> tuple[list[Block], str]:
    """RETURNS (tuple[list[Block], str]): The blocks of a page, and its text without them."""
    lines = path.read_text(encoding="utf8").splitlines()
    blocks, text = [], []
    fence, start = None, 0
    for i, line in enumerate(lines):
        match = FENCE.fullmatch(line)
        if fence is None and match:
            fence, start = match, i
        elif fence is None:
            text.append(line)
        elif line.strip() == fence[2]:
            before = [text_line for text_line in lines[:start] if text_line.strip()]
            mark = MARK.fullmatch(before[-1]) if before else None
            code = dedent("\n".join(lines[start + 1 : i]))
            blocks.append(Block(start + 2, fence[3].lower(), code, mark[1] if mark else ""))
            fence = None
    assert fence is None, f"{name_of(path)}, line {start + 1}: the block has no end"
    return blocks, "\n".join(text)


def links(path: Path) -> list[str]:
    """RETURNS (list[str]): What the links and images of a page point to."""
    text = re.sub(r"`[^`\n]*`", "", read_page(path)[1])
    found = [*LINK.findall(text), *HTML_LINK.findall(text)]
    references = re.findall(r"^ *\[[^\]]+\]: +(\S+)", text, flags=re.M)
    return [link for target in (*found, *references) for link in target.split(", ")[:1]]


def anchors(path: Path) -> set[str]:
    """RETURNS (set[str]): What a link into a page can name: its headings as GitHub writes them, and HTML anchors."""
    text = read_page(path)[1]
    found = set(HTML_ANCHOR.findall(text))
    counts: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", text, flags=re.M):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = "".join(c for c in plain.lower() if c in "-_ " or category(c)[0] in "LN").replace(" ", "-")
        n = counts.get(slug, 0)
        counts[slug] = n + 1
        found.add(f"{slug}-{n}" if n else slug)
    return found
