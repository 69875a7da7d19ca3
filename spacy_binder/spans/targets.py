"""Gold spans → cells of the windows' logits. Spans that no cell stands for are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from ..text.arrays import Bools2d, Ints1d, Ints2d
from ..text.windows import Windows


@dataclass
class Targets:
    """The gold items of some windows. The first column of each table is the window's index.

    start, end (Ints2d): Window, word and type of each gold start and end, shape (n, 3).
    span (Ints2d): Window, first word, width - 1 and type of each gold span, shape (n, 4).
    hidden_start, hidden_end (Ints2d): Starts and ends of spans that the window's border cuts, shape (n, 3). They are
        neither gold nor negatives.
    annotated (Bools2d, optional): Whether a type was annotated in a window, shape (N, K). If it was not, it is neither
        gold nor negative there. None, the default, if all types were annotated in all windows.
    """

    start: Ints2d
    end: Ints2d
    span: Ints2d
    hidden_start: Ints2d
    hidden_end: Ints2d
    annotated: Bools2d | None = None

    def select_windows(self, rows: Ints1d) -> Targets:
        """Take the items of some windows.

        rows (Ints1d): Indices of the windows, shape (B,).
        RETURNS (Targets): Their items. The first column is now a window's place in `rows`.
        """
        tables = (self.start, self.end, self.span, self.hidden_start, self.hidden_end)
        annotated = None if self.annotated is None else self.annotated[rows]
        return Targets(*(_select_rows(table, rows) for table in tables), annotated=annotated)


def make_targets(
    windows: Windows,
    gold: Sequence[Sequence[tuple[int, int, int]]],
    *,
    max_span_length: int,
    annotated: Bools2d | None = None,
) -> tuple[Targets, Counter[str]]:
    """Find the cells of gold spans.

    windows (Windows): All windows of the docs.
    gold (Sequence): First token, end and type of each gold span, one sequence per doc.
    max_span_length (int): The most words per span.
    annotated (Bools2d, optional): Whether a type was annotated in a doc, one row per doc and one column per type.
        Defaults to None: all were.
    RETURNS (tuple[Targets, Counter]): The cells, and the number of spans that have none, by reason.
    """
    start, end, span, hidden_start, hidden_end = ([numpy.zeros((0, 4), dtype="int64")] for _ in range(5))
    reasons: Counter[str] = Counter()
    for doc, spans in enumerate(gold):
        table = numpy.array(spans, dtype="int64").reshape(-1, 3)
        starts, ends, labels = table.T
        found, has_start, has_end, too_long = (numpy.zeros(len(table), dtype=bool) for _ in range(4))
        rows = range(*numpy.searchsorted(windows.doc, [doc, doc + 1]).tolist()) if len(table) else ()
        for row in rows:
            token = windows.token[windows.word_start[row] : windows.word_start[row + 1]]
            first, last = _index(token, starts), _index(token, ends - 1)
            whole = (first >= 0) & (last >= 0)
            fits = whole & (last - first < max_span_length)
            columns = numpy.stack([numpy.full_like(first, row), first, last - first, labels], axis=1)
            start.append(columns[whole])
            end.append(numpy.stack([columns[:, 0], last, last, labels], axis=1)[whole])
            span.append(columns[fits])
            hidden_start.append(columns[(first >= 0) & ~whole])
            hidden_end.append(numpy.stack([columns[:, 0], last, last, labels], axis=1)[(last >= 0) & ~whole])
            found |= whole
            too_long |= whole & ~fits
            has_start |= first >= 0
            has_end |= last >= 0
        reasons["longer than max_span_length"] += int(too_long.sum())
        reasons["cut by every window"] += int((~found & has_start & has_end).sum())
        reasons["not aligned with wordpieces"] += int((~found & ~(has_start & has_end)).sum())
    position = [0, 1, 3]
    targets = Targets(
        start=numpy.concatenate(start)[:, position],
        end=numpy.concatenate(end)[:, position],
        span=numpy.concatenate(span),
        hidden_start=numpy.concatenate(hidden_start)[:, position],
        hidden_end=numpy.concatenate(hidden_end)[:, position],
        annotated=None if annotated is None else annotated[windows.doc],
    )
    return targets, +reasons


def _index(values: Ints1d, wanted: Ints1d) -> Ints1d:
    """RETURNS (Ints1d): Index of each wanted value in the sorted values, -1 if it is not there."""
    at = numpy.searchsorted(values, wanted).clip(max=len(values) - 1)
    return numpy.where(values[at] == wanted, at, -1)


def _select_rows(table: Ints2d, rows: Ints1d) -> Ints2d:
    place = numpy.full(int(max(rows.max(), table[:, 0].max(initial=0))) + 1, -1, dtype="int64")
    place[rows] = numpy.arange(len(rows))
    table = table.copy()
    table[:, 0] = place[table[:, 0]]
    return table[table[:, 0] >= 0]
