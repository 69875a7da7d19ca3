"""Freed memory, given back to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import lru_cache, partial

import torch


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


@lru_cache(maxsize=1)
def use_one_thread_in_forks() -> None:
    """Let torch use one thread in processes that are forked off from this one. Once is enough.

    Those of its parent aren't there, and torch would wait for them forever. A process for each core is what forks are
    for, so that nothing is lost.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
