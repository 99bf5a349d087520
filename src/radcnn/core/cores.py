"""How many cores this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def available_cores() -> int:
    """Cores this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def by_all_cores(
    work: Callable[[int], Made], count: int, told: Callable[[int, int], None] | None = None
) -> Iterator[Made]:
    """work(0), work(1), ... in order, made by a thread for each core; `told` hears (done, of) after each.

    >>> list(by_all_cores(lambda k: k * k, 4))
    [0, 1, 4, 9]
    """
    with ThreadPoolExecutor(available_cores(), thread_name_prefix="work") as pool:
        for done, made in enumerate(pool.map(work, range(count)), start=1):
            if told is not None:
                told(done, count)
            yield made
