"""Cut docs into windows of wordpieces, and pad windows to batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

import numpy

from .arrays import Bools1d, Ints1d, Ints2d, cheapest_groups, pad, ranges, start_offsets
from .wordpieces import Wordpieces


@dataclass
class WindowBatch:
    """Some windows, padded to a common shape. B windows, L wordpieces, T words.

    rows (Ints1d): Index of each window among all windows, shape (B,).
    input_ids (Ints2d): Wordpiece ids, shape (B, L). Empty where the vectors come from another component.
    shapes (Ints2d): Shape of each wordpiece's word, see `WORD_SHAPES`, shape (B, L).
    lengths (Ints1d): Wordpieces per window, special ones included, shape (B,).
    first (Ints2d): Position of each word's first wordpiece, shape (B, T).
    last (Ints2d): Position of each word's last wordpiece, shape (B, T).
    n_words (Ints1d): Words per window, shape (B,).
    """

    rows: Ints1d
    input_ids: Ints2d
    shapes: Ints2d
    lengths: Ints1d
    first: Ints2d
    last: Ints2d
    n_words: Ints1d


@dataclass
class Windows:
    """The windows of some docs, as flat arrays. N windows hold W words; words of overlaps count twice.

    doc (Ints1d): Index of each window's doc, shape (N,). Windows of one doc stand together, in order.
    word_start (Ints1d): Index of each window's first word, and the total at the end, shape (N + 1,).
    token (Ints1d): Index of each word's token in its doc, shape (W,).
    first, last (Ints1d): Position of each word's first and last wordpiece in its window, shape (W,).
    lengths (Ints1d): Wordpieces per window, special ones included, shape (N,).
    ids (Ints1d): Wordpiece ids of all windows, one after the other. Empty where the vectors come from another
        component.
    shapes (Ints1d): Shape of the word that each of these wordpieces belongs to, see `WORD_SHAPES`.
    """

    doc: Ints1d
    word_start: Ints1d
    token: Ints1d
    first: Ints1d
    last: Ints1d
    lengths: Ints1d
    ids: Ints1d
    shapes: Ints1d

    def __len__(self) -> int:
        return len(self.doc)

    @property
    def token_start(self) -> Ints1d:
        """RETURNS (Ints1d): The token that each window starts at, shape (N,)."""
        return self.token[self.word_start[:-1]]

    @property
    def token_end(self) -> Ints1d:
        """RETURNS (Ints1d): The token after each window's last one, shape (N,)."""
        return self.token[self.word_start[1:] - 1] + 1

    def batch(self, rows: Ints1d, *, pad_id: int = 0) -> WindowBatch:
        """Pad some windows to a common shape.

        rows (Ints1d): Indices of the windows, shape (B,).
        pad_id (int): Id of the padding wordpiece. Defaults to 0.
        RETURNS (WindowBatch): The padded windows.
        """
        n_words = self.word_start[rows + 1] - self.word_start[rows]
        words = ranges(self.word_start[rows], n_words)
        lengths = self.lengths[rows]
        input_ids = shapes = numpy.zeros((len(rows), 0), dtype="int64")
        if len(self.ids):
            at = ranges(start_offsets(self.lengths)[rows], lengths)
            input_ids, shapes = pad(self.ids[at], lengths, fill=pad_id), pad(self.shapes[at], lengths)
        first, last = pad(self.first[words], n_words), pad(self.last[words], n_words)
        return WindowBatch(rows, input_ids, shapes, lengths, first, last, n_words)

    def group_by_length(
        self, max_wordpieces: int, *, first: int = 0, step: int = 1, cost: Optional[int] = None
    ) -> Iterator[Ints1d]:
        """Group windows of similar length, the longest first.

        max_wordpieces (int): The most wordpieces per group, padding included. A longer window is a group of its own.
        first, step (int): Which windows to take, counted from the longest. Default to all.
        cost (int, optional): What a group costs beside its wordpieces, in wordpieces. Groups and their padding then
            cost as little as possible together. If None, there are few groups, whatever their padding.
        YIELDS (Ints1d): Indices of the windows of a group.
        """
        order = numpy.argsort(-self.lengths, kind="stable")[first::step]
        if cost is not None:
            for start, end in cheapest_groups(self.lengths[order], max_wordpieces, cost):
                yield order[start:end]
            return
        start = 0
        while start < len(order):
            size = max(1, max_wordpieces // int(self.lengths[order[start]]))
            yield order[start : start + size]
            start += size


def cut_words(word_start: Ints1d, sentence: Ints1d, *, capacity: int, stride: int) -> list[tuple[int, int]]:
    """Cut the words of one doc into windows that cover all of them.

    A window ends at the end of a sentence where it can. Where it ends inside a sentence, the next window starts up to
    `stride` wordpieces earlier.

    word_start (Ints1d): First wordpiece of each word, and the total at the end, shape (n + 1,).
    sentence (Ints1d): Number of each word's sentence, shape (n,).
    capacity (int): The most wordpieces per window. No word has more.
    stride (int): Overlap in wordpieces, less than `capacity`.
    RETURNS (list[tuple[int, int]]): First word and end of each window.
    """
    n_words = len(sentence)
    sentence_end = numpy.flatnonzero(numpy.diff(sentence)) + 1
    windows = []
    start = 0
    while start < n_words:
        end = int(numpy.searchsorted(word_start, word_start[start] + capacity, side="right")) - 1
        next_start = n_words
        if end < n_words:
            nearest = int(numpy.searchsorted(sentence_end, end, side="right")) - 1
            if nearest >= 0 and sentence_end[nearest] > start:
                end = next_start = int(sentence_end[nearest])
            else:
                # Back by the stride, but not so far that the next word finds no room.
                back = max(word_start[end] - stride, word_start[end + 1] - capacity)
                next_start = int(numpy.searchsorted(word_start, back))
        windows.append((start, end))
        start = next_start
    return windows


def make_windows(
    wordpieces: Wordpieces, *, prefix: list[int], suffix: list[int], capacity: int, stride: int, sentences: bool
) -> Windows:
    """Cut docs into windows.

    wordpieces (Wordpieces): The wordpieces of the docs.
    prefix, suffix (list[int]): Special wordpieces before and after each window.
    capacity (int): The most wordpieces per window, special ones not counted.
    stride (int): Overlap in wordpieces where a window ends inside a sentence.
    sentences (bool): Whether windows end at sentence ends where they can.
    RETURNS (Windows): The windows. A doc without words has none.
    """
    spans: list[tuple[int, int, int]] = []
    for i, (start, end) in enumerate(zip(wordpieces.doc_start[:-1], wordpieces.doc_start[1:], strict=True)):
        sentence = wordpieces.sentence[start:end] if sentences else numpy.zeros(end - start, dtype="int64")
        for a, b in cut_words(wordpieces.word_start[start : end + 1], sentence, capacity=capacity, stride=stride):
            spans.append((i, start + a, start + b))
    doc, first_word, end_word = numpy.array(spans, dtype="int64").reshape(-1, 3).T
    n_words = end_word - first_word
    words = ranges(first_word, n_words)
    window_start = wordpieces.word_start[first_word]
    n_pieces = wordpieces.word_start[end_word] - window_start
    to_position = numpy.repeat(len(prefix) - window_start, n_words)
    lengths = n_pieces + len(prefix) + len(suffix)
    ids, shapes = (numpy.zeros(int(lengths.sum()), dtype="int64") for _ in range(2))
    ids_start = start_offsets(lengths)[:-1]
    target, source = ranges(ids_start + len(prefix), n_pieces), ranges(window_start, n_pieces)
    ids[target] = wordpieces.ids[source]
    shapes[target] = wordpieces.shapes[source]
    for i, wordpiece in enumerate(prefix):
        ids[ids_start + i] = wordpiece
    for i, wordpiece in enumerate(suffix):
        ids[ids_start + len(prefix) + n_pieces + i] = wordpiece
    return Windows(
        doc=doc,
        word_start=start_offsets(n_words),
        token=wordpieces.token[words],
        first=wordpieces.word_start[words] + to_position,
        last=wordpieces.word_start[words + 1] - 1 + to_position,
        lengths=lengths,
        ids=ids,
        shapes=shapes,
    )


def has_most_context(windows: Windows, row: Ints1d, start: Ints1d, end: Ints1d) -> Bools1d:
    """Tell for each span whether no other window gives it more context than the given one.

    Context is the distance to the nearer border of the window. The earlier window wins a tie. So each span is judged
    by exactly one window.

    windows (Windows): All windows.
    row (Ints1d): Index of the window that proposes each span, shape (n,).
    start, end (Ints1d): First token and end of each span, shape (n,).
    RETURNS (Bools1d): One boolean per span, shape (n,).
    """
    token_start, token_end = windows.token_start, windows.token_end
    context = numpy.minimum(start - token_start[row], token_end[row] - end)
    best = numpy.ones(len(row), dtype=bool)
    for sign in (-1, 1):
        distance = 1
        while True:
            other = row + sign * distance
            inside = (other >= 0) & (other < len(windows))
            other = numpy.where(inside, other, row)
            overlap = inside & (windows.doc[other] == windows.doc[row])
            overlap &= (token_start[other] <= start) & (end <= token_end[other])
            if not overlap.any():
                break
            rival = numpy.minimum(start - token_start[other], token_end[other] - end)
            beaten = rival >= context if sign < 0 else rival > context
            best &= ~(overlap & beaten)
            distance += 1
    return best
