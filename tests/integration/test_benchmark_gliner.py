"""GLiNER in the accuracy benchmark: docs in its format and back, its config, and a short run if it is installed."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import ROOT, demo_examples
from spacy.lang.en import English
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

# The benchmarks aren't installed.
sys.path.append(str(ROOT))
from benchmarks.accuracy import gliner_format, runs, scores, systems
from benchmarks.accuracy.__main__ import choose_systems, main
from spacy_binder.text.augmenters import cut_doc, passage_borders

DATASETS = ROOT / "project" / "datasets"
NAMES = {"PER": "person", "GPE": "place", "FAC": "building"}
GLINER = systems.System("gliner", "gliner")
SETTINGS = """
[training]
max_steps = 3
eval_frequency = 2

[training.batcher]
size = 2

[training.optimizer]

[training.optimizer.learn_rate]
warmup_steps = 1
total_steps = 3
"""


@pytest.fixture
def doc() -> Doc:
    """A doc of three sentences with nested spans. The last span crosses the border of the last two sentences."""
    words = ["The", "mayor", "of", "Bath", "slept", ".", "Ann", "left", ".", "Dr.", "Lee", "of", "York", "came", "."]
    doc = Doc(English().vocab, words=words, sent_starts=[i in (0, 6, 9) for i in range(len(words))])
    spans = [(0, 4, "PER"), (3, 4, "GPE"), (6, 7, "PER"), (9, 13, "PER"), (12, 13, "GPE"), (8, 11, "FAC")]
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


def test_a_passage_has_words_and_inclusive_ends(doc: Doc) -> None:
    example = gliner_format.to_example(doc, NAMES)
    assert example["tokenized_text"] == [token.text for token in doc]
    found = {(" ".join(example["tokenized_text"][first : last + 1]), name) for first, last, name in example["ner"]}
    assert found == {
        ("The mayor of Bath", "person"),
        ("Bath", "place"),
        ("Ann", "person"),
        ("Dr. Lee of York", "person"),
        ("York", "place"),
        (". Dr. Lee", "building"),
    }
    # Types that don't occur in a passage are types all the same.
    assert set(example["ner_negatives"]) == set(NAMES.values())


@pytest.mark.parametrize("max_tokens", [1, 3, 6, 9, 100])
def test_gold_spans_come_back_from_passages(doc: Doc, max_tokens: int) -> None:
    borders = passage_borders(doc, max_tokens)
    # No word is lost, and none is there twice.
    assert [i for start, end in borders for i in range(start, end)] == list(range(len(doc)))
    back = set()
    for passage, (start, _) in zip(cut_doc(doc, borders), borders, strict=True):
        back |= gliner_format.to_extents(gliner_format.to_example(passage, NAMES)["ner"], start, NAMES)
    gold = scores.extents(doc.spans["sc"])
    assert back <= gold
    crossing = [span for span in gold if not any(start <= span[0] and span[1] <= end for start, end in borders)]
    assert gold - back == set(crossing)
    for max_width in (1, 3, 12):
        counted = gliner_format.count_unreachable([doc], [borders], max_width)
        wide = {span for span in gold if span[1] - span[0] > max_width}
        assert counted == {"spans": len(gold), "wide": len(wide), "cut": len(set(crossing) - wide)}


def test_scores_are_those_of_what_was_found(doc: Doc) -> None:
    gold = scores.extents(doc.spans["sc"])
    assert scores.compare([gold], [doc])["f"] == 1.0
    scored = scores.compare([{(3, 4, "GPE"), (3, 4, "PER"), (6, 7, "GPE")}], [doc])
    assert (scored["p"], scored["r"]) == (pytest.approx(1 / 3), pytest.approx(1 / 6))
    # Nested are all but Ann and the span that crosses the border.
    assert scored["nested_r"] == pytest.approx(1 / 4)


def test_labels_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    described = {"PER": "Person: people, by name", "GENE_part": "GENE_part", "LOC": "natural place: seas"}
    path.write_text(json.dumps(described), encoding="utf8")
    names = gliner_format.read_names(path)
    assert names["PER"] == "person" and names["LOC"] == "natural place"
    assert names["GENE_part"] == names["GENE_part"].lower()
    assert gliner_format.read_names(path, described=True) == described
    path.write_text(json.dumps({"A": "group: of people", "B": "Group: of things"}), encoding="utf8")
    with pytest.raises(ValueError, match="called group"):
        gliner_format.read_names(path)


@pytest.mark.parametrize("dataset", ["litbank", "genia", "ncbi", "wnut17"])
def test_it_has_the_passages_and_steps_of_binder(dataset: str) -> None:
    settings = DATASETS / dataset / "settings.cfg"
    assert GLINER.fits(nested=True) and GLINER.fits(nested=False)
    ours, config = (systems.make_config(systems.System(name, name), settings) for name in ("binder", "gliner"))
    for key in (*systems.STEPS, "training.eval_frequency", "training.batcher"):
        assert systems.get_value(config, key) == systems.get_value(ours, key)
    for key in ("corpora.train.augmenter.@augmenters", "corpora.train.augmenter.max_tokens"):
        first, last = key.rsplit(".", 1)
        assert systems.get_value(config, first)[last] == systems.get_value(ours, first)[last]
    assert config["gliner"]["prediction"]["flat_ner"] is not ours["components"]["binder_ner"]["allow_overlap"]
    assert systems.encoder_block(config)["name"] == systems.encoder_block(ours)["name"]
    changed = systems.make_config(GLINER, settings, encoder="other", steps=0.5)
    assert systems.encoder_block(changed)["name"] == "other"
    assert changed["training"]["max_steps"] == round(0.5 * config["training"]["max_steps"])


def test_it_is_left_out_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "is_installed", lambda _: False)
    assert [system.name for system in choose_systems("", [], None, "")] == ["binder", "binder_paper", "spancat", "ner"]
    for names, specs in (("binder,gliner", []), ("binder", ["wide:gliner:gliner.model.max_width=20"])):
        with pytest.raises(typer.BadParameter, match="needs gliner"):
            choose_systems(names, specs, None, "")


@pytest.mark.skipif(not find_spec("gliner"), reason="gliner isn't installed: it is no requirement of the tests")
def test_it_is_trained_and_scored_as_other_systems_are(tmp_path: Path, tiny_encoder: str) -> None:
    corpus = tmp_path / "corpus" / "nested"
    corpus.mkdir(parents=True)
    sizes = {}
    for part, document in {"train": "news-01", "dev": "science-01", "test": "sport-01"}.items():
        docs = [example.reference for example in demo_examples(English(), [document], max_sentences=4)]
        sizes[part] = sum(len(doc.spans["sc"]) for doc in docs)
        DocBin(docs=docs).to_disk(corpus / f"{part}.spacy")
    labels = (DATASETS / "demo" / "labels.json").read_text(encoding="utf8")
    (corpus / "labels.json").write_text(labels, encoding="utf8")
    (tmp_path / "datasets" / "nested").mkdir(parents=True)
    (tmp_path / "datasets" / "nested" / "settings.cfg").write_text(SETTINGS, encoding="utf8")
    app = typer.Typer()
    app.command()(main)
    options: list[Any] = ["--settings", tmp_path / "datasets", "--datasets", "nested", "--seeds", "0"]
    options += ["--encoder", tiny_encoder, "--systems", "gliner"]
    result = CliRunner().invoke(app, list(map(str, [tmp_path / "corpus", tmp_path / "out", *options])))
    assert result.exit_code == 0, result.output
    [record] = [json.loads(path.read_text(encoding="utf8")) for path in (tmp_path / "out" / "parts").glob("*.json")]
    scored = record["result"]
    assert [row["step"] for row in scored["evaluations"]] == [2, 3]
    assert scored["dev"]["f"] == max(row["f"] for row in scored["evaluations"])
    assert {part: scored[part]["gold"] for part in ("dev", "test")} == {part: sizes[part] for part in ("dev", "test")}
    assert scored["unreachable"]["spans"] == sizes["train"]
    assert scored["test"]["unreachable"]["full_passages"] == 0
    assert scored["machine"]["versions"]["gliner"]
    assert not (tmp_path / "out" / "runs" / "nested-gliner-0" / "model-best").exists()
    assert "| nested | GLiNER | 1 |" in (tmp_path / "out" / "accuracy.md").read_text(encoding="utf8")
    assert runs.is_nested(corpus)
