"""Every block of Python and shell on the pages runs, page by page, or says why not. Configs and JSON are read."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import spacy
from conftest import DEMO
from markdown_pages import MARK, PAGES, Block, name_of, read_page
from project_copy import copy_project, run_here
from spacy.tokens import DocBin
from spacy.util import registry
from thinc.api import Config

BLOCKS = {page: read_page(page)[0] for page in PAGES}
PYTHON, SHELL, CONFIG, DATA = {"python"}, {"bash", "sh", "shell"}, {"ini", "cfg"}, {"json", "jsonl"}
# Output and pictures of text.
PLAIN = {"", "text"}
# What makes a line more than a command and its arguments.
SHELL_SYNTAX = re.compile(r"[|&;<>$*(){}]|^\w+=")


def runs(block: Block) -> bool:
    """RETURNS (bool): Whether a block is to be run."""
    return block.language in PYTHON | SHELL and not block.reason


def with_counts(page: Path) -> str:
    """RETURNS (str): A page, and how many of its blocks are run."""
    blocks = [block for block in BLOCKS[page] if block.language in PYTHON | SHELL]
    n_run = sum(map(runs, blocks))
    return f"{name_of(page)}: {n_run} run, {len(blocks) - n_run} not run"


RUN = [page for page in PAGES if any(map(runs, BLOCKS[page]))]
OTHERS = [(page, block) for page in PAGES for block in BLOCKS[page] if block.language in CONFIG | DATA]


@pytest.fixture
def folder(tmp_path: Path, trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the root of the repository after `make demo`, with a small pipeline and with data of one's own."""
    model, data = trained
    project = copy_project(tmp_path)
    shutil.copytree(DEMO, project / "assets" / "demo")
    for place in ("training", "project/training/demo/binder-guideline"):
        shutil.copytree(model, tmp_path / place / "model-best")
    corpus = project / "corpus" / "demo"
    corpus.mkdir(parents=True)
    (tmp_path / "my").mkdir()
    docs = list(DocBin().from_disk(data).get_docs(spacy.blank("en").vocab))
    for part in ("train", "dev", "test"):
        shutil.copy(data, tmp_path / f"{part}.spacy")
        shutil.copy(data, corpus / f"{part}.spacy")
        records = [
            {"text": doc.text, "spans": [[s.start_char, s.end_char, s.label_] for s in doc.spans["sc"]]} for doc in docs
        ]
        lines = (json.dumps(record) + "\n" for record in records)
        (tmp_path / "my" / f"{part}.jsonl").write_text("".join(lines), encoding="utf8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def only_shown_warnings(page: Path) -> Iterator[None]:
    """Fail after a `with` block where there was a warning that the page does not show."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        check_shown(str(warning.message), page)


def check_shown(message: str, page: Path) -> None:
    """Fail if a page shows neither the code of a warning nor its first words."""
    code = re.match(r"\[(\w+)\]", message)
    shown = code[1] if code else message[:30]
    assert shown in page.read_text(encoding="utf8"), f"a warning that the page does not show: {message}"


def run_shell(code: str, page: Path) -> None:
    """Run commands one by one: those of spaCy in this process, all others by bash."""
    code = code.replace("\\\n", " ")
    lines = [line for line in code.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if any(SHELL_SYNTAX.search(line) or line.startswith(("cd ", "export ")) for line in without_comments(lines)):
        run_bash("\n".join(lines), page)
        return
    for line in without_comments(lines):
        arguments = shlex.split(line)
        if arguments[:3] == ["python", "-m", "spacy"]:
            run_spacy(arguments[1:], page)
        else:
            run_bash(line, page)


def without_comments(lines: list[str]) -> list[str]:
    """RETURNS (list[str]): Lines of shell without the comments at their ends."""
    return [re.sub(r"\s+#\s.*$", "", line) for line in lines]


def run_spacy(arguments: list[str], page: Path) -> None:
    """Do what `python ARGUMENTS` does, in this process."""
    printed = StringIO()
    with only_shown_warnings(page), redirect_stdout(printed), redirect_stderr(printed):
        try:
            run_here(*arguments)
        except SystemExit as exit:
            pytest.fail(f"{' '.join(arguments)} ended with {exit.code}:\n{printed.getvalue()}")


def run_bash(code: str, page: Path) -> None:
    """Run a script in which `python` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for message in re.findall(r"Warning: (.*)", done.stderr):
        check_shown(message, page)


@pytest.mark.parametrize("page", RUN, ids=with_counts)
def test_blocks_run(page: Path, folder: Path) -> None:
    names: dict = {"__name__": "__main__"}
    for block in filter(runs, BLOCKS[page]):
        # As if the block were the only code of the page, so that a traceback has the page's lines.
        print(f"{name_of(page)}, line {block.line}")
        if block.language in PYTHON:
            code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
            with only_shown_warnings(page):
                exec(code, names)
        else:
            run_shell(block.code, page)


@pytest.mark.parametrize(("page", "block"), OTHERS, ids=[f"{name_of(page)}:{block.line}" for page, block in OTHERS])
def test_configs_and_json_can_be_read(page: Path, block: Block) -> None:
    if block.language in CONFIG:
        # It fills the registries.
        spacy.blank("en")
        check_names(read_config(block.code))
    elif block.language == "json":
        json.loads(block.code)
    else:
        assert [json.loads(line) for line in block.code.splitlines()]


def read_config(code: str) -> Config:
    """RETURNS (Config): A part of a config. The sections around it may be missing."""
    sections = re.findall(r"^\[(.+)\]", code, flags=re.M)
    around = {".".join(name.split(".")[:n]) for name in sections for n in range(1, name.count(".") + 1)}
    return Config().from_str("".join(f"[{name}]\n" for name in sorted(around - {*sections})) + code, interpolate=False)


def check_names(section: object) -> None:
    """Fail if a section of a config names a function that is not registered."""
    if isinstance(section, dict):
        for key, content in section.items():
            if key.startswith("@"):
                assert getattr(registry, key[1:]).get(content)
            check_names(content)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_marks(page: Path) -> None:
    """Each mark stands before a block that would be run, and has a reason. Languages of blocks are known ones."""
    marks = [line for line in read_page(page)[1].splitlines() if MARK.fullmatch(line)]
    marked = [block for block in BLOCKS[page] if block.reason]
    assert len(marks) == len(marked)
    for block in marked:
        assert block.language in PYTHON | SHELL
        assert len(block.reason.split()) > 1
    assert {block.language for block in BLOCKS[page]} <= PYTHON | SHELL | CONFIG | DATA | PLAIN
