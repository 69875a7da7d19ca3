"""Training straight from source files, with a config that names a reader."""

from pathlib import Path

import pytest
from conftest import DEMO, ROOT
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config


# It has learned nothing after two steps.
@pytest.mark.filterwarnings("ignore:.BW04")
def test_training_from_source_files(tiny_encoder: str, tmp_path: Path) -> None:
    """Labels, examples and scores come from the files."""
    config = load_config(ROOT / "configs" / "binder.cfg")
    document = DEMO / "documents" / "news-01.txt"
    reader = {"@readers": "spacy_binder.inline.v1", "path": str(document), "strict": True}
    chunks = {"@augmenters": "spacy_binder.chunk_docs.v1", "max_tokens": 100}
    config["corpora"] = {"train": {**reader, "augmenter": chunks}, "dev": reader}
    config["training"].update(max_steps=2, eval_frequency=1)
    config["training"]["logger"] = {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": None}
    config["initialize"]["components"]["binder_ner"] = {}
    for encoder in ("text_encoder", "type_encoder"):
        config["components"]["binder_ner"]["model"][encoder]["name"] = tiny_encoder
    nlp, _ = train(init_nlp(config), tmp_path)
    assert "GPE" in nlp.get_pipe("binder_ner").labels
    assert (tmp_path / "model-last").is_dir()
