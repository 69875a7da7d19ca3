"""Make a faster pipeline: other precisions and engines, measured against the pipeline as it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model

from ..config import check_name
from ..errors import Errors
from ..installed import is_installed
from ..layers.encoder_shim import encoder_shims
from ..layers.openvino import ENGINES, quantize
from ..layers.text_encoder import NAME, batch_windows, cut_docs
from .component import get_component
from .docs import LeftOut, evaluate
from .metrics import score

PRECISIONS = ENGINES["openvino"]
BASELINE = ("float32", "torch")
# Enough text to find the range of activations.
CALIBRATION_BATCHES = 32
# How long the pipeline as it is takes for the sample of docs that speed is measured on.
SAMPLE_SECONDS = 1.0
N_RUNS = 3

HEADER = ("Precision", "Engine", "F1", "Difference", "Words/s", "Times as fast", "MiB")

# Words of a doc, and whether a space follows each.
Words = tuple[list[str], list[bool]]


@dataclass
class Candidate:
    """A pipeline and its measurements.

    precision (str): What its text encoder multiplies in.
    engine (str): What runs its text encoder.
    nlp (Language): The pipeline.
    f_score (float): F1 of its spans, from 0 to 100.
    words_per_second (float): Speed of `nlp.pipe`.
    n_bytes (int): Size of its model when it is saved.
    """

    precision: str
    engine: str
    nlp: Language
    f_score: float
    words_per_second: float
    n_bytes: int

    def row(self, baseline: Candidate) -> tuple[str, ...]:
        """RETURNS (tuple[str, ...]): The measurements beside those of the pipeline as it is, for the header HEADER."""
        return (
            self.precision,
            self.engine + (" (as it is)" if self is baseline else ""),
            f"{self.f_score:.2f}",
            f"{self.f_score - baseline.f_score:+.2f}",
            f"{self.words_per_second:,.0f}",
            f"{self.words_per_second / baseline.words_per_second:.2f}",
            f"{self.n_bytes / 2**20:.0f}",
        )


def combinations(precision: str = "auto", engine: str = "auto") -> list[tuple[str, str]]:
    """List the precisions and engines to try, float32 by torch first.

    precision (str): float32, bfloat16, int8, or auto for all of them.
    engine (str): torch, openvino, or auto for all that are installed.
    RETURNS (list[tuple[str, str]]): Pairs of precision and engine. float32 by torch is always among them: nothing that
        is slower may be chosen.
    RAISES (ValueError): If a name is unknown.
    RAISES (ImportError): If a package that a name needs is not installed.
    """
    check_name("precision", precision, ("auto", *PRECISIONS))
    check_name("engine", engine, ("auto", *ENGINES))
    engines = [name for name in ENGINES if name == "torch" or is_installed("openvino")]
    possible = [(p, e) for e in engines for p in ENGINES[e] if p != "int8" or is_installed("nncf")]
    if engine not in ("auto", *engines) or (precision == "int8" and ("int8", "openvino") not in possible):
        raise ImportError(Errors.B021)
    return [
        pair
        for pair in possible
        if pair == BASELINE or (precision in ("auto", pair[0]) and engine in ("auto", pair[1]))
    ]


def current_choice(nlp: Language, name: str) -> tuple[str, str]:
    """Read what a pipeline's text encoder runs in.

    nlp (Language): The pipeline.
    name (str): The component.
    RETURNS (tuple[str, str]): Precision and engine.
    RAISES (ValueError): If the component has no text encoder of its own.
    """
    text_encoder = get_component(nlp, name).model.get_ref("text_encoder")
    if text_encoder.name != NAME:
        raise ValueError(Errors.B018.format(name=name, text_encoder=text_encoder.name))
    settings = text_encoder.attrs["settings"]
    return settings.inference_precision, settings.inference_engine


def load_in_precision(
    model: str | Path, name: str, precision: str, engine: str, examples: Iterable[Example]
) -> Language:
    """Load a pipeline for a precision and an engine.

    model (str / Path): A pipeline's folder, or the name of an installed one.
    name (str): The component.
    precision (str): float32, bfloat16 or int8. In the latter two, weights are saved in bfloat16.
    engine (str): torch or openvino.
    examples (Iterable[Example]): Docs that int8 is calibrated on. They are read for int8 alone.
    RETURNS (Language): The pipeline.
    """
    block = f"components.{name}.model.text_encoder"
    nlp = load_model(model, config={f"{block}.inference_precision": precision, f"{block}.inference_engine": engine})
    bi_encoder = get_component(nlp, name).model
    text_encoder: Any = bi_encoder.get_ref("text_encoder")
    if precision == "int8":
        names = nlp.pipe_names
        with nlp.select_pipes(disable=names[names.index(name) :]):
            docs = list(nlp.pipe(_docs(nlp, map(words_of, examples))))
        batches = batch_windows(text_encoder, cut_docs(text_encoder, docs))
        quantize(text_encoder.shims[0], islice(batches, CALIBRATION_BATCHES))
    if precision != "float32":
        for shim in encoder_shims(bi_encoder).values():
            shim.compress("bfloat16")
    return nlp


def words_of(example: Example) -> Words:
    """RETURNS (Words): The words of the predicted doc, which any pipeline can make docs of."""
    return [token.text for token in example.x], [bool(token.whitespace_) for token in example.x]


def take_sample(nlp: Language, examples: Iterable[Example]) -> tuple[float, list[Words]]:
    """Take the first docs, as many as keep a pipeline busy for `SAMPLE_SECONDS`.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): The docs. There is at least one.
    RETURNS (tuple[float, list[Words]]): The pipeline's words per second, and the words of the docs.
    """
    stream = map(words_of, examples)
    sample = list(islice(stream, 1))
    # The first run loads what later ones have.
    _seconds(nlp, sample)
    while (seconds := _seconds(nlp, sample)) < SAMPLE_SECONDS and (more := list(islice(stream, len(sample)))):
        sample += more
    return sum(len(words) for words, _ in sample) / seconds, sample


def compare_speed(nlp: Language, other: Language, sample: Sequence[Words]) -> float:
    """Time two pipelines in turns, so that a busy machine slows both down.

    nlp, other (Language): The pipelines.
    sample (Sequence[Words]): The docs.
    RETURNS (float): How many times as fast the other pipeline is, by the best run of each.
    """
    # The first run loads what later ones have.
    _seconds(other, sample[:1])
    times, others = zip(*((_seconds(nlp, sample), _seconds(other, sample)) for _ in range(N_RUNS)), strict=True)
    return min(times) / min(others)


def measure(
    nlp: Language,
    name: str,
    precision: str,
    engine: str,
    examples: Iterable[Example],
    words_per_second: float,
    left_out: LeftOut | None = None,
) -> Candidate:
    """Measure F1 and size of a pipeline. No doc is kept.

    nlp (Language): The pipeline.
    name (str): The component.
    precision, engine (str): What it was loaded for.
    examples (Iterable[Example]): Docs with gold spans.
    words_per_second (float): Its speed.
    left_out (LeftOut, optional): Counts what F1 does not show.
    RETURNS (Candidate): The pipeline and its measurements.
    """
    f_score = 100 * (score(evaluate(nlp, name, examples, left_out=left_out))["f"] or 0.0)
    n_bytes = len(get_component(nlp, name).model.to_bytes())
    return Candidate(precision, engine, nlp, f_score, words_per_second, n_bytes)


def fastest_within(candidates: Sequence[Candidate], baseline: Candidate, max_loss: float) -> Candidate | None:
    """Choose the fastest pipeline that loses no more F1 than allowed.

    candidates (Sequence[Candidate]): The pipelines.
    baseline (Candidate): The pipeline as it is.
    max_loss (float): The F1 that may be lost, in points of 100.
    RETURNS (Candidate, optional): The fastest one. None if it is not faster than the pipeline as it is, or slower than
        float32 by torch.
    """
    plain = [c for c in candidates if (c.precision, c.engine) == BASELINE]
    good = [c for c in candidates if baseline.f_score - c.f_score <= max_loss]
    best = max(good, key=lambda c: c.words_per_second, default=baseline)
    is_fastest = all(best.words_per_second >= c.words_per_second for c in plain)
    return best if is_fastest and best.words_per_second > baseline.words_per_second else None


def _docs(nlp: Language, texts: Iterable[Words]) -> Iterator[Doc]:
    return (Doc(nlp.vocab, words=words, spaces=spaces) for words, spaces in texts)


def _seconds(nlp: Language, sample: Sequence[Words]) -> float:
    docs = list(_docs(nlp, sample))
    start = time.perf_counter()
    for _ in nlp.pipe(docs):
        pass
    return time.perf_counter() - start
