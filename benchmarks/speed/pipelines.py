"""The two sides of a ratio: a pipeline, and its bare Hugging Face encoder."""

from pathlib import Path
from time import perf_counter
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from .clock import seconds_of


def load_binder(pipeline: str, **settings: dict[str, Any]) -> tuple[Language, Any]:
    """Load a pipeline with other settings.

    pipeline (str): Its folder.
    **settings (dict): Settings that replace those of the model's sections text_encoder and type_encoder.
    RETURNS (tuple[Language, BinderNER]): The pipeline, and its first `binder_ner` component.
    """
    config = spacy.util.load_config(Path(pipeline) / "config.cfg")
    factories = {name: config["components"][name].get("factory") for name in config["nlp"]["pipeline"]}
    name = next(name for name, factory in factories.items() if factory == "binder_ner")
    nlp = spacy.load(pipeline, config={"components": {name: {"model": settings}}})
    return nlp, nlp.get_pipe(name)


def pipe_seconds(nlp: Language, docs: list[Doc], batch_size: int = 32) -> float:
    """RETURNS (float): The seconds that nlp.pipe takes for copies of some docs."""
    copies = [doc.copy() for doc in docs]

    def annotate() -> None:
        for _ in nlp.pipe(copies, batch_size=batch_size):
            pass

    return seconds_of(annotate)


class BareEncoder:
    """An encoder in float32 and texts that are ready for it, so that only its forward pass is timed.

    The texts are tokenized and cut into windows without overlap. Windows of like length are padded together.
    """

    def __init__(self, name: str, docs: list[Doc], *, window: int = 128, batch_size: int = 32) -> None:
        """
        name (str): A folder, or the name of a model on the Hugging Face hub.
        docs (list[Doc]): The texts.
        window (int): The most wordpieces per window, special ones included.
        batch_size (int): Windows per forward pass.
        """
        import torch
        from transformers import AutoModel, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(name)
        self.module = AutoModel.from_pretrained(name, torch_dtype=torch.float32).eval()
        capacity = window - tokenizer.num_special_tokens_to_add()
        windows = []
        for ids in tokenizer([doc.text for doc in docs], add_special_tokens=False, verbose=False)["input_ids"]:
            for i in range(0, len(ids), capacity):
                windows.append(tokenizer.build_inputs_with_special_tokens(ids[i : i + capacity]))
        windows.sort(key=len)
        self.batches = [
            tokenizer.pad({"input_ids": windows[i : i + batch_size]}, return_tensors="pt")
            for i in range(0, len(windows), batch_size)
        ]

    def seconds(self) -> float:
        """RETURNS (float): The seconds that the encoder takes for all texts."""
        import torch

        start = perf_counter()
        with torch.inference_mode():
            for batch in self.batches:
                self.module(**batch)
        return perf_counter() - start
