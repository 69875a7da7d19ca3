"""Logits → spans: nested, flat, joint position-span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch

from .types import Floats1d, Ints1d, SpanScores, WindowBatch
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


def propose(
    windows: Windows, rows: Ints1d, batch: WindowBatch, scores: SpanScores, *, threshold: float, cap: int, joint: bool
) -> tuple[Candidates, int]:
    """Find the spans of one pass that beat their type's threshold and are this pass's to judge.

    windows (Windows): All windows.
    rows (Ints1d): The windows of the pass, shape (B,).
    batch (WindowBatch): Their words.
    scores (SpanScores): Their logits.
    threshold (float): Between 0 and 1; a span has to score above it.
    cap (int): The most spans a word, on average, that are kept: the best ones.
    joint (bool): Whether start and end have to beat their thresholds too (paper appendix, joint
        position-span inference).
    RETURNS (tuple[Candidates, int]): The spans, and how many beat the threshold before the cap.
    """
    margin = scores.span - scores.span_threshold[:, None, None]
    n_words = torch.from_numpy(batch.n_words).to(margin.device)[:, None, None]
    end_word = torch.arange(margin.shape[1], device=margin.device)[:, None] + torch.arange(
        1, margin.shape[2] + 1, device=margin.device
    )
    least = logit(threshold)
    beats = (margin > least) & (end_word <= n_words)[..., None]
    if joint:
        assert scores.start is not None and scores.end is not None
        assert scores.start_threshold is not None and scores.end_threshold is not None
        start = scores.start - scores.start_threshold[:, None] > least
        end = scores.end - scores.end_threshold[:, None] > least
        beats &= start[:, :, None] & end[:, (end_word - 1).clamp(max=margin.shape[1] - 1)]
    cells = beats.nonzero()
    values = margin[beats]
    n_beat = len(cells)
    most = cap * int(batch.n_words.sum())
    if n_beat > most:
        values, kept = values.topk(most)
        cells = cells[kept]
    row, word, width, label = cells.T.cpu().numpy()
    first = windows.word_start[rows[row]] + word
    start, end = windows.token[first], windows.token[first + width] + 1
    candidates = Candidates(windows.doc[rows[row]], start, end, label, values.float().cpu().numpy())
    return candidates[best_window(windows, rows[row], start, end)], n_beat


def in_order(candidates: Candidates, label_rank: Ints1d) -> Candidates:
    """Sort by doc, start, outer before inner, then label.

    candidates (Candidates): The spans.
    label_rank (Ints1d): The place of each type in the order of the labels' names.
    RETURNS (Candidates): The sorted spans.
    """
    order = numpy.lexsort((label_rank[candidates.label], -candidates.end, candidates.start, candidates.doc))
    return candidates[order]


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
