"""spaCy's command line on a pipeline with `binder_ner`."""

import json
import os
import re
import subprocess
import sys
import warnings
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
import spacy
from conftest import DEMO, ROOT, demo_examples, spans_of
from project_copy import run_python
from spacy.tokens import DocBin
from spacy.util import load_config
from spacy.vocab import Vocab

from spacy_binder.analysis import optimization
from spacy_binder.cli.evaluate import threshold_hint
from spacy_binder.errors import Errors
from spacy_binder.pipeline import BinderNER

CONFIG = ROOT / "configs" / "binder.cfg"
LABELS = ROOT / "project" / "datasets" / "demo" / "labels.json"


def run_spacy(*arguments: object, status: int = 0) -> str:
    """Do what `spacy` does, in this process, and return what it prints."""
    done = run_python(Path.cwd(), "-m", "spacy", *arguments)
    assert done.returncode == status, done.output
    return done.output


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small DocBin."""
    path = tmp_path_factory.mktemp("data") / "data.spacy"
    examples = demo_examples(spacy.blank("en"), ["news-01", "news-02"], max_sentences=6)
    DocBin(docs=[example.reference for example in examples]).to_disk(path)
    return path


@pytest.fixture(scope="module")
def overrides(data: Path, tiny_encoder: str) -> list[str]:
    """What makes the default config train on that DocBin, with the tiny encoder."""
    settings = {
        "paths.train": data,
        "paths.dev": data,
        "paths.labels": LABELS,
        "components.binder_ner.model.text_encoder.name": tiny_encoder,
    }
    return [str(part) for name, value in settings.items() for part in (f"--{name}", value)]


@pytest.fixture(scope="module")
def texts(trained: tuple[Path, Path]) -> list[str]:
    """The texts that the trained pipeline has learned."""
    return [doc.text for doc in DocBin().from_disk(trained[1]).get_docs(Vocab())]


def test_debug_config(overrides: list[str]) -> None:
    output = run_spacy("debug", "config", CONFIG, "--show-functions", *overrides)
    assert "Config is valid" in output
    for name in ("Binder.v1", "TextEncoder.v1", "TypeEncoder.v1", "SpanScorer.v1", "chunk_docs.v1"):
        assert f"spacy_binder.{name}" in output


def test_debug_data(overrides: list[str], tmp_path: Path) -> None:
    """On the whole demo corpus: with fewer than 100 training examples the command fails for any pipeline."""
    nlp = spacy.blank("en")
    for part in ("train", "dev"):
        names = (DEMO / f"{part}.txt").read_text(encoding="utf8").split()
        DocBin(docs=[example.reference for example in demo_examples(nlp, names)]).to_disk(tmp_path / f"{part}.spacy")
    paths = ["--paths.train", tmp_path / "train.spacy", "--paths.dev", tmp_path / "dev.spacy"]
    output = run_spacy("debug", "data", CONFIG, *overrides, *paths)
    assert "Corpus is loadable" in output
    assert "12 evaluation docs" in output


def test_init_fill_config(tmp_path: Path) -> None:
    """A config that only names the factory is filled with all settings, and is valid then."""
    sparse = '[nlp]\nlang = "en"\npipeline = ["binder_ner"]\n\n[components]\n\n'
    sparse += '[components.binder_ner]\nfactory = "binder_ner"\n'
    (tmp_path / "sparse.cfg").write_text(sparse, encoding="utf8")
    run_spacy("init", "fill-config", tmp_path / "sparse.cfg", tmp_path / "full.cfg")
    filled = load_config(tmp_path / "full.cfg", interpolate=True)
    component = filled["components"]["binder_ner"]
    assert component["threshold"] == 0.5
    assert component["model"]["scorer"]["linear_size"] == 128
    # It takes that of the text encoder.
    assert component["model"]["type_encoder"]["name"] is None
    assert filled["training"]["score_weights"]["spans_sc_f"] == 1.0


def test_init_fill_config_has_nothing_to_fill_in_the_default_config(tmp_path: Path) -> None:
    run_spacy("init", "fill-config", CONFIG, tmp_path / "full.cfg")
    filled, given = load_config(tmp_path / "full.cfg"), load_config(CONFIG)
    component = {k: v for k, v in filled["components"]["binder_ner"].items() if k != "model"}
    for name, value in given["components"]["binder_ner"].items():
        if name != "model":
            assert component[name] == value
    assert component.keys() - given["components"]["binder_ner"].keys() <= {"scorer"}


def test_init_labels(overrides: list[str], tmp_path: Path) -> None:
    run_spacy("init", "labels", CONFIG, tmp_path, *overrides)
    written = json.loads((tmp_path / "binder_ner.json").read_text(encoding="utf8"))
    assert written == json.loads(LABELS.read_text(encoding="utf8"))


def test_train(overrides: list[str], tmp_path: Path) -> None:
    steps = ["--training.max_steps", "4", "--training.eval_frequency", "2"]
    run_spacy("train", CONFIG, "--output", tmp_path, *overrides, *steps)
    for name in ("model-best", "model-last"):
        pipe = spacy.load(tmp_path / name).get_pipe("binder_ner")
        assert pipe.label_data == json.loads(LABELS.read_text(encoding="utf8"))


def test_evaluate(trained: tuple[Path, Path], tmp_path: Path) -> None:
    output = run_spacy("evaluate", *trained, "--output", tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf8"))
    assert (
        metrics["spans_sc_f"] == metrics["spans_sc_p"] == metrics["spans_sc_r"] == metrics["spans_sc_nested_r"] == 1.0
    )
    assert metrics["spans_sc_per_type"]["VEH"] == {"p": 1.0, "r": 1.0, "f": 1.0}
    assert "SPAN F" in output and "100.00" in output


@pytest.mark.parametrize("n_process", [1, 2])
def test_apply(trained: tuple[Path, Path], tmp_path: Path, n_process: int) -> None:
    run_spacy("apply", *trained, tmp_path / "out.spacy", "--batch-size", 2, "--n-process", n_process)
    vocab = Vocab()
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(vocab))
    golds = list(DocBin().from_disk(trained[1]).get_docs(vocab))
    assert [set(spans_of(doc)) for doc in docs] == [set(spans_of(gold)) for gold in golds]
    assert all(len(doc.spans["sc"].attrs["scores"]) == len(doc.spans["sc"]) for doc in docs)


def test_find_threshold(trained: tuple[Path, Path]) -> None:
    output = run_spacy("find-threshold", *trained, "binder_ner", "threshold", "spans_sc_f", "--n_trials", 3)
    assert "Best threshold: 0.5" in output


def test_benchmark_speed(trained: tuple[Path, Path]) -> None:
    output = run_spacy("benchmark", "speed", *trained, "--batches", 30, "--batch-size", 1, "--warmup", 0)
    assert "words/s" in output.lower()


def test_assemble(trained: tuple[Path, Path], texts: list[str], tmp_path: Path) -> None:
    """A new pipeline from a trained component, as `source` of a config."""
    config = f"""
    [nlp]
    lang = "en"
    pipeline = ["binder_ner"]

    [components]

    [components.binder_ner]
    source = "{trained[0].as_posix()}"
    """
    (tmp_path / "config.cfg").write_text(config.replace("\n    ", "\n"), encoding="utf8")
    run_spacy("assemble", tmp_path / "config.cfg", tmp_path / "model")
    assembled, original = spacy.load(tmp_path / "model"), spacy.load(trained[0])
    assert assembled.pipe_names == ["binder_ner"]
    doc = assembled("Captain Torbjørn Eide left Bodø on Tuesday.")
    assert len(doc.spans["sc"]) > 0
    assert spans_of(doc) == spans_of(original("Captain Torbjørn Eide left Bodø on Tuesday."))


def test_package(trained: tuple[Path, Path], texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packaged, installed elsewhere and imported, a pipeline finds the same spans."""
    # Without an index `build` can't make an environment, and spaCy calls setup.py.
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "packages"
    out.mkdir()
    run_spacy("package", trained[0], out, "--name", "nested", "--version", "1.2.3", "--build", "wheel")
    (wheel,) = out.rglob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(tmp_path / "site")]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    code = (
        "import sys, json, en_nested; nlp = en_nested.load(); doc = nlp(sys.stdin.read());"
        "print(json.dumps([[s.start, s.end, s.label_] for s in doc.spans['sc']]))"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    result = subprocess.run(
        [sys.executable, "-c", code], input=texts[0], capture_output=True, text=True, check=True, env=env, cwd=tmp_path
    )
    found = [tuple(span) for span in json.loads(result.stdout)]
    assert found == spans_of(spacy.load(trained[0])(texts[0]))
    requirements = json.loads((next((tmp_path / "site").glob("en_nested/meta.json"))).read_text())["requirements"]
    assert any(name.startswith("spacy-binder") for name in requirements)


def test_binder_optimize(trained: tuple[Path, Path], texts: list[str], tmp_path: Path) -> None:
    model, data = trained
    printed = run_spacy("binder", "optimize", model, data, "-o", tmp_path / "fast", "--max-loss", 5)
    # float32 by torch is the pipeline as it is.
    only_there = ["openvino", "float32"] if find_spec("openvino") else []
    assert all(word in printed for word in ("as it is", "torch", "bfloat16", "int8", *only_there, "Saved the pipeline"))
    nlp = spacy.load(tmp_path / "fast")
    chosen = nlp.meta["binder_optimized"]
    block = nlp.config["components"]["binder_ner"]["model"]["text_encoder"]
    assert (block["inference_precision"], block["inference_engine"]) == (chosen["precision"], chosen["engine"])
    assert any(spans_of(doc) for doc in nlp.pipe(texts))


def test_binder_optimize_saves_nothing_that_loses_too_much(trained: tuple[Path, Path], tmp_path: Path) -> None:
    model, data = trained
    command = ["binder", "optimize", model, data, "-o", tmp_path / "fast", "--precision", "int8", "--max-loss", "-101"]
    assert "Nothing saved" in run_spacy(*command, status=1)
    assert not (tmp_path / "fast").exists()


def test_binder_optimize_drops_what_is_slower(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row is there when the next choice is tried. F1 is measured for the pipeline as it is alone."""
    printed_before, measured, measure = [], [], optimization.measure

    def compare_speed(*_: object) -> float:
        assert isinstance(sys.stdout, StringIO)
        printed_before.append(sys.stdout.getvalue())
        return 0.2

    monkeypatch.setattr(optimization, "compare_speed", compare_speed)
    monkeypatch.setattr(optimization, "measure", lambda *args: measured.append(args[2:4]) or measure(*args))
    printed = run_spacy("binder", "optimize", *trained, "-o", tmp_path / "fast", "--engine", "torch", status=1)
    assert "as it is" in printed_before[0]
    assert "bfloat16" not in printed_before[0]
    assert "slower" in printed and "0.20" in printed and "Nothing saved" in printed
    assert measured == [("float32", "torch")]
    assert not (tmp_path / "fast").exists()


def test_binder_optimize_goes_on_after_a_choice_that_fails(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: object) -> None:
        raise ValueError(Errors.B022.format(encoder="BertModel", cause=arguments[3]))

    monkeypatch.setattr(optimization, "load_in_precision", load)
    printed = run_spacy("binder", "optimize", *trained, "-o", tmp_path / "fast", "--engine", "torch", status=1)
    assert "fails" in printed and "B022" in printed and "Nothing saved" in printed


COMMANDS = ("optimize", "evaluate", "calibrate")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("no model", "E050"),
        ("no component", "B016"),
        ("no docs", "B026"),
        ("no docbin", "B050"),
        ("no docbin in the folder", "B029"),
        ("output is a file", "B051"),
        ("output is in a file", "B051"),
    ],
)
def test_what_cant_be_done_is_said_before_anything_is_written(
    trained: tuple[Path, Path], tmp_path: Path, command: str, problem: str, said: str
) -> None:
    """With exit status 1, and without a traceback: that one would not be a SystemExit."""
    model, data = trained
    (tmp_path / "file").write_text("kept", encoding="utf8")
    (tmp_path / "folder").mkdir()
    DocBin().to_disk(tmp_path / "empty.spacy")
    data = {
        "no docs": tmp_path / "empty.spacy",
        "no docbin": tmp_path / "file",
        "no docbin in the folder": tmp_path / "folder",
    }.get(problem, data)
    output = {"output is a file": tmp_path / "file", "output is in a file": tmp_path / "file" / "out"}.get(
        problem, tmp_path / "out"
    )
    options = ["--component", "binder"] if problem == "no component" else []
    before = set(tmp_path.rglob("*"))
    model = tmp_path / "model" if problem == "no model" else model
    printed = run_spacy("binder", command, model, data, "-o", output, *options, status=1)
    assert said in printed
    assert set(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text(encoding="utf8") == "kept"


@pytest.mark.parametrize(
    ("command", "option"), [("evaluate", "--train"), ("calibrate", "--held-out")], ids=["train", "held-out"]
)
def test_other_data_are_checked_first(
    trained: tuple[Path, Path], tmp_path: Path, command: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BinderNER, "predict", lambda *_: pytest.fail("ran the pipeline"))
    DocBin().to_disk(tmp_path / "other.spacy")
    options = [option, tmp_path / "other.spacy"]
    assert "B026" in run_spacy("binder", command, *trained, "-o", tmp_path / "out", *options, status=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("p", "r", "is_hinted"), [(0.9, 0.6, True), (0.8, 0.65, False), (0.5, 0.9, False)])
def test_threshold_hint(p: float, r: float, is_hinted: bool) -> None:
    hints = threshold_hint({"p": p, "r": r, "n_gold": 9, "n_predicted": 9}, "model", "binder_ner", "sc")
    assert bool(hints) == is_hinted
    assert not hints or hints[0][0].startswith("Precision is 30 points above recall")


def test_no_threshold_hint_without_spans() -> None:
    """Precision and recall are not known then."""
    for n_gold, n_predicted in ((0, 0), (9, 0), (0, 9)):
        scores = {"p": None, "r": None, "n_gold": n_gold, "n_predicted": n_predicted}
        assert threshold_hint(scores, "model", "binder_ner", "sc") == []


def test_binder_evaluate_names_what_finds_more_spans(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Its commands are those that there are."""
    nlp = spacy.load(trained[0])
    docs = [nlp(doc.text) for doc in DocBin().from_disk(trained[1]).get_docs(Vocab())]
    scores = [score for doc in docs for score in doc.spans["sc"].attrs["scores"].tolist()]
    nlp.get_pipe("binder_ner").cfg["threshold"] = sorted(scores)[-len(scores) // 3]
    nlp.to_disk(tmp_path / "model")
    printed = run_spacy("binder", "evaluate", tmp_path / "model", trained[1], "-o", tmp_path / "out")
    assert "points above recall" in printed
    find, calibrate = re.findall(r"python -m spacy (.+)", printed)
    assert find == f"find-threshold {tmp_path / 'model'} DEV.spacy binder_ner threshold spans_sc_f"
    options = ("-o", tmp_path / "calibrated", "--component", "binder_ner", "--thresholds")
    assert calibrate == " ".join(
        map(str, ("binder calibrate", tmp_path / "model", "DEV.spacy -o OUTPUT", *options[2:]))
    )
    run_spacy("binder", "calibrate", tmp_path / "model", trained[1], *options)


def test_binder_shows_warnings_without_lines_of_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    run_spacy("binder", "evaluate", "--help")
    assert warnings.formatwarning("[BW14] ...", UserWarning, "module.py", 3, "code") == "[BW14] ...\n"


def test_binder_evaluate_stops_if_the_page_cant_be_written(trained: tuple[Path, Path], tmp_path: Path) -> None:
    options = ["-o", tmp_path / "out", "--report", tmp_path]
    assert "it is a folder" in run_spacy("binder", "evaluate", *trained, *options, status=1)
    assert not (tmp_path / "out").exists()


def test_binder_calibrate_without_wrong_candidates(trained: tuple[Path, Path], tmp_path: Path) -> None:
    printed = run_spacy("binder", "calibrate", *trained, "-o", tmp_path / "out", "--floor", "0.99", status=1)
    assert "B024" in printed
    assert not (tmp_path / "out").exists()


def test_evaluate_draws_no_spans_of_other_components_than_spancat(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """spaCy asks for the factory's name. The documentation names `spacy binder evaluate` instead."""
    run_spacy("evaluate", *trained, "--displacy-path", tmp_path)
    assert not list(tmp_path.iterdir())


def test_binder_calibrate(trained: tuple[Path, Path], texts: list[str], tmp_path: Path) -> None:
    nlp = spacy.load(trained[0])
    for name, documents in (("dev", ["news-01", "science-02"]), ("held_out", ["news-03"])):
        examples = demo_examples(nlp, documents, max_sentences=6)
        DocBin(docs=[example.reference for example in examples]).to_disk(tmp_path / f"{name}.spacy")
    options = ["--held-out", tmp_path / "held_out.spacy", "--thresholds", "--min-gold", 5]
    printed = run_spacy(
        "binder", "calibrate", trained[0], tmp_path / "dev.spacy", "-o", tmp_path / "calibrated", *options
    )
    for word in ("ECE", "before", "calibrated", "thresholds", "held_out.spacy", "Saved the calibrated pipeline"):
        assert word in printed
    calibrated = spacy.load(tmp_path / "calibrated")
    cfg = calibrated.get_pipe("binder_ner").cfg
    assert cfg["calibration"].keys() == {"scale", "bias"}
    assert cfg["thresholds"].keys() <= {"DATE", "GPE", "PER", "LOC", "FAC", "ORG", "VEH", "WORK"}
    for doc in calibrated.pipe(texts):
        thresholds = [cfg["thresholds"].get(span.label_, cfg["threshold"]) for span in doc.spans["sc"]]
        assert (doc.spans["sc"].attrs["scores"] > thresholds).all()


def test_binder_evaluate(trained: tuple[Path, Path], tmp_path: Path) -> None:
    model, train = trained
    examples = demo_examples(spacy.blank("en"), ["news-01", "news-02"], max_sentences=6)
    DocBin(docs=[example.reference for example in examples]).to_disk(tmp_path / "test.spacy")
    out = tmp_path / "out"
    options = ["--train", train, "--report", tmp_path / "page" / "page.html", "--sentences", 5]
    # In a process of its own.
    command = [sys.executable, "-m", "spacy", "binder", "evaluate", model, tmp_path / "test.spacy", "-o", out, *options]
    printed = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf8"))
    for word in ("PER", f"{100 * metrics['all']['f']:.1f}", "not seen in training", "Recall of spans inside or around"):
        assert word in printed
    lines = (out / "predictions.jsonl").read_text(encoding="utf8").splitlines()
    n_right = 0
    for line, example in zip(lines, examples, strict=True):
        doc = json.loads(line)
        assert doc["text"] == example.reference.text
        keys = ("start", "end", "label")
        gold = {tuple(span[key] for key in keys) for span in doc["gold"]}
        assert gold == {(s.start_char, s.end_char, s.label_) for s in example.reference.spans["sc"]}
        for span in doc["predicted"]:
            assert span["text"] == doc["text"][span["start"] : span["end"]]
            assert 0.5 < span["score"] <= 1
            n_right += tuple(span[key] for key in keys) in gold
    assert n_right == metrics["all"]["right"] > 0
    page = (tmp_path / "page" / "page.html").read_text(encoding="utf8")
    assert page.count("<article") == 5
    assert not (out / "report.html").exists()
