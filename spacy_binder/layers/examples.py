"""Example spans of types → vectors, and the thresholds that fit them. Both are cached until the weights change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from spacy.vocab import Vocab
from thinc.api import Model
from torch import Tensor

from ..descriptions import ExampleSpan, TypeWords
from ..errors import Errors
from ..modules.type_vectors import TypeTargets
from ..text.arrays import Floats1d
from ..text.windows import has_most_context
from .cached_vectors import CachedVectors
from .encoder_shim import EncoderShim
from .types import EncodedText, EncodedWindows, Search


@dataclass
class ExampleWindow:
    """The window that an example lies in.

    encoded (EncodedWindows): The window alone.
    words (tuple[str, ...]): Its words.
    first, width (int): The first word of the example in the window, and its words minus 1.
    """

    encoded: EncodedWindows
    words: tuple[str, ...]
    first: int
    width: int


def encode_examples(text_encoder: Model, examples: Sequence[ExampleSpan], vocab: Vocab) -> tuple[Tensor, Tensor]:
    """Encode example spans. Each is encoded alone, so that its vectors do not depend on the other examples.

    text_encoder (Model): A text encoder with an encoder of its own.
    examples (Sequence[ExampleSpan]): E examples.
    vocab (Vocab): The vocab of the docs that the pipeline reads.
    RETURNS (tuple[Tensor, Tensor]): Vectors of [CLS] in the window of each and of its first and last wordpiece, shape
        (E, 3, H), and words per example, minus 1, shape (E,).
    RAISES (ValueError): If the text encoder has no encoder of its own, or no window has a whole example.
    """
    shim = next((shim for shim in text_encoder.shims if isinstance(shim, EncoderShim)), None)
    if shim is None:
        raise ValueError(Errors.B058)
    cached: CachedVectors[ExampleSpan] = shim.cache.setdefault(ExampleSpan, CachedVectors())
    found = cached.find(examples)
    for example in dict.fromkeys(examples):
        if example not in found:
            window = _find_window(text_encoder, example, vocab)
            batch = window.encoded.batch
            places = [0, batch.first[0, window.first], batch.last[0, window.first + window.width]]
            found[example] = window.encoded.vectors[0, places].float().clone()
    cached.keep(found)
    widths = [sum(not word.isspace() for word in one.words[one.start : one.end]) - 1 for one in examples]
    return torch.stack([found[one] for one in examples]), torch.tensor(widths, device=next(iter(found.values())).device)


def example_shifts(
    text_encoder: Model, scorer: Model, targets: TypeTargets, types: Sequence[TypeWords], vocab: Vocab
) -> Floats1d:
    """Find by how much the thresholds of types have to move, because of their examples.

    The [CLS] threshold fits descriptions. The vector of a type that is made of spans resembles all spans, and nearly
    all would beat it. So its threshold moves towards the best margin of other spans in the examples' sentences, on
    average: by n / (n + w) of it, for n sentences and descriptions that count as w examples.

    text_encoder (Model): The text encoder.
    scorer (Model): The span scorer.
    targets (TypeTargets): What spans are compared with.
    types (Sequence[TypeWords]): What describes each of the K types.
    vocab (Vocab): The vocab of the docs that the pipeline reads.
    RETURNS (Floats1d): What is taken off the margins of each type, 0 for types without examples, shape (K,).
    """
    shim: Any = scorer.shims[0]
    cached: CachedVectors[bytes] = shim.cache.setdefault(ExampleWindow, CachedVectors())
    keys = {i: targets.span[i].cpu().numpy().tobytes() for i, words in enumerate(types) if words.examples}
    found = cached.find(keys.values())
    for i, key in keys.items():
        if key not in found:
            alone = TypeTargets(*(of_all[i : i + 1] for of_all in targets))
            found[key] = torch.tensor(_find_shift(text_encoder, scorer, alone, types[i].examples, vocab))
    cached.keep(found)
    return numpy.array([float(found[keys[i]]) if i in keys else 0.0 for i in range(len(types))], dtype="float32")


def _find_shift(
    text_encoder: Model, scorer: Model, target: TypeTargets, examples: Sequence[ExampleSpan], vocab: Vocab
) -> float:
    """RETURNS (float): What is taken off the margins of a type, from its target and its examples."""
    # A name that comes twice in a sentence may be marked only once.
    texts = {tuple(word for word in one.words[one.start : one.end] if not word.isspace()) for one in examples}
    best = []
    # A sentence with several examples counts once.
    for one in {one.words: one for one in examples}.values():
        window = _find_window(text_encoder, one, vocab)
        found = scorer.predict((window.encoded, target, Search(-numpy.inf, max_spans_per_word=len(window.words))))
        places = ((first, first + width + 1) for _, first, width, _ in found.cells.tolist())
        is_other = [window.words[start:end] not in texts for start, end in places]
        best += sorted(found.margin[is_other].tolist())[-1:]
    return sum(best) / (len(best) + float(target.weight[0]))


def _find_window(text_encoder: Model, example: ExampleSpan, vocab: Vocab) -> ExampleWindow:
    encoded: EncodedText = text_encoder.predict([example.make_doc(vocab)])
    windows: Any = encoded.windows
    start, end = (numpy.array([token]) for token in (example.start, example.end))
    for of_pass in encoded.passes:
        for place, row in enumerate(of_pass.batch.rows.tolist()):
            tokens = windows.token[windows.word_start[row] : windows.word_start[row + 1]]
            first, last = (numpy.flatnonzero(tokens == token) for token in (example.start, example.end - 1))
            if len(first) and len(last) and has_most_context(windows, numpy.array([row]), start, end)[0]:
                batch = windows.batch(numpy.array([row]))
                vectors = of_pass.vectors[place : place + 1, : int(batch.lengths[0])]
                alone = EncodedWindows(batch, vectors, of_pass.backprop)
                words = tuple(example.words[token] for token in tokens)
                return ExampleWindow(alone, words, int(first[0]), int(last[0] - first[0]))
    raise ValueError(Errors.B059.format(text=" ".join(example.words[example.start : example.end])[:60]))
