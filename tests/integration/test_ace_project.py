"""The project's corpus command on ACE, from small files in its formats."""

import json
from pathlib import Path

import pytest
import spacy
from ace_files import ACE2004, ACE2005, write_ace2004, write_ace2005
from project_copy import copy_project, run_python
from spacy.tokens import DocBin
from thinc.api import Config


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project beside the configs, without corpora that need a licence."""
    return copy_project(tmp_path)


@pytest.mark.parametrize("year", [2004, 2005])
def test_ace_corpus_command(project: Path, year: int) -> None:
    dataset = f"ace{year}"
    assets = project / "assets" / dataset
    corpus = {2004: ACE2004, 2005: ACE2005}[year]
    {2004: write_ace2004, 2005: write_ace2005}[year](assets)
    first, second = corpus
    parts = {"train": [first, second], "dev": [second], "test": [first]}
    for part, names in parts.items():
        (assets / f"{part}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf8")
    result = run_python(project, "-m", "spacy", "project", "run", "corpus", ".", "--vars.dataset", dataset)
    assert result.returncode == 0, result.output
    n_spans = {2004: {first: 12, second: 3}, 2005: {first: 9, second: 5}}[year]
    labels = json.loads((project / "corpus" / dataset / "labels.json").read_text(encoding="utf8"))
    assert list(labels) == ["PER", "ORG", "GPE", "LOC", "FAC", "VEH", "WEA"]
    nlp = spacy.blank("en")
    for part, names in parts.items():
        docs = list(DocBin().from_disk(project / "corpus" / dataset / f"{part}.spacy").get_docs(nlp.vocab))
        assert [len(doc.spans["sc"]) for doc in docs] == [n_spans[name] for name in names]
        assert all(span.label_ in labels for doc in docs for span in doc.spans["sc"])
    # The table that tells whether it is the split that papers use.
    output = result.output
    reported = {2004: ("22,231", "3,036"), 2005: ("25,300", "3,099")}[year]
    assert "as reported" in output
    assert all(number in output for number in reported)
    assert "outside the text" in output
    # The published settings, over those of the general config.
    config = Config().from_disk(project / "corpus" / dataset / "binder-guideline.cfg", interpolate=False)
    model = config["components"]["binder_ner"]["model"]
    assert model["text_encoder"]["name"] == "google-bert/bert-base-uncased"
    assert (model["text_encoder"]["window"], model["text_encoder"]["stride"]) == (128, 16)
    assert model["text_encoder"]["@architectures"] == "spacy_binder.TextEncoder.v1"
    assert config["training"]["optimizer"]["learn_rate"]["initial_rate"] == 3e-5
    assert config["corpora"]["train"]["augmenter"]["@augmenters"] == "spacy_binder.chunk_docs.v1"


def test_ace_corpus_command_without_a_document(project: Path) -> None:
    """The message says what is to be placed, without a traceback."""
    assets = write_ace2005(project / "assets" / "ace2005")
    for part in ("train", "dev", "test"):
        (assets / f"{part}.txt").write_text("nw/adj/AFP_1\n", encoding="utf8")
    result = run_python(project, "scripts/convert.py", "ace2005", assets, "datasets/ace2005", "corpus/ace2005")
    assert result.returncode == 1
    assert "B034" in result.output and "AFP_1" in result.output
    assert "Traceback" not in result.output
