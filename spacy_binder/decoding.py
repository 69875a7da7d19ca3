"""Logits → spans: nested, flat, joint position-span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch

from .types import Floats1d, FoundSpans, Ints1d
from .windows import Windows, best_window


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

    @property
    def scores(self) -> Floats1d:
        """RETURNS (Floats1d): sigmoid(margin): 0.5 is the paper's threshold."""
        return torch.from_numpy(self.margin).sigmoid().numpy()

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


def logit(probability: float) -> float:
    """RETURNS (float): The logit of a probability, infinite at 0 and 1."""
    with numpy.errstate(divide="ignore"):
        return float(numpy.log(probability) - numpy.log1p(-probability))


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
