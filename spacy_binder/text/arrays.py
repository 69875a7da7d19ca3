"""Types of arrays, and what flat arrays of many rows need."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

# thinc's array types don't know numpy's functions; these do.
Ints1d = NDArray[numpy.int64]


Ints2d = NDArray[numpy.int64]


Floats1d = NDArray[numpy.float32]


def ranges(starts: Ints1d, lengths: Ints1d) -> Ints1d:
    """RETURNS (Ints1d): The numbers start, …, start + length - 1 of each range, one range after the other."""
    offsets = numpy.cumsum(lengths) - lengths
    return numpy.repeat(starts - offsets, lengths) + numpy.arange(int(lengths.sum()))


def padded(values: Ints1d, lengths: Ints1d, *, fill: int = 0) -> Ints2d:
    """RETURNS (Ints2d): Rows of the given lengths, filled up to the longest."""
    width = int(lengths.max()) if len(lengths) else 0
    rows = numpy.full((len(lengths), width), fill, dtype="int64")
    rows[numpy.arange(width) < lengths[:, None]] = values
    return rows
