"""The benchmark of types that are left out: trainings of two steps with a tiny encoder, and what they are made of."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
import typer
from conftest import ROOT
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from thinc.api import Config
from typer.testing import CliRunner

# The benchmarks aren't installed.
sys.path.append(str(ROOT))
from benchmarks import machine
from benchmarks.held_out import __main__ as program
from benchmarks.held_out import task, training
from benchmarks.held_out.left_out import MINED, leave_out
from benchmarks.held_out.training import make_config, trained_labels
from benchmarks.parts import write_json
from project.scripts.open.multiconer import ROLES
from spacy_binder.analysis.docs import Entity, EvaluatedDoc

DATASETS = ROOT / "project" / "datasets"
TYPES: dict[str, list[str]] = json.loads(program.TYPES.read_text(encoding="utf8"))
VOCAB = spacy.blank("en").vocab
# A pipeline that has learned nothing finds too much.
pytestmark = pytest.mark.filterwarnings("ignore:.BW04")


def mix() -> dict[str, Any]:
    """RETURNS (dict): The corpora of the workflow's mix, and what their labels become."""
    return Config().from_disk(training.BASE, interpolate=False)["corpora"]["train"]


def names(corpus: str) -> dict[str, str]:
    """RETURNS (dict[str, str]): The bare name of each label of a corpus."""
    given = json.loads((DATASETS / corpus / "labels.json").read_text(encoding="utf8"))
    return task.describe(given, "name")


def write_corpus(path: Path, labels: list[str] | dict[str, list[str]]) -> None:
    """Write two passages with one word of each label. They describe the types themselves, or name them."""
    docs = []
    for i in range(2):
        doc = Doc(VOCAB, words=[f"word{n}" for n in range(len(labels))] + [f"end{i}"])
        spans = [Span(doc, n, n + 1, label=label) for n, label in enumerate(labels)]
        doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs={"labels": labels})
        docs.append(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `open-corpora` and `open-types` make it."""
    folder = tmp_path_factory.mktemp("open")
    for name in mix()["corpora"]:
        labels = list(mix()["labels"].get(name, {}))
        described = {label: [f"a {label}"] for label in [*TYPES[MINED], "moon"]}
        write_corpus(folder / "train" / f"{name}.spacy", labels or described)
    for name in ("gum", "re3d", "wnut17", "craft", "multiconer"):
        write_corpus(folder / "dev" / f"{name}.spacy", list(mix()["labels"][name]))
    shutil.copyfile(DATASETS / "open" / "wordings.json", folder / "labels.json")
    return folder


def test_left_out_types_are_those_of_the_mix() -> None:
    for corpus in TYPES.keys() - {MINED}:
        assert set(TYPES[corpus]) < set(mix()["labels"][corpus])
        if corpus != "gum_all":
            assert set(TYPES[corpus]) < names(corpus).keys()


def test_mined_types_of_these_names_are_left_out_too() -> None:
    asked = {names(corpus)[label] for corpus in TYPES.keys() - {MINED, "gum_all"} for label in TYPES[corpus]}
    mined = set(TYPES[MINED])
    # Words that are mined nowhere: they are names of one corpus alone.
    own = {"document reference", "military platform", "visual work", "sports group", "group", "substance"}
    assert asked - mined == own
    # What the mix says of the sentences of MultiCoNER has its labels too.
    for label in TYPES["multiconer"]:
        assert set(ROLES[label][1] if label in ROLES else []) <= mined


def test_a_mined_type_of_the_same_definition_is_left_out(tmp_path: Path) -> None:
    described = {
        "politician": ["politician", "politician: a person active in party politics", "names of pols"],
        "political leader": ["political leader", "a person active in party politics"],
        # The same noun with another meaning, and a narrower type.
        "pol": ["names of pols", "a river in Ukraine"],
        "mayor": ["mayor: the head of a city government"],
    }
    write_corpus(tmp_path / "wordnet.spacy", described)
    write_corpus(tmp_path / "chains.spacy", {"political leader": ["political leader"], "mayor": ["mayor"]})
    write_corpus(tmp_path / "wiki.spacy", ["politician", "mayor"])
    left = leave_out(tmp_path, {"wiki": ["politician"], MINED: ["politician", "scientist"]})
    assert left == {
        "wiki": ["politician"],
        "wordnet": ["political leader", "politician"],
        "chains": ["political leader"],
    }


def test_they_are_not_trained(corpus: Path, tmp_path: Path) -> None:
    held_out = {"craft": ["CHEBI", "Taxon"], "re3d": ["Person"]}
    kept = trained_labels(corpus, held_out)
    # "person" is a type of other corpora, too.
    assert set(json.loads((corpus / "labels.json").read_text(encoding="utf8"))) - set(kept) == {"chemical", "taxon"}
    write_json(kept, tmp_path / "labels.json")
    config = make_config(corpus, tmp_path / "labels.json", held_out, {}, steps=100, seed=3).interpolate()
    assert config["corpora"]["train"]["labels"]["craft"]["CHEBI"] is None
    assert config["corpora"]["dev"]["labels"]["craft"]["Taxon"] is None
    assert config["corpora"]["train"]["labels"]["craft"]["GO"] == "go"
    assert config["training"]["optimizer"]["learn_rate"]["warmup_steps"] == 10
    assert config["training"]["seed"] == 3


@pytest.mark.parametrize("name", program.CHANGES)
def test_each_change_changes_the_config(name: str, corpus: Path) -> None:
    base, changed = (make_config(corpus, corpus, {}, change, 10, 0) for change in ({}, program.CHANGES[name]))
    assert changed != base
    assert set(changed["corpora"]["train"]["shares"]) <= set(changed["corpora"]["train"]["corpora"])


def test_a_change_of_what_is_not_there_is_an_error(corpus: Path) -> None:
    for key in ("corpora.train.corpora.wordnett", "nothing.at.all"):
        with pytest.raises(ValueError, match=key):
            make_config(corpus, corpus, {}, {key: None}, 10, 0)


def test_results_of_other_passages_are_not_kept(corpus: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(corpus, tmp_path / "copy")
    before = program.checksum_of(copy, DATASETS, TYPES)
    assert before == program.checksum_of(corpus, DATASETS, TYPES)
    for path in (copy / "train" / "facts.spacy", copy / "dev" / "craft.spacy"):
        shutil.copyfile(corpus / "dev" / "gum.spacy", path)
        assert program.checksum_of(copy, DATASETS, TYPES) != before
        before = program.checksum_of(copy, DATASETS, TYPES)


def test_only_spans_of_left_out_types_count() -> None:
    food, person = Entity(0, 4, "Food"), Entity(5, 9, "Artist")
    doc = EvaluatedDoc("stew Mira", [(0, 4), (5, 9)], [(0, 2)], {food, person}, {}, {food: 0.4, person: 0.9})
    [left] = task.only([doc], ["Food"])
    assert (left.gold, left.candidates) == ({food}, {food: 0.4})


def test_table(corpus: Path, tmp_path: Path, tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_here(part: dict, arguments: list, threads: int, path: Path) -> dict[str, Any]:
        """Do in this process what `run_part` does in another one."""
        record = {**part, "date": "", "wall_seconds": 0.0, "result": task.main(*map(Path, arguments[2:]))}
        write_json(record, path)
        return record

    monkeypatch.setattr(program, "run_part", run_here)
    smaller = tmp_path / "binder_open.cfg"
    text = training.BASE.read_text(encoding="utf8")
    smaller.write_text(text.replace("sentence-transformers/all-MiniLM-L6-v2", tiny_encoder), encoding="utf8")
    monkeypatch.setattr(training, "BASE", smaller)
    app = typer.Typer()
    app.command()(program.main)
    arguments = [corpus, DATASETS, tmp_path / "out", "--steps", "2", "--changes"]
    # A change alone, as beside another training.
    result = CliRunner().invoke(app, [*map(str, arguments), "no-mined-types"])
    assert result.exit_code == 0, result.output
    assert [path.stem for path in (tmp_path / "out" / "parts").glob("*.json")] == ["no-mined-types_2_0"]
    result = CliRunner().invoke(app, [*map(str, arguments), "base,no-mined-types"])
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / "parts" / "base_2_0.json").read_text(encoding="utf8"))
    assert record["result"]["gold"]["craft"] == {"CHEBI": 2, "CL": 2, "Taxon": 2}
    assert set(record["result"]["f"]) == {"name", "description"}
    page = (tmp_path / "out" / "held_out_2_0.md").read_text(encoding="utf8")
    assert "| base |" in page and "| no-mined-types |" in page
    # Nothing is trained twice, also from another place. What is there stays in the table.
    (tmp_path / "out").rename(tmp_path / "moved")
    monkeypatch.setattr(program, "run_part", None)
    arguments[2] = tmp_path / "moved"
    assert CliRunner().invoke(app, [*map(str, arguments), "base"]).exit_code == 0
    assert "| no-mined-types |" in (tmp_path / "moved" / "held_out_2_0.md").read_text(encoding="utf8")


def test_the_machine_is_described_on_any_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PROCESSOR", tmp_path / "none")
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    facts = machine.machine()
    assert facts["processor"] and facts["cores"] >= 1 and facts["flags"] == []


def test_corpora_with_few_spans_are_no_part_of_the_means() -> None:
    scores = {"many": [0.5, 0.1], "few": [0.0, 0.0]}
    result = {"f": dict.fromkeys(task.MODES, scores), "gold": {"many": {"A": 60, "B": 40}, "few": {"A": 99}}}
    record = {**result, "thresholds": [0.5, 0.6], "training_seconds": 2.0}
    assert program.row("base", record, 1.0)[1:3] == ["50.0", "50.0 (0.50)"]
