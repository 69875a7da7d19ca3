"""The workflow `open`: its corpora, a training of two steps, the threshold, and the figures."""

import json
import random
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import yaml
from open_files import IT, PORT, RIGA, SHIP, conllu
from project_copy import PROJECT, copy_project, run_python
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import load_config
from weasel.util import get_checksum, load_project_config

from spacy_binder.analysis.calibration import ScoredSpans
from spacy_binder.analysis.docs import Entity, EvaluatedDoc

VOCAB = spacy.blank("en").vocab
DOMAINS = ("ai", "literature", "music", "politics", "science")
# Words and tags of a sentence of each corpus in two columns.
COLUMNS = {
    "btc": "Mira B-PER\nHolt I-PER\nleft O\nRiga B-LOC",
    "wikigold": "Mira I-PER\nleft O\nTarn I-ORG\nOslo I-MISC",
    "re3d": "Mira B-Person\nleft O\nRiga B-Location",
    "wnut17": "Mira B-person\nlikes O\nTarn B-product",
    "ncbi": "mild O\nflu B-Disease",
    "craft": "mouse B-Taxon\ngenes B-SO",
    "anatem": "the O\nheart B-Anatomy",
    "multiconer": (
        "mira B-Artist\nof I-Artist\nriga I-Artist\nsings O\nthe B-MusicalWork\nold I-MusicalWork\nflu B-Disease"
    ),
}
FILES = {
    "btc": [f"{x}.conll" for x in "abefgh"],
    "wikigold": ["wikigold.conll.txt"],
    "re3d": ["a.conll", "b.conll"],
    "wnut17": ["wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"],
    **{name: ["train.tsv", "devel.tsv", "test.tsv"] for name in ("ncbi", "craft", "anatem")},
    "multiconer": ["en-train90.conll", "en-train10.conll", "en-dev.conll"],
}


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripts of the project, by name."""
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    return import_module


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf8")


def write_assets(project: Path) -> None:
    """Write small files for all corpora of the workflow, and the lists of their documents."""
    assets, datasets = project / "assets", project / "datasets"
    for dataset, names in FILES.items():
        sentence = COLUMNS[dataset] if dataset == "wikigold" else COLUMNS[dataset].replace(" ", "\t")
        for name in names:
            write(assets / dataset / name, f"{sentence}\n\n" * 4)
    for name, documents in (("a", (PORT, RIGA, IT)), ("b", (RIGA, SHIP)), ("c", (RIGA,))):
        write(assets / "gum" / "dep" / f"{name}.conllu", conllu(name, *documents))
    write(assets / "litbank" / "tsv" / "a_brat.tsv", "Mira\tB-PER\tO\tO\tO\t\nslept\tO\tO\tO\tO\t\n\n")
    lists = {"gum": ("a\nb", "c", "c"), "re3d": ("a", "b", "b"), "litbank": ("a", "a", "a")}
    for dataset, parts in lists.items():
        for part, names in zip(("train", "dev", "test"), parts, strict=True):
            write(datasets / dataset / f"{part}.txt", names)
    for domain in DOMAINS:
        write(
            assets / f"crossner-{domain}" / "test.txt", "Mira\tB-person\nin\tO\nRiga\tB-location\nLatin\tB-misc\n\n" * 3
        )
    synsets = {"town": {"members": ["town"], "definition": ["a place"]}}
    for i in range(12):
        more = {"instance_hypernym": ["town"]} if i % 2 else {"hypernym": ["town"]}
        synsets[f"n{i}"] = {"members": [f"Abc{i}"], "definition": [f"the town of {i}"], **more}
        synsets[f"m{i}"] = {"members": [f"def{i}"], "definition": [f"a town of {i}"], "hypernym": ["town"]}
    write(assets / "oewn" / "noun.location.yaml", yaml.safe_dump(synsets))
    entities = [[{"type": "PER", "sent_id": 0, "pos": [0, 1]}], [{"type": "LOC", "sent_id": 0, "pos": [2, 3]}]]
    labels = [{"r": "P27", "h": 0, "t": 1}]
    documents = [{"sents": [["Mira", "left", "Riga", "."]], "vertexSet": entities, "labels": labels}]
    for part in ("dev", "test"):
        write(assets / "redocred" / f"{part}_revised.json", json.dumps(documents))
    sentence = {"tokens": ["Mira", "sails"], "h": ["mira", "Q1", [[0]]], "t": ["sails", "Q2", [[1]]]}
    write(assets / "fewrel" / "val_wiki.json", json.dumps({"P641": [sentence]}))


def spans_of_file(path: Path) -> list[list[tuple[str, str]]]:
    """RETURNS (list): Text and label of the spans of each document of a DocBin, in the order of the texts."""
    docs = sorted(DocBin().from_disk(path).get_docs(VOCAB), key=lambda doc: doc.text)
    return [[(span.text, span.label_) for span in doc.spans["sc"]] for doc in docs]


def test_workflow(tmp_path: Path, tiny_encoder: str) -> None:
    """From small corpora to a package's pipeline and its figures, by the scripts of the workflow."""
    project = copy_project(tmp_path)
    write_assets(project)
    commands = {command["name"]: command["script"] for command in load_project_config(project)["commands"]}

    def run(*names: str) -> str:
        printed = ""
        for script in (script for name in names for script in commands[name]):
            small = script.replace(
                "--n-wordnet 12000 --n-chains 4500 --n-facts 8000", "--n-wordnet 8 --n-chains 4 --n-facts 4"
            )
            result = run_python(project, *small.replace("--steps 5000", "--steps 2").split()[1:])
            assert result.returncode == 0, result.output
            printed += result.output
            if "open_configure.py" in script:
                path = project / "corpus" / "open" / "binder_open.cfg"
                text = path.read_text(encoding="utf8")
                path.write_text(text.replace("sentence-transformers/all-MiniLM-L6-v2", tiny_encoder), encoding="utf8")
        return printed

    printed = run("open-corpora", "open-types")
    corpus = project / "corpus" / "open"
    # A passage for each document of GUM together: all are short.
    riga = [("Riga", "place"), ("Mira Holt", "person"), ("1911", "time")]
    assert spans_of_file(corpus / "train" / "gum.spacy") == [[*riga, *riga]]
    [all_mentions] = spans_of_file(corpus / "train" / "gum_all.spacy")
    assert {("It", "place"), ("the painter", "person"), ("The old port", "place"), ("Ships", "object")} <= {
        *all_mentions
    }
    assert spans_of_file(corpus / "dev" / "gum.spacy") == [riga]
    # Five of six files in train and test of four posts each.
    assert spans_of_file(corpus / "train" / "btc.spacy") == [[("Mira Holt", "PER"), ("Riga", "LOC")] * 20]
    # Small letters as the corpus has them, but for names and the beginning of a sentence.
    multiconer = [("Mira of Riga", "Artist"), ("The Old", "MusicalWork"), ("flu", "Disease")]
    assert spans_of_file(corpus / "dev" / "multiconer.spacy") == [multiconer * 2]
    assert spans_of_file(corpus / "test" / "crossner-ai.spacy") == [[("Mira", "person"), ("Riga", "location")]] * 3
    assert "| " not in printed and "wordnet" in printed
    assert ("Riga", "country") in {span for doc in spans_of_file(corpus / "train" / "facts.spacy") for span in doc}
    printed = run("open-train", "open-finish", "open-evaluate")
    config = load_config(corpus / "binder_open.cfg")
    assert (config["training"]["max_steps"], config["training"]["eval_frequency"]) == (2, 1)
    nlp = spacy.load(project / "training" / "open" / "finished")
    ner = nlp.get_pipe("binder_ner")
    assert list(ner.labels) == list(json.loads((project / "datasets" / "open" / "general.json").read_text()))
    assert nlp.meta["sources"][0]["name"] == "GUM 11"
    # Types that only passages know were trained too. The finished pipeline does not compare new ones with trained ones.
    best = json.loads((project / "training" / "open" / "model-best" / "binder_ner" / "cfg").read_text())
    assert {*best["trained"]} & {"town", "town: a place", "a place", "names of towns"}
    assert ner.cfg["trained"] == []
    summary = json.loads((project / "metrics" / "open.json").read_text(encoding="utf8"))
    assert set(summary["domains"]) == set(DOMAINS) and summary["threshold"] == ner.cfg["threshold"]
    assert summary["domains"]["ai"]["name"]["n_gold"] == 6
    assert "GLiNER-bi v2, 60 M" in printed
    assert (project / "metrics" / "open.md").read_text(encoding="utf8").count("\n|") == 9
    assert (project / "metrics" / "open.html").read_text(encoding="utf8").startswith("<!doctype html>")


def test_config_names_what_the_scripts_write(scripts: Any) -> None:
    """The corpora of the mix, the labels of their datasets, and the types that are described."""
    config = load_config(PROJECT.parent / "configs" / "binder_open.cfg", interpolate=True)
    sources = scripts("open.corpora").SOURCES
    train, dev = (config["corpora"][part] for part in ("train", "dev"))
    assert list(train["corpora"]) == [*sources, "wordnet", "chains", "facts"]
    assert list(dev["corpora"]) == [name for name, source in sources.items() if source.dev]
    folders = {"train": train["corpora"], "dev": dev["corpora"]}
    for part, corpora in folders.items():
        assert all(c["path"] == f"project/corpus/open/{part}/{name}.spacy" for name, c in corpora.items())
    added = {name: {*source.added} for name, source in sources.items()}
    described = json.loads((PROJECT / "datasets" / "open" / "wordings.json").read_text(encoding="utf8"))
    assert {new for labels in train["labels"].values() for new in labels.values()} - {None} == set(described)
    for name, labels in train["labels"].items():
        known = json.loads((PROJECT / "datasets" / sources[name].dataset / "labels.json").read_text(encoding="utf8"))
        assert set(labels) == {*known} | added[name], name
    assert dev["labels"] == {name: train["labels"][name] for name in dev["corpora"]}
    # The bare name first, then others, each once.
    assert all(len(texts) == len(set(texts)) > 1 and len(texts[0].split()) <= 6 for texts in described.values())


def test_mix_is_for_commercial_use() -> None:
    """Its datasets are those without a licence for non-commercial use alone. `gum-nc` is none of them."""
    commands = {command["name"]: command for command in load_project_config(PROJECT)["commands"]}
    [script] = commands["open-assets"]["script"]
    assert "gum-nc" not in script.split() and "gum" in script.split()
    assert not any("BBC" in path.read_text() for path in (PROJECT / "datasets" / "re3d").glob("*.txt"))


def test_commands_name_files(scripts: Any) -> None:
    """What a command needs is in the repository, or another command of the workflow makes it."""
    config = load_project_config(PROJECT)
    commands = {command["name"]: command for command in config["commands"]}
    made: set[str] = set()
    for name in config["workflows"]["open"]:
        command = commands[name]
        for path in command["deps"]:
            assert path in made or (PROJECT / path).exists(), (name, path)
        for word in (word for script in command["script"] for word in script.split() if word.endswith(".py")):
            assert (PROJECT / word).exists() and word in command["deps"]
        made.update(command.get("outputs", ()))


def test_commands_run_again_when_what_they_read_changes(scripts: Any) -> None:
    commands = {command["name"]: command for command in load_project_config(PROJECT)["commands"]}
    corpora = scripts("open.corpora")
    tested = {f"datasets/crossner-{domain}" for domain in corpora.DOMAINS}
    read = {
        "open-corpora": {f"datasets/{source.dataset}" for source in corpora.SOURCES.values()} | tested,
        # The labels of relations are a file of this folder.
        "open-types": {"datasets/open", "datasets/gum", "datasets/multiconer"},
        "open-evaluate": tested,
        "open-fewshot": tested | {f"corpus/open/test/crossner-{domain}.spacy" for domain in corpora.DOMAINS},
    }
    for name, paths in read.items():
        assert paths <= {*commands[name]["deps"]}, name


# What is downloaded


def test_fetch_downloads_what_is_missing(scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = scripts("fetch")
    write(tmp_path / "assets" / "a" / "there.txt", "there")
    checksum = get_checksum(tmp_path / "assets" / "a" / "there.txt")
    assets = [
        {"dest": "assets/a/there.txt", "url": "https://x/1", "checksum": checksum},
        {"dest": "assets/a/missing.txt", "url": "https://x/2", "checksum": checksum},
        {"dest": "assets/ab/other.txt", "url": "https://x/3"},
    ]
    write(tmp_path / "project.yml", yaml.safe_dump({"assets": assets}))
    fetched = []

    def fetch_asset(project: Path, url: str, dest: str, checksum: str | None) -> None:
        fetched.append(url)
        write(project / dest, content)

    monkeypatch.setattr(fetch, "fetch_asset", fetch_asset)
    content = "damaged"
    with pytest.raises(SystemExit):
        fetch.main(["a"], tmp_path)
    content = "there"
    fetch.main(["a"], tmp_path)
    fetch.main(["a"], tmp_path)
    assert fetched == ["https://x/2", "https://x/2"]
    with pytest.raises(SystemExit):
        fetch.main(["b"], tmp_path)


def test_fetch_replaces_damaged_files_and_goes_on_after_a_failure(scripts: Any, tmp_path: Path) -> None:
    """With weasel's own download, of files."""
    source, there = tmp_path / "source.txt", tmp_path / "assets" / "a" / "half.txt"
    write(source, "whole")
    write(there, "wh")
    assets = [
        {"dest": "assets/a/none.txt", "url": (tmp_path / "none.txt").as_uri(), "checksum": "0" * 32},
        {"dest": "assets/a/half.txt", "url": source.as_uri(), "checksum": get_checksum(source)},
    ]
    write(tmp_path / "project.yml", yaml.safe_dump({"assets": assets}))
    with pytest.raises(SystemExit):
        scripts("fetch").main(["a"], tmp_path)
    assert there.read_text(encoding="utf8") == "whole"
    assert not (there.parent / "none.txt").exists()


# The threshold


def test_threshold_has_the_best_mean(scripts: Any) -> None:
    """By counting for each threshold, in corpora of different sizes."""
    module, rng = scripts("open.thresholds"), random.Random(0)
    found = {}
    for corpus, n in (("small", 20), ("large", 300)):
        scores = numpy.array([rng.random() for _ in range(n)], dtype="float32")
        right = numpy.array([rng.random() < score for score in scores.tolist()])
        found[corpus] = ScoredSpans(numpy.zeros(n, dtype="int64"), scores, right), int(right.sum()) + 7
    threshold, rows = module.choose_threshold(found)
    for row in rows:
        for corpus, (spans, n_gold) in found.items():
            above = spans.scores > row["threshold"]
            assert row["f"][corpus] == pytest.approx(2 * (above & spans.right).sum() / (above.sum() + n_gold))
        assert row["mean"] == pytest.approx(sum(row["f"].values()) / 2)
    assert max(rows, key=lambda row: row["mean"])["threshold"] == threshold
    assert len(rows) == 19 and 0.1 < threshold < 0.9


def test_threshold_where_nothing_is_found(scripts: Any) -> None:
    nothing = ScoredSpans(numpy.zeros(0, dtype="int64"), numpy.zeros(0, dtype="float32"), numpy.zeros(0, dtype=bool))
    assert scripts("open.thresholds").choose_threshold({"a": (nothing, 3), "b": (nothing, 0)})[0] == 0.5


def test_corpora_are_scored_with_their_own_types(scripts: Any, tiny_nlp: spacy.Language) -> None:
    """Other types of the pipeline are not looked for, and it stays as it is."""
    pipe: Any = tiny_nlp.get_pipe("binder_ner")
    before = dict(pipe.cfg)
    docs = []
    # The first passage was not annotated with all types of its corpus.
    for labels in (["PER"], ["PER", "GPE"]):
        doc = Doc(tiny_nlp.vocab, words=["Mira", "left", "Riga"])
        doc.spans["sc"] = [Span(doc, 0, 1, label="PER")]
        doc.spans["sc"].attrs["labels"] = labels
        docs.append(doc)
    seen = []
    predict = pipe.predict

    def spy(docs: Any) -> Any:
        seen.append(list(pipe.cfg["labels"]))
        return predict(docs)

    pipe.predict = spy
    try:
        examples = [Example(doc.copy(), doc) for doc in docs]
        found = scripts("open.thresholds").score_corpora(tiny_nlp, "binder_ner", {"x": examples})
    finally:
        del pipe.predict
    assert found["x"][1] == 2 and all(set(labels) == {"PER", "GPE"} for labels in seen)
    assert dict(pipe.cfg) == before


# The figures


def make_doc(gold: set[Entity], predicted: set[Entity]) -> EvaluatedDoc:
    """RETURNS (EvaluatedDoc): A doc of ten letters, each one a token."""
    text = "a b c d e f g h i j"
    tokens = [(i, i + 1) for i in range(0, len(text), 2)]
    return EvaluatedDoc(text, tokens, [(0, 10)], gold, dict.fromkeys(predicted, 0.9), {})


def test_figures(scripts: Any) -> None:
    """F1 of a domain from all its spans together, and the mean of the domains."""
    module = scripts("open.zero_shot")
    a, b, c, d = Entity(0, 1, "X"), Entity(2, 3, "X"), Entity(2, 5, "X"), Entity(6, 7, "Y")
    docs = [make_doc({a, b}, {a, c}), make_doc({d}, {d, a})]
    figures = module.measure(docs, ["X", "Y"])
    # Two of three gold spans, and of four predicted ones.
    assert figures["f"] == pytest.approx(4 / 7)
    assert {label: scores["f"] for label, scores in figures["types"].items()} == {"X": pytest.approx(0.4), "Y": 1.0}
    nothing = module.measure([make_doc({a}, set())], ["X"])
    both = "name and description"
    domains = {domain: {"name": figures, "description": nothing, both: figures} for domain in DOMAINS}
    domains["ai"] = {"name": nothing, "description": figures, both: figures}
    summary = module.summarize(domains, 0.4)
    means = {"name": 400 / 7 * 4 / 5, "description": 400 / 7 / 5, both: 400 / 7}
    assert summary["mean"] == pytest.approx(means)
    rows = module.rows_of(summary)
    assert rows[0] == ("this pipeline, by name", "0.0", "57.1", "57.1", "57.1", "57.1", "45.7")
    assert rows[3] == ("GLiNER-bi v2, 60 M", "", "", "", "", "", "54.0")
    assert "| this pipeline, by name | 0.0 | 57.1 |" in module.markdown(summary)


def test_descriptions_of_crossner(scripts: Any) -> None:
    """By a rule: what is before the colon, and what is after it. `misc` is left out."""
    labels = {
        "programlang": "programming language: what programs are written in: Python",
        "misc": "other: others",
        "x_y": "z",
    }
    describe = scripts("open.zero_shot").describe_types
    assert describe(labels, "name") == {"programlang": "programming language", "x_y": "x y"}
    assert describe(labels, "description") == {"programlang": "what programs are written in: Python", "x_y": "z"}
    assert describe(labels, "name and description") == {
        "programlang": ["programming language", "what programs are written in: Python"],
        "x_y": ["x y", "z"],
    }
