"""Cut training documents into passages, so that a batch mixes passages of many documents."""

from __future__ import annotations

import random
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

import numpy
from spacy.attrs import (
    DEP,
    ENT_ID,
    ENT_IOB,
    ENT_KB_ID,
    ENT_TYPE,
    HEAD,
    LEMMA,
    MORPH,
    NORM,
    ORTH,
    POS,
    SENT_START,
    SPACY,
    TAG,
)
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from ..config import find_encoder
from ..errors import Errors, Warnings
from .windows import cut_words
from .wordpieces import special_wordpieces, tokenize

OR_SENTENCES = ", or give the training documents sentence starts"
# What DocBins have.
PASSAGE_ATTRS = [ORTH, SPACY, NORM, TAG, HEAD, DEP, ENT_IOB, ENT_TYPE, ENT_KB_ID, ENT_ID, LEMMA, MORPH, POS, SENT_START]


def make_chunk_docs(max_tokens: int, random_start: bool = False) -> Callable[[Language, Example], Iterator[Example]]:
    """Make an augmenter that cuts examples at sentence starts (`spacy_binder.chunk_docs.v1`).

    max_tokens (int): The most tokens per passage. A longer sentence is cut where no gold span is crossed.
    random_start (bool): Whether the first passage of a doc has a random length, so that each reading of the corpus has
        other borders. With `max_epochs = -1` in `[training]` that is each epoch. Defaults to False.
    RETURNS (Callable): An augmenter for `spacy.Corpus.v1`: takes the pipeline and an example, yields its passages.
    RAISES (ValueError): If max_tokens is below 1.
    """
    if max_tokens < 1:
        raise ValueError(Errors.B007.format(setting="max_tokens", least=1, value=max_tokens))

    def chunk_docs(nlp: Language, example: Example) -> Iterator[Example]:
        if len(example.reference) <= max_tokens:
            yield example
            return
        first = random.randint(1, max_tokens) if random_start else max_tokens
        borders = passage_borders(example.reference, max_tokens, first)
        yield from _passages(nlp, example, borders)
        n_lost = count_lost(example.reference, borders)
        if n_lost:
            lost = {"n": n_lost, "setting": "max_tokens", "size": max_tokens, "other": OR_SENTENCES}
            warnings.warn(Warnings.BW06.format(**lost), stacklevel=2)

    return chunk_docs


def make_cut_windows(
    name: str, window: int = 128, stride: int = 16, skip_without_spans: bool = True
) -> Callable[[Language, Example], Iterator[Example]]:
    """Make an augmenter that cuts examples into the windows of the published code (`spacy_binder.cut_windows.v1`).

    Windows cross sentence borders and overlap. A gold span that a window's border cuts is left out of that window. The
    next window has it whole if the overlap is long enough. Spans that no window has whole are counted in a warning.

    name (str): Name or folder of the text encoder, whose tokenizer counts the wordpieces.
    window (int): Wordpieces per window, special ones included. Use that of the text encoder. Defaults to 128.
    stride (int): Overlap in wordpieces. Defaults to 16.
    skip_without_spans (bool): Whether windows without a gold span are left out. Defaults to True.
    RETURNS (Callable): An augmenter for `spacy.Corpus.v1`: takes the pipeline and an example, yields its windows.
    RAISES (ValueError): If the stride is so long that the next window would not start later.
    """
    # `spacy.blank()` imports this module, and transformers takes seconds.
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(find_encoder(name)[0], trust_remote_code=False)
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
        for passage in _passages(nlp, example, borders):
            if not skip_without_spans or any(passage.reference.spans.values()):
                yield passage
        n_lost = count_lost(example.reference, borders)
        if n_lost:
            lost = {"n": n_lost, "setting": "stride", "size": stride, "other": ""}
            warnings.warn(Warnings.BW06.format(**lost), stacklevel=2)

    return cut_windows


def passage_borders(doc: Doc, max_tokens: int, first: int = 0) -> list[tuple[int, int]]:
    """Divide a doc into passages of whole sentences, each as long as possible.

    doc (Doc): The doc.
    max_tokens (int): The most tokens per passage.
    first (int): The most tokens of the first passage, if its first sentence is not longer. Defaults to 0, which means
        `max_tokens`.
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
            if most < max_tokens and not len(sentence):
                # The first passage has at least one sentence.
                sentence = start + 1 + numpy.flatnonzero(starts[start + 1 : start + max_tokens + 1])[:1]
            free = start + 1 + numpy.flatnonzero(~inside[start + 1 : end + 1])
            end = int(sentence[-1]) if len(sentence) else int(free[-1]) if len(free) else end
        borders.append((start, end))
        start = end
    return borders


def _passages(nlp: Language, example: Example, borders: list[tuple[int, int]]) -> Iterator[Example]:
    """YIELDS (Example): The example between each pair of borders."""
    reference = example.reference
    same_tokens = [token.text for token in example.predicted] == [token.text for token in reference]
    for passage in cut_doc(reference, borders):
        yield Example(copy_words(passage, nlp) if same_tokens else nlp.tokenizer(passage.text), passage)


def copy_words(doc: Doc, nlp: Language) -> Doc:
    """RETURNS (Doc): A doc with the same tokens and no annotation."""
    return Doc(nlp.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])


def cut_doc(doc: Doc, borders: list[tuple[int, int]]) -> Iterator[Doc]:
    """Cut a doc into passages with their span groups. `Span.as_doc` drops these.

    doc (Doc): The doc.
    borders (list[tuple[int, int]]): First token and end of each passage.
    YIELDS (Doc): The passages. A span that crosses a border is left out.
    """
    # Per group: the spans in the order of their first tokens, and these.
    groups = []
    for key, group in doc.spans.items():
        spans = sorted(enumerate(group), key=lambda item: item[1].start)
        groups.append((key, group, spans, [span.start for _, span in spans]))
    # Without this, `as_doc` would make an array of the whole doc for each passage.
    array = doc.to_array(PASSAGE_ATTRS)
    original = array.copy()
    for start, end in borders:
        passage = doc[start:end].as_doc(array_head=PASSAGE_ATTRS, array=array)  # type: ignore[call-arg]
        passage.has_unknown_spaces = doc.has_unknown_spaces
        # `as_doc` changes heads and entities at the borders, and passages can overlap.
        array[start:end] = original[start:end]
        for key, group, spans, starts in groups:
            found = sorted(spans[bisect_left(starts, start) : bisect_left(starts, end)])
            kept = [(place, span) for place, span in found if span.end <= end]
            passage.spans[key] = _shift_group(passage, group, kept, start)
        yield passage


def _shift_group(passage: Doc, group: SpanGroup, kept: list[tuple[int, Span]], start: int) -> SpanGroup:
    spans = [
        Span(passage, span.start - start, span.end - start, label=span.label, kb_id=span.kb_id, span_id=span.id)
        for _, span in kept
    ]
    attrs = dict(group.attrs)
    if "scores" in attrs:
        # One score per span.
        attrs["scores"] = numpy.asarray(attrs["scores"])[[place for place, _ in kept]]
    return SpanGroup(passage, name=group.name, spans=spans, attrs=attrs)


def count_lost(doc: Doc, borders: list[tuple[int, int]]) -> int:
    """Count the spans that no passage has whole.

    doc (Doc): The doc.
    borders (list[tuple[int, int]]): First token and end of each passage, in order. Passages can overlap.
    RETURNS (int): The number of spans, in all groups.
    """
    starts = [start for start, _ in borders]
    n = 0
    for group in doc.spans.values():
        for span in group:
            last = bisect_right(starts, span.start) - 1
            n += last < 0 or borders[last][1] < span.end
    return n
