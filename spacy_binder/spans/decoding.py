"""Logits → spans: nested, flat, with what a span's repeats in the doc say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy

from ..text.arrays import Floats1d, Ints1d, Ints2d
from ..text.windows import Windows, best_window

# Margins that are low, but not hopeless: spans over this one profit from their repeats.
NEAR = -3.0


@dataclass
class Candidates:
    """Spans that beat a threshold, as arrays of one length.

    doc (Ints1d): The doc of each span.
    start, end (Ints1d): Its first token and end.
    label (Ints1d): Its type.
    margin (Floats1d): Its logit less the logit of its threshold.
    """

    doc: Ints1d
    start: Ints1d
    end: Ints1d
    label: Ints1d
    margin: Floats1d

    def __len__(self) -> int:
        return len(self.doc)

    def __getitem__(self, which: numpy.ndarray | slice) -> Candidates:
        return Candidates(self.doc[which], self.start[which], self.end[which], self.label[which], self.margin[which])

    @classmethod
    def concatenate(cls, parts: list[Candidates]) -> Candidates:
        """RETURNS (Candidates): All of them, one part after the other."""
        if not parts:
            none = numpy.zeros(0, dtype="int64")
            return cls(none, none, none, none, numpy.zeros(0, dtype="float32"))
        return cls(
            numpy.concatenate([part.doc for part in parts]),
            numpy.concatenate([part.start for part in parts]),
            numpy.concatenate([part.end for part in parts]),
            numpy.concatenate([part.label for part in parts]),
            numpy.concatenate([part.margin for part in parts]),
        )


def to_tokens(windows: Windows, found: FoundSpans, *, all_windows: bool = False) -> Candidates:
    """Turn the spans that one pass found into spans of tokens, those alone that are this pass's to judge.

    windows (Windows): All windows.
    found (FoundSpans): What the pass found.
    all_windows (bool): Whether every window judges; then a span may come from several passes.
    RETURNS (Candidates): The spans.
    """
    row, word, width, label = found.cells.T
    window = found.rows[row]
    first = windows.word_start[window] + word
    start, end = windows.token[first], windows.token[first + width] + 1
    candidates = Candidates(windows.doc[window], start, end, label, found.margin)
    if all_windows:
        return candidates
    return candidates[best_window(windows, window, start, end)]


def in_order(candidates: Candidates, label_rank: Ints1d) -> Candidates:
    """Sort by doc, start, outer before inner, then label.

    candidates (Candidates): The spans.
    label_rank (Ints1d): The place of each type in the order of the labels' names.
    RETURNS (Candidates): The sorted spans.
    """
    order = numpy.lexsort((label_rank[candidates.label], -candidates.end, candidates.start, candidates.doc))
    return candidates[order]


def once(candidates: Candidates) -> Candidates:
    """Keep a span that several windows found once, by the best of its margins (the union over windows).

    candidates (Candidates): The spans, in order, so that equal ones stand together.
    RETURNS (Candidates): Those kept, in order.
    """
    columns = numpy.stack([candidates.doc, candidates.start, candidates.end, candidates.label])
    is_new = numpy.ones(len(candidates), dtype=bool)
    is_new[1:] = (columns[:, 1:] != columns[:, :-1]).any(0)
    kept = candidates[is_new]
    if len(kept):
        kept.margin = numpy.maximum.reduceat(candidates.margin, numpy.flatnonzero(is_new))
    return kept


def of_docs(parts: list[Candidates], labels: Sequence[str], n_docs: int, *, union: bool) -> list[Candidates]:
    """Put what the passes found together, doc by doc.

    parts (list[Candidates]): The spans of each pass.
    labels (Sequence[str]): The labels.
    n_docs (int): The number of docs.
    union (bool): Whether every window judged, so that a span may be there several times.
    RETURNS (list[Candidates]): The spans of each doc, in order.
    """
    label_rank = numpy.argsort(numpy.argsort(numpy.array(labels)))
    found = in_order(Candidates.concatenate(parts), label_rank)
    if union:
        found = once(found)
    borders = numpy.searchsorted(found.doc, numpy.arange(n_docs + 1))
    return [found[borders[i] : borders[i + 1]] for i in range(n_docs)]


def with_repeats(candidates: Candidates, words: numpy.ndarray, weight: float) -> Candidates:
    """Let each span profit from the best of its repeats, the spans of the same words and type in its doc.

    A margin becomes margin + weight · (best margin - margin). Spans under `NEAR` are left as they are, whatever the
    thresholds, so that these change no score.

    candidates (Candidates): The spans of one doc.
    words (numpy.ndarray): What tells the doc's words apart, a number a token, shape (T,).
    weight (float): How much the best repeat counts, from 0 to 1.
    RETURNS (Candidates): The same spans.
    """
    near = numpy.flatnonzero(candidates.margin > NEAR)
    if not len(near):
        return candidates
    own = candidates.margin[near]
    places = zip(candidates.start[near].tolist(), candidates.end[near].tolist(), strict=True)
    said = [words[start:end].tobytes() for start, end in places]
    keys = list(zip(candidates.label[near].tolist(), said, strict=True))
    best: dict[tuple[int, bytes], float] = {}
    for key, margin in zip(keys, own.tolist(), strict=True):
        best[key] = max(margin, best.get(key, margin))
    margins = candidates.margin.copy()
    margins[near] = own + weight * (numpy.array([best[key] for key in keys], dtype=own.dtype) - own)
    return replace(candidates, margin=margins)


def over_limits(candidates: Candidates, limits: Floats1d, *, allow_overlap: bool) -> Candidates:
    """Keep what is to be published: spans over the limit of their type, nested or flat.

    candidates (Candidates): The spans of one doc, in order.
    limits (Floats1d): What the margin of each type's spans has to exceed, shape (K,).
    allow_overlap (bool): Whether spans may overlap. If not, the best are kept.
    RETURNS (Candidates): Those kept, in order.
    """
    kept = candidates[candidates.margin > limits[candidates.label]]
    return kept if allow_overlap else without_overlap(kept)


def without_overlap(candidates: Candidates) -> Candidates:
    """Take spans of one doc greedily, the best first, and drop what overlaps (flat decoding).

    candidates (Candidates): The spans of one doc, in order; the earlier one wins a tie.
    RETURNS (Candidates): Those kept, in order.
    """
    taken = numpy.zeros(int(candidates.end.max(initial=0)), dtype=bool)
    kept = []
    for i in numpy.argsort(-candidates.margin, kind="stable").tolist():
        tokens = slice(candidates.start[i], candidates.end[i])
        if not taken[tokens].any():
            taken[tokens] = True
            kept.append(i)
    return candidates[numpy.array(sorted(kept), dtype="int64")]


@dataclass
class FoundSpans:
    """The spans that one pass found at inference.

    rows (Ints1d): Which windows were looked at, shape (B,).
    cells (Ints2d): Window of the pass, first word, width - 1 and type of each span, shape (n, 4).
    margin (Floats1d): Its logit less the logit of its threshold, shape (n,).
    n_dropped (int): How many more there were than are kept.
    """

    rows: Ints1d
    cells: Ints2d
    margin: Floats1d
    n_dropped: int
