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
