"""What the architectures wire together: which encoder the types get, and whether a config survives spaCy's commands."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from conftest import demo_examples
from families import make_encoder
from spacy.cli._util import app
from spacy.language import Language
from spacy.util import load_config
from typer.testing import CliRunner

BLOCK = "components.binder_ner.model"
SPARSE = f"""
[nlp]
lang = "en"
pipeline = ["binder_ner"]

[components]

[components.binder_ner]
factory = "binder_ner"

[{BLOCK}]
@architectures = "spacy_binder.Binder.v1"

[{BLOCK}.text_encoder]
@architectures = "spacy_binder.TextEncoder.v1"
name = "{{encoder}}"

[initialize]

[initialize.components]

[initialize.components.binder_ner]
labels = ["GPE", "PER"]
"""


def families_of(nlp: Language) -> list[str]:
    """RETURNS (list[str]): The families of the text encoder and of the type encoder."""
    model: Any = nlp.get_pipe("binder_ner").model  # type: ignore[attr-defined]
    return [model.get_ref(ref).shims[0].module.config.model_type for ref in ("text_encoder", "type_encoder")]


def initialized(nlp: Language) -> Language:
    examples = demo_examples(nlp, ["news-01"], max_sentences=1)
    nlp.initialize(lambda: examples)
    return nlp


def test_types_follow_the_name_of_the_text_encoder(tmp_path: Path) -> None:
    encoder = make_encoder("distilbert", tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config={"model": {"text_encoder": {"name": encoder}}})
    assert families_of(initialized(nlp)) == ["distilbert", "distilbert"]


def test_types_may_have_another_encoder(tmp_path: Path) -> None:
    text, types = make_encoder("distilbert", tmp_path / "text"), make_encoder("mpnet", tmp_path / "types")
    nlp = spacy.blank("en")
    nlp.add_pipe("binder_ner", config={"model": {"text_encoder": {"name": text}, "type_encoder": {"name": types}}})
    assert families_of(initialized(nlp)) == ["distilbert", "mpnet"]


def test_types_follow_in_configs_that_spacy_fills_and_builds(tmp_path: Path) -> None:
    """`init fill-config`, `debug config` and `assemble`, then a save, a load, and a load with another name."""
    encoder = make_encoder("distilbert", tmp_path / "encoder")
    (tmp_path / "sparse.cfg").write_text(SPARSE.format(encoder=encoder), encoding="utf8")
    filled = str(tmp_path / "filled.cfg")
    for arguments in (
        ["init", "fill-config", str(tmp_path / "sparse.cfg"), filled],
        ["debug", "config", filled, "--paths.train", "train.spacy", "--paths.dev", "dev.spacy"],
        ["assemble", filled, str(tmp_path / "assembled")],
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    model = load_config(filled)["components"]["binder_ner"]["model"]
    assert (model["text_encoder"]["name"], model["type_encoder"]["name"]) == (encoder, None)
    nlp = spacy.load(tmp_path / "assembled")
    assert families_of(nlp) == ["distilbert", "distilbert"]
    nlp.to_disk(tmp_path / "saved")
    assert families_of(spacy.load(tmp_path / "saved")) == ["distilbert", "distilbert"]
    other = make_encoder("mpnet", tmp_path / "other")
    nlp = spacy.load(tmp_path / "saved", config={f"{BLOCK}.text_encoder.name": other})
    nlp.initialize()
    assert families_of(nlp) == ["mpnet", "mpnet"]


def test_types_cannot_follow_a_listener() -> None:
    """It has no encoder of its own, and MiniLM beside another family would be a surprise."""
    listener = {"@architectures": "spacy_binder.TransformerListener.v1", "upstream": "*"}
    with pytest.raises(ValueError, match=r"B012.*type_encoder\.name = null"):
        spacy.blank("en").add_pipe("binder_ner", config={"model": {"text_encoder": listener}})
