"""What the process needs around torch: freed memory given back to the system, and threads in forks."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from inspect import currentframe
from traceback import walk_stack

import torch
from spacy.language import Language

# Whether this process was forked, and nothing here has run in it yet.
_is_new_fork = False


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
def watch_forks() -> None:
    """Notice forks of this process, see `use_one_thread_in_fork`. Calling it once is enough."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)


def _note_fork() -> None:
    global _is_new_fork
    _is_new_fork = True
    callers = (frame.f_globals.get("__name__", "") for frame, _ in walk_stack(currentframe()))
    starter = next((name for name in callers if name != __name__ and not name.startswith("multiprocessing.")), "")
    if starter == Language.__module__:
        # For `nlp.pipe(n_process=2)`. Another component that uses torch may run before ours.
        use_one_thread_in_fork()


def use_one_thread_in_fork() -> None:
    """Let torch use one thread from now on, if this process is a fork that does so for the first time.

    A fork does not have the threads of its parent, and torch would wait for them forever in the main thread. Forks
    that do without the component keep their number of threads.
    """
    global _is_new_fork
    if _is_new_fork and threading.current_thread() is threading.main_thread():
        _is_new_fork = False
        torch.set_num_threads(1)
