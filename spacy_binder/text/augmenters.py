"""Cut training documents into passages, so that a batch mixes passages of many documents."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..config import find_encoder
from ..errors import Errors, Warnings
from .windows import cut_words
from .wordpieces import special_wordpieces, tokenize


def make_chunk_docs(max_tokens: int, random_start: bool = False) -> Callable[[Language, Example], Iterator[Example]]:
    """Make an augmenter that cuts examples at sentence starts (`spacy_binder.chunk_docs.v1`).

    max_tokens (int): The most tokens per passage. A longer sentence is cut where no gold span is crossed.
    random_start (bool): Whether the first passage of a doc has a random length, so that each epoch has other borders.
        Defaults to False.
    RETURNS (Callable): An augmenter for `spacy.Corpus.v1`: takes the pipeline and an example, yields its passages.
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
        borders = passage_borders(example.reference, max_tokens, first)
        for passage, crossing in _passages(nlp, example, borders):
            n_crossing += crossing
            yield passage
        if n_crossing:
            warnings.warn(Warnings.BW06.format(n=n_crossing, size=max_tokens), stacklevel=2)

    return chunk_docs


def make_cut_windows(
    name: str, window: int = 128, stride: int = 16, skip_without_spans: bool = True
) -> Callable[[Language, Example], Iterator[Example]]:
    """Make an augmenter that cuts examples into the windows of the published code (`spacy_binder.cut_windows.v1`).

    Windows cross sentence borders and overlap. A gold span that a window's border cuts is left out of that window. The
    next window has it whole if the overlap is long enough.

    name (str): Name or folder of the text encoder, whose tokenizer counts the wordpieces.
    window (int): Wordpieces per window, special ones included. Use that of the text encoder. Defaults to 128.
    stride (int): Overlap in wordpieces. Defaults to 16.
    skip_without_spans (bool): Whether windows without a gold span are left out. Defaults to True.
    RETURNS (Callable): An augmenter for `spacy.Corpus.v1`: takes the pipeline and an example, yields its windows.
    RAISES (ValueError): If the stride is so long that the next window would not start later.
    """
    # `spacy.blank()` imports this module, and transformers takes seconds.
    from transformers import AutoTokenizer

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
        one_sentence = numpy.zeros(len(wordpieces.token), dtype="int64")
        borders = []
        for start, end in cut_words(wordpieces.word_start, one_sentence, capacity=capacity, stride=stride):
            borders.append((int(wordpieces.token[start]), int(wordpieces.token[end - 1]) + 1))
        for passage, _ in _passages(nlp, example, borders):
            if not skip_without_spans or any(passage.reference.spans.values()):
                yield passage

    return cut_windows


def passage_borders(doc: Doc, max_tokens: int, first: int = 0) -> list[tuple[int, int]]:
    """Divide a doc into passages of whole sentences, each as long as possible.

    doc (Doc): The doc.
    max_tokens (int): The most tokens per passage.
    first (int): The most tokens of the first passage. Defaults to 0, which means `max_tokens`.
    RETURNS (list[tuple[int, int]]): First token and end of each passage.
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


def _passages(nlp: Language, example: Example, borders: list[tuple[int, int]]) -> Iterator[tuple[Example, int]]:
    """YIELDS (tuple[Example, int]): The example between each pair of borders, and the gold spans that cross its end."""
    reference = example.reference
    same_tokens = [token.text for token in example.predicted] == [token.text for token in reference]
    for start, end in borders:
        passage, n_crossing = _cut(reference, start, end)
        if same_tokens:
            words, spaces = [token.text for token in passage], [bool(token.whitespace_) for token in passage]
            yield Example(Doc(nlp.vocab, words=words, spaces=spaces), passage), n_crossing
        else:
            yield Example(nlp.make_doc(passage.text), passage), n_crossing


def _cut(doc: Doc, start: int, end: int) -> tuple[Doc, int]:
    """RETURNS (tuple[Doc, int]): The tokens from start to end with their spans, and the spans that cross the end."""
    passage = doc[start:end].as_doc()
    crossing = 0
    for key, group in doc.spans.items():
        kept = []
        for span in group:
            if start <= span.start and span.end <= end:
                kept.append(Span(passage, span.start - start, span.end - start, label=span.label, kb_id=span.kb_id))
            elif start <= span.start < end:
                crossing += 1
        passage.spans[key] = kept
    return passage, crossing
