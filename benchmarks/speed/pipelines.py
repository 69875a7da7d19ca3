"""Loading the pipeline in one of its modes, and timing it."""

from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language

from .clock import seconds_of
from .docs import Text


def load_binder(pipeline: str, **settings: dict[str, Any]) -> tuple[Language, Any]:
    """Load a pipeline.

    pipeline (str): Its folder.
    **settings (dict): What is to be different in sections of the model's config: text_encoder, type_encoder.
    RETURNS (tuple[Language, BinderNER]): The pipeline, and its first `binder_ner` component.
    """
    config = spacy.util.load_config(Path(pipeline) / "config.cfg")
    factories = {name: config["components"][name].get("factory") for name in config["nlp"]["pipeline"]}
    name = next(name for name, factory in factories.items() if factory == "binder_ner")
    nlp = spacy.load(pipeline, config={"components": {name: {"model": settings}}})
    return nlp, nlp.get_pipe(name)


def pipe_seconds(nlp: Language, texts: list[Text], batch_size: int = 32) -> float:
    """RETURNS (float): The seconds that nlp.pipe takes for new docs of some texts."""
    docs = [text.doc(nlp.vocab) for text in texts]

    def annotate() -> None:
        for _ in nlp.pipe(docs, batch_size=batch_size):
            pass

    return seconds_of(annotate)
