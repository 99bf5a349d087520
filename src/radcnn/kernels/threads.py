"""How compiled loops share the cores: a range cut into slabs, which the caller and helping threads take in turn."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count

from radcnn.core.cores import available_cores

SLABS_PER_THREAD = 4  # small enough that a thread with easy slabs takes over from one with hard ones


def over_slabs(work: Callable[[int, int], object], length: int, threads: int | None = None) -> None:
    """Call work(first, end) on slabs that together cover 0..length, by `threads` threads; None for all cores.

    The slabs must not depend on each other, and `work` must give up the interpreter's lock to gain anything. The
    caller works, too, so that a slab never waits for a helper that is busy elsewhere.
    """
    threads = threads or available_cores()
    if threads == 1 or length < 2:
        work(0, length)
        return
    slabs = min(length, threads * SLABS_PER_THREAD)
    edges = [length * i // slabs for i in range(slabs + 1)]
    numbers = count()

    def share() -> None:
        while (number := next(numbers)) < slabs:
            work(edges[number], edges[number + 1])

    helping = [_helpers().submit(share) for _ in range(min(threads, slabs) - 1)]
    try:
        share()
    finally:
        begun = [one for one in helping if not one.cancel()]
        failed = [error for one in begun if (error := one.exception())]
    if failed:
        raise failed[0]


@cache
def _helpers() -> ThreadPoolExecutor:
    """Threads that stay, since starting one takes as long as half a millisecond's work."""
    return ThreadPoolExecutor(max(1, available_cores() - 1), thread_name_prefix="slabs")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)  # the child has no such threads
