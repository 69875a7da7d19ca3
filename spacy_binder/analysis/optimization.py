"""A pipeline in fewer bits or run by another engine, measured against the pipeline that it is made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import load_model

from ..errors import Errors
from ..layers.encoder_shim import PRECISIONS
from ..layers.openvino import ENGINES, HINTS, openvino_is_installed
from ..pipeline import BinderNER


@dataclass
class Candidate:
    """A pipeline and what was measured of it.

    precision (str): What its text encoder multiplies in.
    engine (str): What runs its text encoder.
    nlp (Language): The pipeline.
    f_score (float): F1 of its spans, from 0 to 100.
    words_per_second (float): Speed of `nlp.pipe`, the best of two runs.
    n_bytes (int): Size of its encoders' weights when saved.
    """

    precision: str
    engine: str
    nlp: Language
    f_score: float
    words_per_second: float
    n_bytes: int


def combinations(precision: str = "auto", engine: str = "auto") -> list[tuple[str, str]]:
    """Find what there is to be tried beside float32 by torch.

    precision (str): One of `PRECISIONS`, or auto for all.
    engine (str): One of `ENGINES`, or auto for all that are installed.
    RETURNS (list[tuple[str, str]]): Precisions and engines, none if those that are named don't go together.
    RAISES (ValueError): If one isn't known.
    RAISES (ImportError): If the engine that is named isn't installed.
    """
    for kind, choice, known in (("precision", precision, PRECISIONS), ("engine", engine, ENGINES)):
        if choice not in ("auto", *known):
            raise ValueError(Errors.B016.format(kind=kind, name=choice, known=", ".join(("auto", *known))))
    if engine == "openvino" and not openvino_is_installed():
        raise ImportError(Errors.B021)
    engines = ENGINES if openvino_is_installed() else ("torch",)
    possible = [(p, e) for e in engines for p in PRECISIONS if e == "torch" or p in HINTS]
    return [
        (p, e)
        for p, e in possible
        if (p, e) != ("float32", "torch") and precision in ("auto", p) and engine in ("auto", e)
    ]


def load_in_precision(model: str | Path, name: str, precision: str, engine: str = "torch") -> Language:
    """Load a pipeline for an engine, and compress the encoders of a component.

    model (str / Path): A pipeline's folder, or the name of an installed one.
    name (str): The component.
    precision (str): One of float32 (as it is), bfloat16, int8. The type encoder, which computes each type just
        once, is saved in bfloat16 at the least.
    engine (str): torch or openvino. With float32 by torch the pipeline is left as it is.
    RETURNS (Language): The pipeline.
    RAISES (ValueError): If the component's text encoder is not its own.
    """
    if (precision, engine) == ("float32", "torch"):
        return load_model(model)
    architecture = load_model(model).config["components"][name]["model"]["text_encoder"]["@architectures"]
    if architecture != "spacy_binder.TextEncoder.v1":
        raise ValueError(Errors.B018.format(name=name, text_encoder=architecture))
    block = f"components.{name}.model.text_encoder"
    nlp = load_model(model, config={f"{block}.inference_precision": precision, f"{block}.inference_engine": engine})
    if precision == "float32":
        return nlp
    encoders: Any = nlp.get_pipe(name).model  # type: ignore[attr-defined]
    encoders.get_ref("text_encoder").shims[0].compress(precision)
    for shim in encoders.get_ref("type_encoder").shims:
        shim.compress("bfloat16")
    return nlp


def measure(model: str | Path, dev: Path, name: str, precision: str, engine: str = "torch") -> Candidate:
    """Load a pipeline in a precision and for an engine, and measure it.

    model (str / Path): A pipeline's folder, or the name of an installed one.
    dev (Path): DocBin with gold spans.
    name (str): The component.
    precision (str): One of float32, bfloat16, int8.
    engine (str): torch or openvino.
    RETURNS (Candidate): The pipeline and its figures.
    """
    nlp = load_in_precision(model, name, precision, engine)
    examples = list(Corpus(dev)(nlp))
    speed = max(_words_per_second(nlp, examples) for _ in range(2))
    pipe: Any = nlp.get_pipe(name)
    assert isinstance(pipe, BinderNER)
    scores = nlp.evaluate(examples)
    f_score = 100 * (scores[f"spans_{pipe.key}_f"] or 0.0)
    return Candidate(precision, engine, nlp, f_score, speed, len(pipe.model.to_bytes()))


def _words_per_second(nlp: Language, examples: Sequence[Example]) -> float:
    docs = [Doc(nlp.vocab, words=[t.text for t in eg.x], spaces=[bool(t.whitespace_) for t in eg.x]) for eg in examples]
    start = time.perf_counter()
    for _ in nlp.pipe(docs):
        pass
    return sum(map(len, docs)) / (time.perf_counter() - start)


def fastest_within(candidates: Sequence[Candidate], baseline: Candidate, max_loss: float) -> Candidate | None:
    """Choose the fastest pipeline that loses no more F1 than allowed.

    candidates (Sequence[Candidate]): The pipelines.
    baseline (Candidate): What they are made of.
    max_loss (float): F1 that may be lost, in points of 100.
    RETURNS (Candidate, optional): The fastest one; None if all lose more.
    """
    good = [c for c in candidates if baseline.f_score - c.f_score <= max_loss]
    return max(good, key=lambda c: c.words_per_second, default=None)
