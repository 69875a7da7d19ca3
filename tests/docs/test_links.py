"""Links of all pages: files, images and headings in the repository exist; addresses elsewhere are well-formed."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT
from markdown_pages import LINKED, anchors, links, name_of

FOUND = [(page, link) for page in LINKED for link in dict.fromkeys(links(page))]
INSIDE = [(page, link) for page, link in FOUND if not urlsplit(link).scheme]
OUTSIDE = [(page, link) for page, link in FOUND if urlsplit(link).scheme]


def ids(pairs: list[tuple[Path, str]]) -> list[str]:
    return [f"{name_of(page)}: {link}" for page, link in pairs]


@pytest.mark.parametrize(("page", "link"), INSIDE, ids=ids(INSIDE))
def test_link_inside(page: Path, link: str) -> None:
    parts = urlsplit(link)
    assert not link.startswith("/"), "On GitHub and on the site this would be the root of the server."
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    assert target.is_relative_to(ROOT.resolve())
    assert target.exists()
    if parts.fragment:
        assert parts.fragment in anchors(target)


@pytest.mark.parametrize(("page", "link"), OUTSIDE, ids=ids(OUTSIDE))
def test_link_outside(page: Path, link: str) -> None:
    parts = urlsplit(link)
    assert parts.scheme in ("https", "mailto"), link
    assert "." in parts.netloc or parts.scheme == "mailto"
    assert " " not in link
