"""The layout: each folder imports only from those before it, no file is too long, and text and spans need no torch."""

import ast
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "spacy_binder"
# From the bottom up. Modules of one row may import each other, but not in a circle.
ROWS = [
    {"errors", "installed"},
    {"config", "settings", "descriptions"},
    {"text"},
    {"spans"},
    {"modules"},
    {"layers"},
    {
        "added_labels",
        "architectures",
        "annotations",
        "factory",
        "gold",
        "labels",
        "learned_types",
        "options",
        "saving",
        "scorer",
        "type_counts",
        "pipeline",
    },
    {"corpora", "analysis"},
    {"annotation", "app", "serving"},
    {"cli", "train"},
]
PLACE = {name: i for i, row in enumerate(ROWS) for name in row}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parts[-2:] != ("spacy_binder", "__init__.py"))


def dotted(path: Path) -> str:
    """RETURNS (str): The name of a module inside the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> set[str]:
    """RETURNS (set[str]): The package's own modules that a module imports anywhere."""
    package = path.relative_to(PACKAGE).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            for alias in node.names:
                whole = ".".join(filter(None, [*base, alias.name]))
                found.add(whole if whole in MODULES else ".".join(filter(None, base)))
    return found


MODULES = {dotted(path) for path in FILES}
IMPORTS = {dotted(path): imports(path) for path in FILES}


@pytest.mark.parametrize("module", sorted(IMPORTS))
def test_imports_go_down(module: str) -> None:
    place = PLACE[module.split(".")[0]]
    assert {other for other in IMPORTS[module] if PLACE[other.split(".")[0]] > place} == set()


def test_no_circles() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path, module])
        if module not in done:
            for other in IMPORTS.get(module, ()):
                visit(other, (*path, module))
            done.add(module)

    for module in IMPORTS:
        visit(module, ())


def test_only_shared_transformers_need_spacy_transformers() -> None:
    """It doesn't work with transformers 5 yet, and what works there may not import it."""
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.split(".")[0] == "spacy_transformers" for name in names):
                found.add(dotted(path))
    assert found <= {"layers.listener", "layers.connection", "layers.transformer_copy"}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_files_hold_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf8").splitlines()) <= 450


@pytest.mark.parametrize("module", [name for name in sorted(IMPORTS) if name.startswith(("text", "spans"))])
def test_text_and_spans_need_no_torch(module: str) -> None:
    """At their top: thinc imports torch itself, so that a look at `sys.modules` tells nothing."""
    [path] = [path for path in FILES if dotted(path) == module]
    for node in ast.parse(path.read_text(encoding="utf8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & {"torch", "transformers", "thinc"}
