"""The project: its file, its corpus, its report and its README."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import DEMO, ROOT
from project_copy import PROJECT, copy_project, run_python
from spacy.tokens import DocBin
from thinc.api import Config
from weasel.cli.document import MARKER_END, MARKER_START, project_document
from weasel.cli.run import print_run_help
from weasel.util import load_project_config


def run(*arguments: object, cwd: Path) -> str:
    """Run Python in a folder, and return what it prints."""
    result = run_python(cwd, *arguments)
    assert result.returncode == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The project file, checked by weasel, with its variables filled in."""
    return load_project_config(PROJECT)


@pytest.fixture(scope="module")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project beside the configs, after its corpus command, which was run as users do."""
    folder = copy_project(tmp_path_factory.mktemp("repository"), assets=True)
    subprocess.run([sys.executable, "-m", "spacy", "project", "run", "corpus"], cwd=folder, check=True)
    return folder


def test_every_command_is_documented_by_spacy(config: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    print_run_help(PROJECT)
    printed = capsys.readouterr().out
    for command in config["commands"]:
        assert re.search(rf"^{command['name']} +{re.escape(command['help'][:20])}", printed, flags=re.M)
    # Forced, because a project that was run already has nothing to do.
    listed = run("-m", "spacy", "project", "run", "all", ".", "--dry", "--force", cwd=PROJECT)
    for name in config["workflows"]["all"]:
        assert f" {name} " in listed
    assert listed.count("Running command: ") == sum(
        len(command["script"]) for command in config["commands"] if command["name"] in config["workflows"]["all"]
    )


def test_workflows_name_commands(config: dict[str, Any]) -> None:
    names = {command["name"] for command in config["commands"]}
    assert set(config["workflows"]["all"]) <= names
    assert all(set(steps) <= names for steps in config["workflows"].values())


def test_dependencies_are_in_the_repository_or_made_by_a_command_before(config: dict[str, Any]) -> None:
    made: set[str] = set()
    for command in config["commands"]:
        for dep in command.get("deps", ()):
            assert dep in made or (PROJECT / dep).exists(), (command["name"], dep)
        made.update(command.get("outputs", ()), command.get("outputs_no_cache", ()))


def test_commands_depend_on_their_scripts_and_configs(config: dict[str, Any]) -> None:
    for command in config["commands"]:
        script = " ".join(command["script"])
        for path in re.findall(r"scripts/\S+\.py|\S+\.cfg", script):
            assert path in [*command["deps"], *command.get("outputs", ())], (command["name"], path)


def test_corpus_command_gives_the_demo_corpus(project_copy: Path) -> None:
    nlp = spacy.blank("en")
    for part in ("train", "dev", "test"):
        docs = list(DocBin().from_disk(project_copy / "corpus" / "demo" / f"{part}.spacy").get_docs(nlp.vocab))
        names = (DEMO / f"{part}.txt").read_text(encoding="utf8").split()
        assert len(docs) == len(names)
        for doc, name in zip(docs, names, strict=True):
            lines = (DEMO / "documents" / f"{name}.txt").read_text(encoding="utf8").splitlines()
            lines = [line for line in lines if line.strip() and not line.startswith("#")]
            assert len(doc.spans["sc"]) == sum(len(re.findall(r"\[[A-Z]+ ", line)) for line in lines)
            assert len(list(doc.sents)) == len(lines)


def test_corpus_command_gives_the_labels_and_the_config(project_copy: Path) -> None:
    corpus = project_copy / "corpus" / "demo"
    labels = json.loads((corpus / "labels.json").read_text(encoding="utf8"))
    nlp = spacy.blank("en")
    docs = DocBin().from_disk(corpus / "train.spacy").get_docs(nlp.vocab)
    assert {span.label_ for doc in docs for span in doc.spans["sc"]} == set(labels)
    config = spacy.util.load_config(corpus / "binder-guideline.cfg")
    for part in ("train", "dev", "labels"):
        assert (project_copy / config["paths"][part]).exists()
    given = spacy.util.load_config(ROOT / "configs" / "binder.cfg")
    settings = Config().from_disk(PROJECT / "datasets" / "demo" / "settings.binder.cfg", interpolate=False)
    assert config["components"] == given.merge(settings)["components"]
    # A name of a column that the logger would cut off.
    shown = [name for name, weight in config["training"]["score_weights"].items() if weight is not None]
    assert max(map(len, shown)) <= 13


def test_report_command_prints_a_table_and_writes_a_page(project_copy: Path, trained: tuple[Path, Path]) -> None:
    shutil.copytree(trained[0], project_copy / "training" / "demo" / "binder-guideline" / "model-best")
    printed = run("-m", "spacy", "project", "run", "report", ".", cwd=project_copy)
    metrics = json.loads(
        (project_copy / "metrics" / "demo-binder-guideline" / "metrics.json").read_text(encoding="utf8")
    )
    for label, scores in {**metrics["labels"], "all": metrics["all"]}.items():
        f_score = "-" if scores["f"] is None else f"{100 * scores['f']:.1f}"
        assert re.search(rf"^{label} .* {f_score}$", printed, flags=re.M), label
    nested = metrics["nesting"]["nested"]["r"]
    assert f"Recall of spans inside or around another: {100 * nested:.1f}" in printed
    page_path = project_copy / "metrics" / "demo-binder-guideline.html"
    next_steps = run("-m", "spacy", "project", "run", "next", ".", cwd=project_copy)
    assert f"  {page_path}\n" in next_steps
    (load,) = re.findall(r"spacy\.load\(.+\)", next_steps)
    assert load == f'spacy.load("{project_copy.as_posix()}/training/demo/binder-guideline/model-best")'
    page = page_path.read_text(encoding="utf8")
    golds = DocBin().from_disk(project_copy / "corpus" / "demo" / "test.spacy").get_docs(spacy.blank("en").vocab)
    assert page.count("<article") == min(sum(len(list(gold.sents)) for gold in golds), 200)


def test_readme_is_that_of_the_project_file(tmp_path: Path) -> None:
    project_document(PROJECT, tmp_path / "README.md")
    start, end = MARKER_START.format(tag="WEASEL"), MARKER_END.format(tag="WEASEL")

    def generated(path: Path) -> str:
        return path.read_text(encoding="utf8").split(start)[1].split(end)[0].strip()

    assert generated(PROJECT / "README.md") == generated(tmp_path / "README.md")
