"""Pipelines without a type encoder: half the size, the same spans and scores, and errors where one is needed."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import binder_config, demo_examples, spans_of
from spacy.language import Language
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_binder.analysis.compaction import compact
from spacy_binder.cli import binder_cli

RUN = CliRunner()


@pytest.fixture(scope="module")
def small(trained: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of the trained pipeline."""
    folder = tmp_path_factory.mktemp("compact") / "model"
    done = RUN.invoke(binder_cli, ["compact", str(trained[0]), "--output", str(folder / "new" / "model")])
    assert done.exit_code == 0, done.output
    return folder / "new" / "model"


@pytest.fixture(scope="module")
def texts(trained: tuple[Path, Path]) -> list[str]:
    """The sentences that the trained pipeline has learned."""
    return [doc.text for doc in DocBin().from_disk(trained[1]).get_docs(spacy.blank("en").vocab)]


def found(nlp: Language, texts: list[str], **options: Any) -> list[Any]:
    docs = nlp.pipe(texts, **options)
    return [(spans_of(doc), doc.spans["sc"].attrs["scores"].tolist()) for doc in docs]


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in (folder / "binder_ner").rglob("*") if path.is_file()) / 1e6


def test_a_compact_pipeline_is_half_as_large_and_finds_the_same(
    trained: tuple[Path, Path], small: Path, texts: list[str]
) -> None:
    whole, nlp = spacy.load(trained[0]), spacy.load(small)
    expected = found(whole, texts)
    assert sum(len(spans) for spans, _ in expected) > 10
    assert found(nlp, texts) == expected
    assert megabytes(small) < 0.6 * megabytes(trained[0])
    assert not list(small.rglob("type_encoder*"))
    assert found(type(nlp).from_config(nlp.config).from_bytes(nlp.to_bytes()), texts) == expected


def test_labels_of_a_compact_pipeline(small: Path, texts: list[str]) -> None:
    nlp = spacy.load(small)
    pipe: Any = nlp.get_pipe("binder_ner")
    everything = found(nlp, texts)
    before = pipe.label_data
    some = found(nlp, texts, component_cfg={"binder_ner": {"labels": ["GPE"]}})
    assert [spans for spans, _ in some] == [[span for span in spans if span[2] == "GPE"] for spans, _ in everything]
    for change in (
        lambda: pipe.add_label("RIVER", "streams"),
        lambda: pipe.add_label("GPE", "towns"),
        lambda: nlp(texts[0], component_cfg={"binder_ner": {"labels": {"RIVER": "streams"}}}),
    ):
        with pytest.raises(ValueError, match=r"\[B065\]"):
            change()
    assert pipe.label_data == before
    pipe.remove_label("GPE")
    pipe.add_label("TOWN", before["GPE"])
    assert {span[2] for spans, _ in found(nlp, texts) for span in spans} >= {"TOWN", "PER"}


@pytest.mark.filterwarnings("ignore:.*BW16")
def test_a_compact_pipeline_can_not_be_trained(small: Path, texts: list[str]) -> None:
    nlp = spacy.load(small)
    pipe: Any = nlp.get_pipe("binder_ner")
    pipe.cfg.update(calibration={"scale": 0.5, "bias": 0.1}, trained=pipe.cfg["trained"][1:])
    settings, expected = dict(pipe.cfg), found(nlp, texts)
    examples = demo_examples(nlp, ["news-01"], max_sentences=2)
    with pytest.raises(ValueError, match=r"\[B066\]"):
        nlp.update(examples, sgd=nlp.resume_training())
    with pytest.raises(ValueError, match=r"\[B066\]"):
        nlp.initialize(lambda: examples)
    assert dict(pipe.cfg) == settings
    assert found(nlp, texts) == expected


def test_what_has_no_type_encoder_is_refused(small: Path, tiny_encoder: str, tmp_path: Path) -> None:
    done = RUN.invoke(binder_cli, ["compact", str(small), "--output", str(tmp_path / "again")])
    assert done.exit_code == 1 and "B067" in done.output
    assert not (tmp_path / "again").exists()
    nlp = spacy.blank("en")
    config = binder_config(tiny_encoder)
    config["model"]["type_encoder"] = None
    nlp.add_pipe("binder_ner", config=config)
    nlp.initialize(lambda: demo_examples(nlp, ["news-01"], max_sentences=2))
    with pytest.raises(ValueError, match=r"\[B067\]"):
        compact(nlp, "binder_ner")
