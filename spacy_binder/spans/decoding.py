"""Spans that the model found → spans to publish: nested or flat, supported by their repeats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from ..text.arrays import Floats1d, Ints1d, Ints2d
from ..text.windows import Windows, has_most_context

# Spans with a lower margin get no support from their repeats.
LOWEST_SUPPORTED_MARGIN = -3.0
ARRAYS = ("doc", "start", "end", "label", "margin")


@dataclass
class FoundSpans:
    """The spans that one forward pass found.

    rows (Ints1d): Indices of the windows that were searched, shape (B,).
    cells (Ints2d): Window (its place in `rows`), first word, width - 1 and type of each span, shape (n, 4).
    margin (Floats1d): Logit of each span minus the logit of its threshold, shape (n,).
    n_dropped (int): The number of spans that were found but not kept.
    is_finite (bool): Whether the thresholds are numbers. Defaults to True. If not, the weights are of no use.
    """

    rows: Ints1d
    cells: Ints2d
    margin: Floats1d
    n_dropped: int
    is_finite: bool = True


@dataclass
class Candidates:
    """Spans that beat a threshold, as arrays of one length.

    doc (Ints1d): Index of each span's doc, shape (n,).
    start, end (Ints1d): Its first token and end, shape (n,).
    label (Ints1d): Its type, shape (n,).
    margin (Floats1d): Its logit minus the logit of its threshold, shape (n,).
    labels (tuple[str, ...]): Name of each type at the time of the prediction. Empty until the spans are grouped.
    """

    doc: Ints1d
    start: Ints1d
    end: Ints1d
    label: Ints1d
    margin: Floats1d
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.doc)

    def __getitem__(self, which: numpy.ndarray | slice) -> Candidates:
        return Candidates(*(getattr(self, name)[which] for name in ARRAYS), labels=self.labels)

    @classmethod
    def concatenate(cls, parts: Sequence[Candidates]) -> Candidates:
        """RETURNS (Candidates): The spans of all parts, one part after the other."""
        if not parts:
            none = numpy.zeros(0, dtype="int64")
            return cls(none, none, none, none, numpy.zeros(0, dtype="float32"))
        arrays: list[Any] = [numpy.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS]
        return cls(*arrays)


def find_tokens(windows: Windows, found: FoundSpans, *, union: bool = False) -> Candidates:
    """Turn the spans that one pass found into spans of tokens.

    windows (Windows): All windows.
    found (FoundSpans): The spans that the pass found.
    union (bool): Whether every window judges a span, so that several passes may give it. Otherwise only the window
        that gives it the most context does. Defaults to False.
    RETURNS (Candidates): The spans.
    """
    row, word, width, label = found.cells.T
    window = found.rows[row]
    first = windows.word_start[window] + word
    start, end = windows.token[first], windows.token[first + width] + 1
    candidates = Candidates(windows.doc[window], start, end, label, found.margin)
    return candidates if union else candidates[has_most_context(windows, window, start, end)]


def sort_spans(candidates: Candidates, label_rank: Ints1d) -> Candidates:
    """Sort spans by doc and start, outer before inner, then by label.

    candidates (Candidates): The spans.
    label_rank (Ints1d): Place of each type in the alphabetical order of the labels, shape (K,).
    RETURNS (Candidates): The sorted spans.
    """
    order = numpy.lexsort((label_rank[candidates.label], -candidates.end, candidates.start, candidates.doc))
    return candidates[order]


def deduplicate(candidates: Candidates) -> Candidates:
    """Keep a span that several windows found once, with the best of its margins.

    candidates (Candidates): The spans, sorted, so that equal ones stand together.
    RETURNS (Candidates): The distinct spans, in order.
    """
    columns = numpy.stack([candidates.doc, candidates.start, candidates.end, candidates.label])
    is_new = numpy.ones(len(candidates), dtype=bool)
    is_new[1:] = (columns[:, 1:] != columns[:, :-1]).any(0)
    kept = candidates[is_new]
    if len(kept):
        kept.margin = numpy.maximum.reduceat(candidates.margin, numpy.flatnonzero(is_new))
    return kept


def group_by_doc(parts: Sequence[Candidates], labels: Sequence[str], n_docs: int, *, union: bool) -> list[Candidates]:
    """Collect the spans of all passes, doc by doc.

    parts (Sequence[Candidates]): The spans of each pass.
    labels (Sequence[str]): The labels.
    n_docs (int): The number of docs.
    union (bool): Whether every window judged, so that a span may be there several times.
    RETURNS (list[Candidates]): The spans of each doc, sorted.
    """
    label_rank = numpy.argsort(numpy.argsort(numpy.array(labels)))
    found = sort_spans(Candidates.concatenate(parts), label_rank)
    if union:
        found = deduplicate(found)
    found.labels = tuple(labels)
    borders = numpy.searchsorted(found.doc, numpy.arange(n_docs + 1))
    return [found[borders[i] : borders[i + 1]] for i in range(n_docs)]


def collect_spans(
    windows: Windows, passes: Iterable[FoundSpans], labels: Sequence[str], n_docs: int, *, union: bool
) -> tuple[list[Candidates], int, bool]:
    """Collect what all passes found.

    windows (Windows): All windows.
    passes (Iterable[FoundSpans]): The spans that each pass found. A pass is computed when it is asked for.
    labels, n_docs, union: As for `group_by_doc`.
    RETURNS (tuple): The spans of each doc, the number of spans that were not kept, and whether all values are finite.
    """
    parts, n_dropped, is_finite = [], 0, True
    for found in passes:
        parts.append(find_tokens(windows, found, union=union))
        n_dropped += found.n_dropped
        is_finite &= found.is_finite
    return group_by_doc(parts, labels, n_docs, union=union), n_dropped, is_finite


def support_repeats(candidates: Candidates, words: numpy.ndarray, weight: float) -> Candidates:
    """Raise the margin of each span towards the best margin among its repeats.

    Repeats are spans of the same words and type in the same doc. A margin becomes margin + weight · (best - margin).
    Spans below `LOWEST_SUPPORTED_MARGIN` stay as they are, whatever the thresholds, so that thresholds change no score.

    candidates (Candidates): The spans of one doc.
    words (numpy.ndarray): One number per token that tells words apart, shape (T,).
    weight (float): Weight of the best repeat, from 0 to 1.
    RETURNS (Candidates): The same spans.
    """
    near = numpy.flatnonzero(candidates.margin > LOWEST_SUPPORTED_MARGIN)
    if not len(near):
        return candidates
    own = candidates.margin[near]
    places = zip(candidates.start[near].tolist(), candidates.end[near].tolist(), strict=True)
    texts = [words[start:end].tobytes() for start, end in places]
    keys = list(zip(candidates.label[near].tolist(), texts, strict=True))
    best: dict[tuple[int, bytes], float] = {}
    for key, margin in zip(keys, own.tolist(), strict=True):
        best[key] = max(margin, best.get(key, margin))
    margins = candidates.margin.copy()
    margins[near] = own + weight * (numpy.array([best[key] for key in keys], dtype=own.dtype) - own)
    return replace(candidates, margin=margins)


def filter_margins(candidates: Candidates, limits: Floats1d, *, allow_overlap: bool) -> Candidates:
    """Keep the spans to publish: those above the limit of their type, nested or flat.

    candidates (Candidates): The spans of one doc, sorted.
    limits (Floats1d): The margin that spans of each type have to exceed, shape (K,).
    allow_overlap (bool): Whether spans may overlap. If not, the best ones are kept.
    RETURNS (Candidates): The spans that are kept, sorted.
    """
    kept = candidates[candidates.margin > limits[candidates.label]]
    return kept if allow_overlap else drop_overlaps(kept)


def drop_overlaps(candidates: Candidates, is_taken: numpy.ndarray | None = None) -> Candidates:
    """Take spans greedily, the best first, and drop those that overlap a taken one (flat decoding).

    candidates (Candidates): The spans of one doc, sorted. The earlier one wins a tie.
    is_taken (numpy.ndarray, optional): Whether no span may cover a token, shape (T,). If None, all tokens are free.
    RETURNS (Candidates): The spans that are kept, sorted.
    """
    taken = numpy.zeros(int(candidates.end.max(initial=0)), dtype=bool) if is_taken is None else is_taken.copy()
    kept = []
    for i in numpy.argsort(-candidates.margin, kind="stable").tolist():
        tokens = slice(candidates.start[i], candidates.end[i])
        if not taken[tokens].any():
            taken[tokens] = True
            kept.append(i)
    return candidates[numpy.array(sorted(kept), dtype="int64")]
