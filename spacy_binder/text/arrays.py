"""Array types, and operations on rows of different lengths that lie in one flat array."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

# thinc's array types lack numpy's methods. These have them.
Bools1d = NDArray[numpy.bool_]
Bools2d = NDArray[numpy.bool_]
Ints1d = NDArray[numpy.int64]
Ints2d = NDArray[numpy.int64]
Floats1d = NDArray[numpy.float32]


def start_offsets(lengths: Ints1d) -> Ints1d:
    """Compute where each row starts in a flat array.

    lengths (Ints1d): Length of each row, shape (n,).
    RETURNS (Ints1d): Start of each row, and the total at the end, shape (n + 1,).
    """
    return numpy.concatenate([numpy.zeros(1, dtype="int64"), numpy.cumsum(lengths, dtype="int64")])


def ranges(starts: Ints1d, lengths: Ints1d) -> Ints1d:
    """Count from each start to its end.

    starts (Ints1d): First number of each range, shape (n,).
    lengths (Ints1d): Length of each range, shape (n,).
    RETURNS (Ints1d): The numbers start, …, start + length - 1 of all ranges, one range after the other.
    """
    offsets = numpy.cumsum(lengths) - lengths
    return numpy.repeat(starts - offsets, lengths) + numpy.arange(int(lengths.sum()))


def pad(values: Ints1d, lengths: Ints1d, *, fill: int = 0) -> Ints2d:
    """Put the rows of a flat array below each other.

    values (Ints1d): All rows, one after the other.
    lengths (Ints1d): Length of each row, shape (n,).
    fill (int): What stands after a row's end. Defaults to 0.
    RETURNS (Ints2d): The rows, padded to the longest one, shape (n, longest).
    """
    width = int(lengths.max()) if len(lengths) else 0
    rows = numpy.full((len(lengths), width), fill, dtype="int64")
    rows[numpy.arange(width) < lengths[:, None]] = values
    return rows


def cheapest_groups(lengths: Ints1d, max_wordpieces: int, cost: int) -> list[tuple[int, int]]:
    """Group rows so that they cost as little as possible together, padding included.

    lengths (Ints1d): Wordpieces of each row, the longest first, shape (n,).
    max_wordpieces (int): The most wordpieces per group, padding included. A longer row is a group of its own.
    cost (int): What a group costs beside its wordpieces, in wordpieces.
    RETURNS (list[tuple[int, int]]): Start and end of each group.
    """
    n = len(lengths)
    least = numpy.full(n + 1, numpy.iinfo("int64").max)
    least[0] = 0
    start_of = numpy.zeros(n + 1, dtype="int64")
    for start, length in enumerate(lengths.tolist()):
        size = min(n - start, max(1, max_wordpieces // length))
        costs = least[start] + cost + length * numpy.arange(1, size + 1)
        ends = slice(start + 1, start + size + 1)
        start_of[ends] = numpy.where(costs < least[ends], start, start_of[ends])
        least[ends] = numpy.minimum(least[ends], costs)
    groups, end = [], n
    while end > 0:
        groups.append((int(start_of[end]), end))
        end = groups[-1][0]
    return groups[::-1]
