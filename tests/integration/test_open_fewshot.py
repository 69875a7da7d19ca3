"""The workflow `open`: what a few sentences per type give."""

import json
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from project_copy import PROJECT
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

VOCAB = spacy.blank("en").vocab
DOMAINS = ("ai", "literature", "music", "politics", "science")


@pytest.fixture(scope="module")
def scripts() -> Any:
    """The scripts of the project, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROJECT / "scripts")
        yield import_module


def sentence(labels: str, vocab: Any = VOCAB) -> Doc:
    """RETURNS (Doc): A sentence with a word for each label of one letter, and a span for it."""
    doc = Doc(vocab, words=[f"word{label}" for label in labels] or ["nothing"])
    doc.spans["sc"] = [Span(doc, i, i + 1, label=label) for i, label in enumerate(labels)]
    return doc


@given(st.lists(st.text("ABC", max_size=4), max_size=12), st.integers(1, 4), st.integers(0, 3))
def test_shots_have_enough_of_each_type(scripts: Any, texts: list[str], n: int, seed: int) -> None:
    """Each type has N sentences, or all there are. Each sentence is needed, and comes once."""
    docs = [sentence(text) for text in texts]
    shots = scripts("open.fewshot").draw_shots(docs, "ABC", n, seed)
    assert len({id(doc) for doc in shots}) == len(shots)
    there = Counter(label for text in texts for label in set(text))
    drawn = Counter(label for doc in shots for label in {span.label_ for span in doc.spans["sc"]})
    assert all(drawn[label] >= min(n, there[label]) for label in "ABC")
    assert all(doc.spans["sc"] for doc in shots) and len(shots) <= 3 * n
    again = scripts("open.fewshot").draw_shots(docs, "ABC", n, seed)
    assert list(map(id, again)) == list(map(id, shots))


def test_all_spans_of_the_sentences_are_examples(scripts: Any) -> None:
    """But not those that are too long for the pipeline."""
    shots = [sentence("AAB"), sentence("B"), sentence("AB")]
    shots[2].spans["sc"].append(Span(shots[2], 0, 2, label="A"))
    types = scripts("open.fewshot").with_examples({"A": "an a", "B": "a b"}, shots, 1)
    assert [[(span.doc[:].text, span.start) for span in types[label]["examples"]] for label in "AB"] == [
        [("wordA wordA wordB", 0), ("wordA wordA wordB", 1), ("wordA wordB", 0)],
        [("wordA wordA wordB", 2), ("wordB", 0), ("wordA wordB", 1)],
    ]
    assert types["A"]["description"] == "an a"


def test_all_ways_are_measured(
    scripts: Any, tiny_nlp: Language, tiny_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way, for each number of sentences and draw. What was measured is not measured again."""
    module = scripts("open_fewshot")
    monkeypatch.setattr(module, "STEPS", {1: 2, 5: 3})
    labels = {label: f"name {label}: words with {label}" for label in "AB"}
    datasets, assets, test = tmp_path / "datasets", tmp_path / "assets", tmp_path / "test"
    (datasets / "crossner-ai").mkdir(parents=True)
    (datasets / "crossner-ai" / "labels.json").write_text(json.dumps({**labels, "misc": "other: other"}))
    (assets / "crossner-ai").mkdir(parents=True)
    lines = "\n\n".join("wordA\tB-A\nwordB\tB-B" for _ in range(3))
    (assets / "crossner-ai" / "train.txt").write_text(lines)
    test.mkdir()
    DocBin(docs=[sentence("AB"), sentence("BA")], store_user_data=True).to_disk(test / "crossner-ai.spacy")
    text = (PROJECT.parent / "configs" / "binder.cfg").read_text(encoding="utf8")
    config = tmp_path / "binder.cfg"
    config.write_text(text.replace("sentence-transformers/all-MiniLM-L6-v2", tiny_encoder), encoding="utf8")
    tiny_nlp.to_disk(tmp_path / "model")
    output = tmp_path / "metrics" / "fewshot"
    arguments = (tmp_path / "model", config, assets, test, datasets, output)
    module.main(*arguments, draws=1, domains="ai")
    module.main(*arguments, draws=2, domains="ai")
    runs = json.loads(output.with_suffix(".json").read_text())["runs"]
    keys = [(run["way"], run["n"], run["draw"]) for run in runs]
    assert len(keys) == len(set(keys)) == 2 * 2 * len(module.WAYS)
    assert {(run["n"], run["sentences"]) for run in runs} == {(1, 1), (5, 3)}
    assert all(0 <= run["f"] <= 1 for run in runs)
    assert output.with_suffix(".md").read_text().count("\n|") == 2 + 2 * len(module.WAYS)
    # Draws that are not asked for are not in the table, and a line that was cut off is no fault.
    lines = output.with_suffix(".jsonl").read_text()
    output.with_suffix(".jsonl").write_text(lines + lines[:20])
    module.main(*arguments, draws=1, domains="ai")
    assert {run["draw"] for run in json.loads(output.with_suffix(".json").read_text())["runs"]} == {0}
    assert output.with_suffix(".jsonl").read_text() == f"{lines}{lines[:20]}\n"
    output.with_suffix(".jsonl").write_text(lines)
    # Those of another pipeline are none of this one.
    tiny_nlp.meta["version"] = "2.0.0"
    tiny_nlp.to_disk(tmp_path / "model")
    module.main(*arguments, draws=1, domains="ai")
    assert len(json.loads(output.with_suffix(".json").read_text())["runs"]) == 2 * len(module.WAYS)
    assert len(output.with_suffix(".jsonl").read_text().splitlines()) == 3 * 2 * len(module.WAYS)
    # Nor are those of other descriptions.
    words = {**labels, "A": "name A: other words with A"}
    (datasets / "crossner-ai" / "labels.json").write_text(json.dumps(words), encoding="utf8")
    module.main(*arguments, draws=1, domains=" ai")
    assert len(output.with_suffix(".jsonl").read_text().splitlines()) == 4 * 2 * len(module.WAYS)
    # Without a sentence that has a type, nothing can be learned.
    (assets / "crossner-ai" / "train.txt").write_text("word\tO")
    with pytest.raises(SystemExit):
        module.main(*arguments, draws=1, domains="ai")


@pytest.mark.parametrize("domains", ["ai,medicine", "politics"])
def test_unknown_domains_and_missing_files_stop_at_once(scripts: Any, tmp_path: Path, domains: str) -> None:
    (tmp_path / "crossner-ai").mkdir()
    for name in ("crossner-ai/train.txt", "crossner-ai.spacy"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SystemExit):
        scripts("open_fewshot").check_domains(domains, tmp_path, tmp_path)
