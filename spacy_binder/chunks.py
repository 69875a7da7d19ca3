"""Cutting training documents into chunks, so that a batch mixes passages of many documents."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from .errors import Errors, Warnings


def make_chunk_docs(max_tokens: int) -> Callable[[Language, Example], Iterator[Example]]:
    """An augmenter for `spacy.Corpus.v1` that cuts examples at sentence starts (`spacy_binder.chunk_docs.v1`).

    max_tokens (int): The most tokens of a chunk. A longer sentence is cut where no gold span is crossed.
    RETURNS (Callable): Takes the pipeline and an example, yields its chunks.
    RAISES (ValueError): If max_tokens is below 1.
    """
    if max_tokens < 1:
        raise ValueError(Errors.B007.format(setting="max_tokens", least=1, value=max_tokens))

    def chunk_docs(nlp: Language, example: Example) -> Iterator[Example]:
        reference = example.reference
        if len(reference) <= max_tokens:
            yield example
            return
        same_tokens = [token.text for token in example.predicted] == [token.text for token in reference]
        crossed = 0
        for start, end in chunk_borders(reference, max_tokens):
            chunk, n_crossing = _chunk(reference, start, end)
            crossed += n_crossing
            if same_tokens:
                words, spaces = [token.text for token in chunk], [bool(token.whitespace_) for token in chunk]
                yield Example(Doc(nlp.vocab, words=words, spaces=spaces), chunk)
            else:
                yield Example(nlp.make_doc(chunk.text), chunk)
        if crossed:
            warnings.warn(Warnings.BW06.format(n=crossed, size=max_tokens), stacklevel=2)

    return chunk_docs


def chunk_borders(doc: Doc, max_tokens: int) -> list[tuple[int, int]]:
    """Cut a doc into runs of whole sentences, as many as fit.

    doc (Doc): The doc.
    max_tokens (int): The most tokens of a run.
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
        end = min(start + max_tokens, len(doc))
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
