"""A hook of mkdocs: files of the repository that pages link to, but that are not in docs/, become part of the site.

`../project/README.md` becomes a page, and `../configs/binder.cfg` a file. A link to a folder becomes plain text. So
links work on GitHub, and the site has them too, all checked.
"""

from __future__ import annotations

import re
from os.path import relpath
from pathlib import Path
from posixpath import normpath
from typing import Any
from urllib.parse import urlsplit

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).parents[1]
# Where they are in the site.
PLACE = "repository"
LINK = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\])\(([^)\s]+)\)")
HTML_LINK = re.compile(r'((?:src|srcset|href)=")([^"]+)(")')


def on_files(files: Files, config: Any) -> Files:
    """Add the files that pages link to. Pages that come in this way may link to others."""
    seen = {file.src_uri for file in files}
    waiting = [file for file in files.documentation_pages() if file.inclusion.is_included()]
    while waiting:
        page = waiting.pop()
        for _, link in LINK.findall(page.content_string):
            target = outside(page.src_uri, link)
            if target and target.is_file() and (uri := uri_of(target)) not in seen:
                seen.add(uri)
                # Its contents are read from the repository, so that nothing is copied by hand.
                file = File.generated(config, uri, abs_src_path=str(target), inclusion=InclusionLevel.NOT_IN_NAV)
                files.append(file)
                if file.is_documentation_page():
                    waiting.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Point links to the places of these files in the site."""
    uri = page.file.src_uri

    def replace(match: re.Match[str]) -> str:
        address = new_address(uri, match[2])
        # A folder has no page.
        return match[1].strip("[]") if address == "" else f"{match[1]}({address})"

    markdown = LINK.sub(replace, markdown)
    return HTML_LINK.sub(lambda match: f"{match[1]}{new_address(uri, match[2])}{match[3]}", markdown)


def new_address(uri: str, link: str) -> str:
    """RETURNS (str): What a link of a page is on the site. Empty for a folder."""
    target = outside(uri, link)
    if target is None or not target.exists():
        return link
    if target.is_dir():
        return ""
    fragment = urlsplit(link).fragment
    return relpath(uri_of(target), Path(uri).parent) + (f"#{fragment}" if fragment else "")


def outside(uri: str, link: str) -> Path | None:
    """RETURNS (Path, optional): What a link points to, if that or the page itself is not in docs/."""
    parts = urlsplit(link)
    if parts.scheme or not parts.path or parts.path.startswith("/"):
        return None
    # The place of the page in the repository.
    source = f"docs/{uri}"
    if uri.startswith(f"{PLACE}/"):
        source = uri.removeprefix(f"{PLACE}/")
    target = normpath(f"{Path(source).parent.as_posix()}/{parts.path}")
    is_inside = source.startswith("docs/") and target.startswith("docs/")
    return None if is_inside or target.startswith("..") else ROOT / target


def uri_of(target: Path) -> str:
    """RETURNS (str): The place in the site of a file of the repository."""
    path = target.relative_to(ROOT)
    if path.parts[0] == "docs":
        return Path(*path.parts[1:]).as_posix()
    return f"{PLACE}/{path.as_posix()}"
