"""Work on several columns or batches at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

One = TypeVar("One")
Other = TypeVar("Other")


def thread_count(n_jobs: int) -> int:
    """Return how many threads are meant; -1 are as many as there are cores for this process."""
    if n_jobs > 0:
        return n_jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(work: Callable[[One], Other], things: Sequence[One], threads: int) -> list[Other]:
    """Return what the work makes of each thing, in their order; NumPy and the boosters let threads run side by side."""
    if threads == 1 or len(things) < 2:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(min(threads, len(things))) as pool:
        return list(pool.map(work, things))
