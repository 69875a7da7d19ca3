"""The accuracy benchmark: runs of a few steps with a tiny encoder, which say nothing about accuracy."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
import typer
from conftest import ROOT, demo_examples
from spacy.tokens import Doc, DocBin
from spacy.util import filter_spans
from typer.testing import CliRunner

# The benchmarks aren't installed.
sys.path.append(str(ROOT))
from benchmarks.accuracy import runs, scores, systems, tables, task
from benchmarks.accuracy.__main__ import SYSTEMS, main
from benchmarks.accuracy.reader import READER, make_gold_tokens, read_docs
from benchmarks.parts import write_json

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
LITBANK = ROOT / "project" / "datasets" / "litbank" / "settings.cfg"
# A pipeline that has learned nothing finds too much.
pytestmark = pytest.mark.filterwarnings("ignore:.BW04")


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
    """RETURNS (str): What the program prints."""
    app = typer.Typer()
    app.command()(main)
    arguments = [data / "corpus", data / "out", "--settings", data / "datasets", "--encoder", encoder]
    arguments += ["--datasets", "nested", "--seeds", "0", "--keep-models", *options]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output


def run_here(part: dict, arguments: list, threads: int, path: Path) -> dict[str, Any]:
    """Do in this process what `run_part` does in another one."""
    folder, *parts = arguments[2:-2]
    record = {**part, "date": "", "wall_seconds": 0.0, "result": task.main(folder, *parts)}
    write_json(record, path)
    return record


@pytest.fixture(scope="module")
def measured(data: Path, tiny_encoder: str) -> Path:
    """The folder of a benchmark that was run, and run again with more systems: what was there isn't done again."""
    printed = benchmark(data, tiny_encoder, "--systems", "binder")
    assert "kept from" not in printed
    [first] = (data / "out" / "parts").glob("*.json")
    changed = first.stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "run_part", run_here)
        printed = benchmark(data, tiny_encoder, "--systems", "binder,spancat,ner", "--set", CHANGE)
    assert "nested-binder-0: kept from" in printed
    assert printed.count("kept from") == 1
    assert first.stat().st_mtime_ns == changed
    return data / "out"


@pytest.fixture(scope="module")
def results(measured: Path) -> dict[str, Any]:
    """The result of each run in accuracy.json."""
    content = json.loads((measured / "accuracy.json").read_text(encoding="utf8"))
    assert not content["failed"]
    return {run["name"]: run["result"] for run in content["runs"]}


def read(path: Path) -> list[Doc]:
    """RETURNS (list[Doc]): The docs of a DocBin."""
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def test_runs_are_kept_with_their_course(measured: Path, results: dict[str, Any]) -> None:
    # None of `ner`, which is for flat entities.
    assert set(results) == {"nested-binder-0", "nested-spancat-0", "nested-frozen-0"}
    for result in results.values():
        # A peer has as many steps and evaluations as ours.
        assert [row["step"] for row in result["evaluations"]] == [2, 4]
        assert result["dev"]["f"] >= max(row["f"] for row in result["evaluations"]) - 1e-6
        assert result["training_seconds"] > 0
        assert result["machine"]["versions"]["torch"]
    assert (measured / "runs" / "nested-spancat-0" / "model-best" / "meta.json").exists()
    # What a process prints can be read while it runs.
    assert "SPANS_SC_F" in (measured / "parts" / "nested-binder-0.log").read_text(encoding="utf8")


def test_scores_are_those_of_an_independent_count(results: dict[str, Any], measured: Path, data: Path) -> None:
    nlp = spacy.load(measured / "runs" / "nested-spancat-0" / "model-best")
    for part in ("dev", "test"):
        scored = results["nested-spancat-0"][part]
        gold, found = set(), set()
        for i, doc in enumerate(read(data / "corpus" / "nested" / f"{part}.spacy")):
            gold |= {(i, span.start, span.end, span.label_) for span in doc.spans["sc"]}
            predicted = nlp(Doc(nlp.vocab, [token.text for token in doc], [bool(token.whitespace_) for token in doc]))
            found |= {(i, span.start, span.end, span.label_) for span in predicted.spans["sc"]}
        both = len(gold & found)
        assert both > 0
        assert (scored["gold"], scored["found"]) == (len(gold), len(found))
        assert scored["p"] == pytest.approx(both / len(found))
        assert scored["r"] == pytest.approx(both / len(gold))
        assert scored["f"] == pytest.approx(2 * both / (len(gold) + len(found)))
        by_label = []
        for label in {span[3] for span in gold}:
            n_gold, n_found = (sum(span[3] == label for span in spans) for spans in (gold, found))
            by_label.append(2 * sum(span[3] == label for span in gold & found) / (n_gold + n_found))
            assert scored["labels"][label] == {"f": pytest.approx(by_label[-1]), "gold": n_gold}
        assert scored["macro_f"] == pytest.approx(sum(by_label) / len(by_label))
        inner = {a for a in gold for b in gold if a[0] == b[0] and a[1:3] != b[1:3] and covers(a, b)}
        assert scored["nested_r"] == pytest.approx(len(inner & found) / len(inner))


def covers(a: tuple, b: tuple) -> bool:
    """RETURNS (bool): Whether one of two spans lies inside the other one."""
    return (a[1] <= b[1] and b[2] <= a[2]) or (b[1] <= a[1] and a[2] <= b[2])


def test_changes_are_judged_on_development_data(results: dict[str, Any], measured: Path) -> None:
    assert results["nested-frozen-0"]["test"] is None
    assert results["nested-binder-0"]["test"] is not None
    page = (measured / "accuracy.md").read_text(encoding="utf8")
    for title in ("Accuracy", "Development scores", "F1 by label: nested, test", "Changes: nested", "Made with"):
        assert f"### {title}\n" in page
    assert "`training.dropout` = `0.2`" in page
    for table in page.split("### ")[1:]:
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) <= 1


def test_what_fails_is_reported(data: Path, tiny_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(part: dict, arguments: list, threads: int, path: Path) -> dict[str, Any]:
        record = {**part, "wall_seconds": 0.0, "error": "Exit status 1\nno such thing"}
        write_json(record, path)
        return record

    monkeypatch.setattr(runs, "run_part", fail)
    app = typer.Typer()
    app.command()(main)
    arguments = [data / "corpus", data / "failed", "--settings", data / "datasets", "--datasets", "flat"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--systems", "binder", "--seeds", "0"])
    assert result.exit_code == 1
    assert "1 failed" in result.output and "no such thing" in result.output
    assert "flat-binder-0" in (data / "failed" / "accuracy.md").read_text(encoding="utf8")
    assert json.loads((data / "failed" / "accuracy.json").read_text(encoding="utf8"))["failed"] == ["flat-binder-0"]


def test_entities_count_where_there_is_a_recognizer(data: Path) -> None:
    nlp = spacy.blank("en")
    gold = read_docs(data / "corpus" / "flat" / "test.spacy", nlp.vocab)
    first = gold[0].spans["sc"][0]
    ruler = nlp.add_pipe("entity_ruler", name="ner")
    ruler.add_patterns([{"label": first.label_, "pattern": [{"LOWER": token.lower_} for token in first]}])
    text = [span.text.lower() for span in gold[0].spans["sc"] if span.label_ == first.label_]
    scored = scores.score(nlp, gold)
    assert scored["r"] == pytest.approx(text.count(first.text.lower()) / len(gold[0].spans["sc"]))
    assert scored["nested_r"] is None


def test_reader_gives_gold_tokens_and_no_sentences(data: Path) -> None:
    [example] = make_gold_tokens(data / "corpus" / "nested" / "train.spacy", ents=True)(spacy.blank("en"))
    assert [token.text for token in example.predicted] == [token.text for token in example.reference]
    assert not example.predicted.has_annotation("SENT_START")
    assert not example.predicted.ents
    assert not example.predicted.spans
    assert list(example.reference.ents) == filter_spans(example.reference.spans["sc"])


def test_results_of_other_settings_are_not_kept(data: Path) -> None:
    flat, nested = (data / "corpus" / name for name in ("flat", "nested"))
    assert runs.is_nested(nested) and not runs.is_nested(flat)

    def identities(**settings: Any) -> list[dict]:
        chosen = [systems.System(name, name) for name in ("binder", "ner", "spancat")]
        planned = list(runs.make_runs([flat], data / "datasets", chosen, [0, 1], test=True, **settings))
        assert [run.name for run in planned] == ["flat-binder-0", "flat-ner-0", "flat-binder-1", "flat-ner-1"]
        return [run.identity() for run in planned]

    given = identities()
    assert given == identities()
    for settings in ({"encoder": "other"}, {"threads": 2}, {"steps": 0.5}, {"gpu_id": 0}):
        assert all(a != b for a, b in zip(given, identities(**settings), strict=True))
    assert given[0]["config"] == given[2]["config"]


def test_listed_changes_are_configs() -> None:
    changes = systems.read_ablations(ROOT / "benchmarks" / "accuracy" / "ablations.json")
    for system in [*(systems.System(name, name) for name in SYSTEMS), *changes]:
        config = systems.make_config(system, LITBANK)
        runs.set_paths(config, Path("corpus"))
        nlp = spacy.util.load_model_from_config(config, auto_fill=True)
        assert nlp.pipe_names
        assert config["corpora"]["dev"]["@readers"] == READER
    paper = systems.make_config(systems.System("binder_paper", "binder_paper"), LITBANK, encoder="other")
    # Five epochs of its own windows, which aren't the passages of binder.cfg.
    assert paper["training"]["max_steps"] == 1055
    # The published code has no warm-up, whatever the dataset.
    assert paper["training"]["optimizer"]["learn_rate"]["warmup_steps"] == 0
    assert paper["corpora"]["train"]["augmenter"]["name"] == "other"


@pytest.mark.parametrize("system", ["binder", "spancat", "ner"])
def test_peers_have_the_steps_of_binder(system: str) -> None:
    # Five epochs of 254 steps; three, with a schedule of their own; half of one, which is evaluated at its end.
    expectations = {1.0: (1270, 254, 76, 1270), 0.6: (762, 254, 46, 762), 0.1: (127, 127, 8, 127)}
    for share, expected in expectations.items():
        training = systems.make_config(systems.System(system, system), LITBANK, steps=share)["training"]
        schedule = training["optimizer"]["learn_rate"]
        steps = (training["max_steps"], training["eval_frequency"])
        assert (*steps, schedule["warmup_steps"], schedule["total_steps"]) == expected
        assert training["patience"] == 1270


def test_what_is_no_change_is_refused() -> None:
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
            systems.make_config(systems.parse_system(text), LITBANK)


def test_tables_have_means_and_spread() -> None:
    def record(system: str, seed: int, f: float, change: bool = False) -> dict[str, Any]:
        scored = {"p": f, "r": f, "f": f, "macro_f": f, "nested_r": None, "labels": {"PER": {"f": f, "gold": 3}}}
        evaluations = [{"step": step, "f": f} for step in (2, 4)]
        result = {"dev": scored, "test": None if change else scored, "evaluations": evaluations}
        result |= {"training_seconds": 100.0 + 100 * change}
        facts = {"dataset": "x", "system": system, "seed": seed, "change": change, "base": "binder"}
        return {**facts, "overrides": {"a.b": 1}, "result": result}

    records = [record("binder", 0, 0.5), record("binder", 1, 0.6)]
    records += [record("slow", 0, 0.7, change=True), record("slow", 1, 0.7, change=True)]
    made = {table.title: table for table in tables.Tables(records).all()}
    [row] = made["Accuracy"].rows
    assert row[2:8] == ["2", "55.0 ± 7.1", "55.0 ± 7.1", "55.0 ± 7.1", "55.0 ± 7.1", "-"]
    assert row[-1] == "4"
    assert made["Development scores"].rows[0][-1] == "55.0, 55.0"
    base, change = made["Changes: x"].rows
    assert base[2:] == ["2", "55.0 ± 7.1", "50.0-60.0", "-", "100 s", "-"]
    assert change == ["slow", "`a.b` = `1`", "2", "70.0 ± 0.0", "70.0-70.0", "+15.0 ± 7.1", "200 s", "2.00"]
