"""Count what the DocBins of a corpus have: documents, sentences, tokens, spans, and what training makes of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import numpy
from spacy.language import Language
from spacy.training import Corpus, Example

from ..errors import Errors
from ..gold import GoldCounts
from ..scorer import inside_another
from ..text.augmenters import passage_borders
from .docbins import SUFFIX, read_docbin
from .files import source_files


class CorpusStatistics:
    """Numbers of what the training or the development part of a corpus has. Documents without tokens don't count.

    gold (GoldCounts): Documents, and spans by label and group.
    sentences (int): Sentences of the documents that have sentence starts.
    tokens (int): Tokens of the reference.
    lengths (Counter[int]): Number of spans by length in tokens.
    inside (int): Spans inside another one of different extent.
    overlapping (int): Spans that share a token with a span before them.
    misaligned (int): Spans that begin or end inside a token of the pipeline's tokenizer. They can't be learned.
    passages (float): Passages per epoch, if training documents are cut at random borders.
    """

    def __init__(self, spans_key: str, max_tokens: int) -> None:
        """Start to count.

        spans_key (str): Key of doc.spans.
        max_tokens (int): The most tokens per passage.
        """
        self.gold = GoldCounts(spans_key)
        self.max_tokens = max_tokens
        self.sentences = 0
        self.tokens = 0
        self.lengths: Counter[int] = Counter()
        self.inside = 0
        self.overlapping = 0
        self.misaligned = 0
        self.passages = 0.0

    @property
    def spans(self) -> int:
        """RETURNS (int): Number of spans."""
        return self.lengths.total()

    def longer_than(self, length: int) -> int:
        """RETURNS (int): Number of spans of more than `length` tokens."""
        return sum(n for tokens, n in self.lengths.items() if tokens > length)

    def add(self, example: Example) -> None:
        """Add a document.

        example (Example): The document with its gold spans, and as the pipeline's tokenizer divides it.
        """
        doc, key = example.reference, self.gold.spans_key
        self.gold.add(doc)
        self.sentences += sum(1 for _ in doc.sents) if doc.has_annotation("SENT_START") else 0
        self.tokens += len(doc)
        self.passages += self._passages(example)
        group = doc.spans.get(key, ())
        self.lengths.update(len(span) for span in group)
        self.inside += inside_another(doc, key)
        reached = 0
        for start, end, _ in sorted({(span.start, span.end, span.label) for span in group}):
            self.overlapping += start < reached
            reached = max(reached, end)
        starts, lengths = numpy.asarray(example.predicted.to_array(["IDX", "LENGTH"]), dtype="int64").T
        first, last = set(starts.tolist()), set((starts + lengths).tolist())
        self.misaligned += sum(span.start_char not in first or span.end_char not in last for span in group)

    def _passages(self, example: Example) -> float:
        if len(example.reference) <= self.max_tokens:
            return 1
        # The first passage has a random length: a mean of four lengths.
        firsts = [ceil(self.max_tokens * part / 8) for part in (1, 3, 5, 7)]
        return sum(len(passage_borders(example.reference, self.max_tokens, first)) for first in firsts) / len(firsts)


def read_statistics(path: Path, nlp: Language, *, spans_key: str, max_tokens: int) -> CorpusStatistics:
    """Count what DocBins have, one document at a time.

    path (Path): A file, or a folder of files that end in .spacy. Each DocBin is held in memory.
    nlp (Language): A pipeline with the tokenizer that will be trained with.
    spans_key (str): Key of doc.spans.
    max_tokens (int): The most tokens per passage.
    RETURNS (CorpusStatistics): The numbers.
    RAISES (ValueError): If there is no file, a file is not a DocBin, or `spacy train` could not read a document.
    """
    statistics = CorpusStatistics(spans_key, max_tokens)
    for example in _read_examples(path, nlp):
        statistics.add(example)
    return statistics


def _read_examples(path: Path, nlp: Language) -> Iterator[Example]:
    limit, nlp.max_length = nlp.max_length, sys.maxsize
    try:
        for file in source_files(path, (SUFFIX,)):
            examples = Corpus(file).make_examples(nlp, read_docbin(file, nlp.vocab))
            for number, example in enumerate(examples, start=1):
                length = len(example.reference.text)
                # The words of a document without spaces are taken as they are, so that nothing limits its length.
                if length > limit and not example.reference.has_unknown_spaces:
                    raise ValueError(Errors.B054.format(path=file, number=number, length=length, limit=limit))
                yield example
    finally:
        nlp.max_length = limit
