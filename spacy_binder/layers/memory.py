"""Freed memory, given back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import lru_cache


@lru_cache(maxsize=1)
def _malloc_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def release_memory() -> None:
    """Give back what the heap holds free.

    glibc before 2.38 doesn't use freed blocks of aligned memory again (its bug 14581), and torch's are aligned: the
    heap of a process grows with each of many forward passes, though nothing is kept. Elsewhere it does nothing.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
