"""What the process needs around torch: freed memory given back to the system, and threads in forks."""

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
    """Give the free memory of the heap back to the system. Does nothing outside Linux.

    glibc before 2.38 does not use freed blocks of aligned memory again (its bug 14581), and those of torch are
    aligned. So the heap of a process grows with each forward pass, though nothing is kept.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def use_one_thread_in_forks() -> None:
    """Let torch use one thread in processes that are forked from this one. Calling it once is enough.

    A fork does not have the threads of its parent, and torch would wait for them forever. Nothing is lost, since
    `nlp.pipe(n_process=2)` uses one process per core.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
