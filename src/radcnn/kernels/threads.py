"""How compiled loops share the cores: a range cut into slabs, a thread for each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from radcnn.core.cores import available_cores

SLABS_PER_THREAD = 4  # small enough that a thread with easy slabs takes over from one with hard ones


def over_slabs(work: Callable[[int, int], object], length: int, threads: int | None = None) -> None:
    """Call work(first, end) on slabs that together cover 0..length, by `threads` threads; None for all cores.

    The slabs must not depend on each other, and `work` must give up the interpreter's lock to gain anything.
    """
    threads = threads or available_cores()
    if threads == 1 or length < 2:
        work(0, length)
        return
    count = min(length, threads * SLABS_PER_THREAD)
    edges = [length * i // count for i in range(count + 1)]
    with ThreadPoolExecutor(threads, thread_name_prefix="slabs") as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
