"""The project's accuracy benchmark: a run of a few steps with a tiny encoder, which says nothing about accuracy."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import spacy
from conftest import ROOT, demo_examples
from spacy.tokens import Doc, DocBin
from spacy.util import filter_spans

ENV = {**os.environ, "HF_HUB_OFFLINE": "1"}
SETTINGS = """
[training]
max_steps = 4
eval_frequency = 2

[training.optimizer]

[training.optimizer.learn_rate]
warmup_steps = 1
total_steps = 4
"""
CHANGE = "frozen:binder:components.binder_ner.model.type_encoder.freeze=true;training.dropout=0.2"
Counts = tuple[int, int, int]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark's program; the benchmarks aren't installed."""
    monkeypatch.syspath_prepend(ROOT)
    return import_module("benchmarks.accuracy.__main__")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the corpora `nested` and `flat`, and their settings."""
    folder = tmp_path_factory.mktemp("data")
    nlp = spacy.blank("en")
    for name in ("nested", "flat"):
        corpus = folder / "corpus" / name
        corpus.mkdir(parents=True)
        for part, document in {"train": "news-01", "dev": "science-01", "test": "sport-01"}.items():
            docs = [example.reference for example in demo_examples(nlp, [document], max_sentences=4)]
            for doc in docs:
                doc.spans["sc"] = filter_spans(doc.spans["sc"]) if name == "flat" else doc.spans["sc"]
            DocBin(docs=docs).to_disk(corpus / f"{part}.spacy")
        labels = (ROOT / "project" / "datasets" / "demo" / "labels.json").read_text(encoding="utf8")
        (corpus / "labels.json").write_text(labels, encoding="utf8")
        (folder / "datasets" / name).mkdir(parents=True)
        (folder / "datasets" / name / "settings.cfg").write_text(SETTINGS, encoding="utf8")
    return folder


def benchmark(data: Path, encoder: str, *options: object) -> str:
    """RETURNS (str): What the script prints."""
    command = [sys.executable, "-m", "benchmarks.accuracy", data / "corpus", data / "out"]
    command += ["--settings", data / "datasets", "--encoder", encoder, "--datasets", "nested", "--seeds", "0"]
    command += ["--systems", "binder,spancat,ner", "--keep-models", "--jobs", "2", *options]
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def results(folder: Path) -> dict[str, Any]:
    """RETURNS (dict): The result of each run in accuracy.json."""
    content = json.loads((folder / "accuracy.json").read_text(encoding="utf8"))
    assert not content["failed"]
    return {run["name"]: run["result"] for run in content["runs"]}


@pytest.fixture(scope="module")
def measured(data: Path, tiny_encoder: str) -> Path:
    """The folder of a benchmark that was run, and run again with a change: what was there isn't done again."""
    printed = benchmark(data, tiny_encoder)
    assert "kept from" not in printed
    files = {path: path.stat().st_mtime_ns for path in (data / "out" / "parts").iterdir()}
    assert {path.stem for path in files} == {"nested-binder-0", "nested-spancat-0"}
    printed = benchmark(data, tiny_encoder, "--set", CHANGE)
    assert printed.count("kept from") == 2
    assert files == {path: path.stat().st_mtime_ns for path in files}
    return data / "out"


def read(path: Path) -> list[Doc]:
    """RETURNS (list[Doc]): The docs of a DocBin."""
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def test_runs_are_kept_with_their_course(measured: Path) -> None:
    found = results(measured)
    binder, spancat = found["nested-binder-0"], found["nested-spancat-0"]
    assert [row["step"] for row in binder["evaluations"]] == [2, 4]
    assert binder["steps"] == 5
    # As long as ours, and evaluated as often.
    assert len(spancat["evaluations"]) == 2
    assert spancat["training_seconds"] >= binder["training_seconds"]
    assert spancat["evaluations"][0]["training_seconds"] >= binder["training_seconds"] / 2
    for result in (binder, spancat):
        assert result["dev"]["f"] == max(row["f"] for row in result["evaluations"])
        assert result["machine"]["versions"]["torch"]
    assert (measured / "models" / "nested-spancat-0" / "meta.json").exists()


def test_scores_are_those_of_an_independent_count(measured: Path, data: Path) -> None:
    nlp = spacy.load(measured / "models" / "nested-spancat-0")
    for part in ("dev", "test"):
        scores = results(measured)["nested-spancat-0"][part]
        gold, found = set(), set()
        for i, doc in enumerate(read(data / "corpus" / "nested" / f"{part}.spacy")):
            gold |= {(i, span.start, span.end, span.label_) for span in doc.spans["sc"]}
            predicted = nlp(Doc(nlp.vocab, [token.text for token in doc], [bool(token.whitespace_) for token in doc]))
            found |= {(i, span.start, span.end, span.label_) for span in predicted.spans["sc"]}
        both = len(gold & found)
        assert both > 0
        assert scores["gold"] == len(gold)
        assert scores["p"] == pytest.approx(both / len(found))
        assert scores["r"] == pytest.approx(both / len(gold))
        by_label = []
        for label in {span[3] for span in gold}:
            n_gold, n_found = (sum(span[3] == label for span in spans) for spans in (gold, found))
            by_label.append(2 * sum(span[3] == label for span in gold & found) / (n_gold + n_found))
            assert scores["labels"][label]["f"] == pytest.approx(by_label[-1])
        assert scores["macro_f"] == pytest.approx(sum(by_label) / len(by_label))
        inner = {a for a in gold for b in gold if a[0] == b[0] and a[1:3] != b[1:3] and covers(a, b)}
        assert scores["nested_r"] == pytest.approx(len(inner & found) / len(inner))


def covers(a: tuple, b: tuple) -> bool:
    """RETURNS (bool): Whether one of two spans lies inside the other one."""
    return (a[1] <= b[1] and b[2] <= a[2]) or (b[1] <= a[1] and a[2] <= b[2])


def test_changes_are_judged_on_development_data(measured: Path) -> None:
    found = results(measured)
    assert found["nested-frozen-0"]["test"] is None
    assert found["nested-binder-0"]["test"] is not None
    page = (measured / "accuracy.md").read_text(encoding="utf8")
    for title in ("Accuracy", "Development scores", "F1 by label: nested, test", "Changes: nested", "Made with"):
        assert f"### {title}\n" in page
    assert "`training.dropout` = `0.2`" in page
    for table in page.split("### ")[1:]:
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) <= 1


def test_entities_count_where_there_is_a_recognizer(script: ModuleType, data: Path) -> None:
    docs = import_module("benchmarks.accuracy.docs")
    gold = docs.read_docs(data / "corpus" / "flat" / "test.spacy")
    assert not docs.is_nested(gold)
    assert docs.is_nested(docs.read_docs(data / "corpus" / "nested" / "test.spacy"))
    first = gold[0].spans["sc"][0]
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler", name="ner")
    ruler.add_patterns([{"label": first.label_, "pattern": [{"LOWER": token.lower_} for token in first]}])
    text = [span.text.lower() for span in gold[0].spans["sc"] if span.label_ == first.label_]
    scores = import_module("benchmarks.accuracy.scores").score(nlp, gold)
    assert scores["r"] == pytest.approx(text.count(first.text.lower()) / len(gold[0].spans["sc"]))
    assert scores["nested_r"] is None


def test_reader_gives_gold_tokens_and_no_sentences(script: ModuleType, data: Path) -> None:
    reader = import_module("benchmarks.accuracy.docs").make_gold_tokens(
        data / "corpus" / "nested" / "train.spacy", ents=True
    )
    [example] = reader(spacy.blank("en"))
    assert [token.text for token in example.predicted] == [token.text for token in example.reference]
    assert not example.predicted.has_annotation("SENT_START")
    assert not example.predicted.ents
    assert not example.predicted.spans
    assert list(example.reference.ents) == filter_spans(example.reference.spans["sc"])


def test_results_of_other_settings_are_not_kept(script: ModuleType, data: Path) -> None:
    plan, systems = import_module("benchmarks.accuracy.plan"), import_module("benchmarks.accuracy.systems")
    dataset = plan.Dataset("flat", data / "corpus" / "flat", data / "datasets" / "flat" / "settings.cfg")

    def identities(encoder: str = "", **settings: Any) -> list[dict]:
        settings = {"threads": 1, "gpu_id": -1, "clock": "wall", "max_seconds": None, **settings}
        chosen = [systems.System(name, name) for name in ("ner", "spancat", "binder")]
        runs = list(plan.make_runs([dataset], chosen, [0, 1], encoder=encoder, test=True, **settings))
        assert [run.name for run in runs] == ["flat-binder-0", "flat-ner-0", "flat-binder-1", "flat-ner-1"]
        assert [run.pacer for run in runs] == [None, "flat-binder-0", None, "flat-binder-1"]
        return [run.identity(None, 5) for run in runs]

    given = identities()
    assert given == identities()
    assert all(a != b for a, b in zip(given, identities(encoder="other"), strict=True))
    assert all(a != b for a, b in zip(given, identities(threads=2), strict=True))
    # Peers have the time of the same run, not steps.
    assert [a != b for a, b in zip(given, identities(steps=0.5), strict=True)] == [True, False, True, False]
    assert given[0]["config"] == given[2]["config"]


def test_listed_changes_are_configs(script: ModuleType) -> None:
    configs, systems = import_module("benchmarks.accuracy.configs"), import_module("benchmarks.accuracy.systems")
    settings = ROOT / "project" / "datasets" / "litbank" / "settings.cfg"
    changes = systems.read_ablations(ROOT / "benchmarks" / "accuracy" / "ablations.json")
    for system in [*(systems.System(name, name) for name in script.SYSTEMS), *changes]:
        config = configs.make_config(system, settings, encoder="")
        import_module("project.scripts.configure").set_paths(config, Path("corpus"))
        nlp = spacy.util.load_model_from_config(config, auto_fill=True)
        assert nlp.pipe_names
        assert config["corpora"]["dev"]["@readers"] == configs.READER
    paper = configs.make_config(systems.System("binder_paper", "binder_paper"), settings, encoder="other")
    # Five epochs of its own windows, which aren't the passages of binder.cfg.
    assert paper["training"]["max_steps"] == 1055
    # The published code has no warm-up, whatever the dataset.
    assert paper["training"]["optimizer"]["learn_rate"]["warmup_steps"] == 0
    assert paper["corpora"]["train"]["augmenter"]["name"] == "other"


def test_fewer_steps_have_a_schedule_of_their_own(script: ModuleType) -> None:
    configs, systems = import_module("benchmarks.accuracy.configs"), import_module("benchmarks.accuracy.systems")
    settings = ROOT / "project" / "datasets" / "litbank" / "settings.cfg"
    training = configs.make_config(systems.System("binder", "binder"), settings, encoder="", steps=0.6)["training"]
    schedule = training["optimizer"]["learn_rate"]
    # Three of five epochs of 254 steps.
    assert (training["max_steps"], training["patience"], training["eval_frequency"]) == (762, 762, 254)
    assert (schedule["warmup_steps"], schedule["total_steps"]) == (46, 762)


def test_what_is_no_change_is_refused(script: ModuleType) -> None:
    configs, systems = import_module("benchmarks.accuracy.configs"), import_module("benchmarks.accuracy.systems")
    settings = ROOT / "project" / "datasets" / "litbank" / "settings.cfg"
    parsed = systems.parse_system('a-b:binder:training.dropout=0.2;nlp.lang=en;training.annotating_components=["x"]')
    assert parsed.overrides == {
        "training.dropout": 0.2,
        "nlp.lang": "en",
        "training.annotating_components": ["x"],
    }
    for text in ("name", "name:binder:training", "Name:binder:", "../x:binder:"):
        with pytest.raises(ValueError):
            systems.parse_system(text)
    for text in ("a:unknown:", "a:binder:training.nowhere.x=1", "a:binder:x=1"):
        with pytest.raises(ValueError):
            configs.make_config(systems.parse_system(text), settings, encoder="")


def test_paced_rate_rises_and_falls_within_the_time(script: ModuleType) -> None:
    pace = import_module("benchmarks.accuracy.pace").ByClock(max_seconds=100.0, n_evaluations=4)
    rates = [pace.rate(0, seconds) for seconds in (0, 3, 6, 53, 100, 120)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0, 0])
    assert [pace.is_due(0, 50, n) for n in range(4)] == [True, True, False, False]
    assert pace.is_due(0, 100, 3) and pace.done(0, 100) == 1


def test_tables_have_means_and_spread(script: ModuleType) -> None:
    def record(system: str, seed: int, f: float, change: bool = False) -> dict[str, Any]:
        scores = {"p": f, "r": f, "f": f, "macro_f": f, "nested_r": None, "labels": {"PER": {"f": f, "gold": 3}}}
        result = {"dev": scores, "test": None if change else scores, "evaluations": [scores, scores]}
        result |= {"training_seconds": 100.0 + 100 * change, "steps": 5}
        facts = {"dataset": "x", "system": system, "seed": seed, "change": change, "base": "binder"}
        return {**facts, "overrides": {"a.b": 1}, "result": result}

    records = [record("binder", 0, 0.5), record("binder", 1, 0.6)]
    records += [record("slow", 0, 0.7, change=True), record("slow", 1, 0.7, change=True)]
    tables = {table.title: table for table in import_module("benchmarks.accuracy.tables").Tables(records).all()}
    [row] = tables["Accuracy"].rows
    assert row[2:8] == ["2", "55.0 ± 7.1", "55.0 ± 7.1", "55.0 ± 7.1", "55.0 ± 7.1", "-"]
    base, change = tables["Changes: x"].rows
    assert base[2:] == ["2", "55.0 ± 7.1", "50.0-60.0", "-", "100 s", "-"]
    assert change == ["slow", "`a.b` = `1`", "2", "70.0 ± 0.0", "70.0-70.0", "+15.0 ± 7.1", "200 s", "2.00"]
