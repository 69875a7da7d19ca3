"""Threads where a process was forked, as `nlp.pipe(n_process=2)` does."""

from __future__ import annotations

import os
from functools import lru_cache, partial

import torch


@lru_cache(maxsize=1)
def use_one_thread_in_forks() -> None:
    """Let torch use one thread in processes that are forked off from this one. Once is enough.

    Those of its parent aren't there, and torch would wait for them forever. A process for each core is what forks are
    for, so that nothing is lost.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
