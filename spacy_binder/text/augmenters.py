"""Cutting training documents into passages, so that a batch mixes those of many documents."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..errors import Errors, Warnings


def make_chunk_docs(max_tokens: int, random_start: bool = False) -> Callable[[Language, Example], Iterator[Example]]:
    """An augmenter for `spacy.Corpus.v1` that cuts examples at sentence starts (`spacy_binder.chunk_docs.v1`).

    max_tokens (int): The most tokens of a chunk. A longer sentence is cut where no gold span is crossed.
    random_start (bool): Whether a doc's first chunk is of random length, so that borders fall elsewhere in each epoch.
    RETURNS (Callable): Takes the pipeline and an example, yields its chunks.
    RAISES (ValueError): If max_tokens is below 1.
    """
    if max_tokens < 1:
        raise ValueError(Errors.B007.format(setting="max_tokens", least=1, value=max_tokens))

    def chunk_docs(nlp: Language, example: Example) -> Iterator[Example]:
        if len(example.reference) <= max_tokens:
            yield example
            return
        n_crossing = 0
        first = random.randint(1, max_tokens) if random_start else max_tokens
        borders = chunk_borders(example.reference, max_tokens, first)
        for passage, crossing in _passages(nlp, example, borders):
            n_crossing += crossing
            yield passage
        if n_crossing:
            warnings.warn(Warnings.BW06.format(n=n_crossing, size=max_tokens), stacklevel=2)

    return chunk_docs


def make_cut_windows(
    name: str, window: int = 128, stride: int = 16, skip_without_spans: bool = True
) -> Callable[[Language, Example], Iterator[Example]]:
    """An augmenter that cuts examples into the windows of the published code (`spacy_binder.cut_windows.v1`).

    Windows run over sentence borders and overlap. A gold span that a window's border cuts is none there, and
    whole in the next one if the overlap is long enough.

    name (str): The text encoder: a folder, or the name of a model on the Hugging Face hub. Its tokenizer counts.
    window (int): Wordpieces of a window, special ones included, as the text encoder has it.
    stride (int): Overlap in wordpieces.
    skip_without_spans (bool): Whether windows without a gold span are left out.
    RETURNS (Callable): Takes the pipeline and an example, yields its windows.
    RAISES (ValueError): If the stride leaves no progress.
    """
    # Here, since every `spacy.blank()` imports the module of a registered function and transformers takes seconds.
    from transformers import AutoTokenizer

    from ..config import find_encoder
    from .windows import cut
    from .wordpieces import special_wordpieces, tokenize

    tokenizer = AutoTokenizer.from_pretrained(find_encoder(name)[0])
    n_special = sum(map(len, special_wordpieces(tokenizer)))
    capacity = window - n_special
    if not 0 <= stride < capacity:
        message = Errors.B008.format(
            window=window, special=n_special, capacity=capacity, stride=stride, most=capacity - 1
        )
        raise ValueError(message)

    def cut_windows(nlp: Language, example: Example) -> Iterator[Example]:
        wordpieces = tokenize([example.reference], tokenizer, capacity=capacity)
        whole = numpy.zeros(len(wordpieces.token), dtype="int64")
        borders = []
        for start, end in cut(wordpieces.word_start, whole, capacity=capacity, stride=stride):
            borders.append((int(wordpieces.token[start]), int(wordpieces.token[end - 1]) + 1))
        for passage, _ in _passages(nlp, example, borders):
            if not skip_without_spans or any(passage.reference.spans.values()):
                yield passage

    return cut_windows


def _passages(nlp: Language, example: Example, borders: list[tuple[int, int]]) -> Iterator[tuple[Example, int]]:
    """YIELDS (tuple): The example between each pair of borders, and how many gold spans cross its end."""
    reference = example.reference
    same_tokens = [token.text for token in example.predicted] == [token.text for token in reference]
    for start, end in borders:
        chunk, n_crossing = _chunk(reference, start, end)
        if same_tokens:
            words, spaces = [token.text for token in chunk], [bool(token.whitespace_) for token in chunk]
            yield Example(Doc(nlp.vocab, words=words, spaces=spaces), chunk), n_crossing
        else:
            yield Example(nlp.make_doc(chunk.text), chunk), n_crossing


def chunk_borders(doc: Doc, max_tokens: int, first: int = 0) -> list[tuple[int, int]]:
    """Cut a doc into runs of whole sentences, as many as fit.

    doc (Doc): The doc.
    max_tokens (int): The most tokens of a run.
    first (int): The most of the first run; 0 for as many as of the others.
    RETURNS (list[tuple[int, int]]): First token and end of each run.
    """
    starts = numpy.array([token.is_sent_start is True for token in doc], dtype=bool)
    inside = numpy.zeros(len(doc) + 1, dtype=bool)
    for group in doc.spans.values():
        for span in group:
            inside[span.start + 1 : span.end] = True
    borders = []
    start = 0
    while start < len(doc):
        most = max_tokens if start or not first else first
        end = min(start + most, len(doc))
        if end < len(doc):
            sentence = start + 1 + numpy.flatnonzero(starts[start + 1 : end + 1])
            free = start + 1 + numpy.flatnonzero(~inside[start + 1 : end + 1])
            end = int(sentence[-1]) if len(sentence) else int(free[-1]) if len(free) else end
        borders.append((start, end))
        start = end
    return borders


def _chunk(doc: Doc, start: int, end: int) -> tuple[Doc, int]:
    chunk = doc[start:end].as_doc()
    crossing = 0
    for key, group in doc.spans.items():
        kept = []
        for span in group:
            if start <= span.start and span.end <= end:
                kept.append(Span(chunk, span.start - start, span.end - start, label=span.label, kb_id=span.kb_id))
            elif start <= span.start < end:
                crossing += 1
        chunk.spans[key] = kept
    return chunk, crossing
