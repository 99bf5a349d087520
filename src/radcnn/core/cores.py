"""How many cores this process may use, how wide they compute, and work that is spread over them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Literal, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
VectorBits = Literal[256, 512]


def available_cores() -> int:
    """Cores this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def vector_bits() -> VectorBits:
    """Bits that a core's instructions take at once, as torch uses them: 256 with AVX2 alone, 512 with anything else.

    Processors that are no x86 are taken to be as fast as those with 512.

    >>> vector_bits() in (256, 512)
    True
    """
    import torch  # late: whoever only counts cores need not load it

    return 256 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 512


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


def by_processes(work: Callable[[Given], Made], given: Sequence[Given], workers: int) -> Iterator[Made]:
    """work(given[0]), work(given[1]), ... in order, made by so many processes; by this one alone for one worker.

    The processes are fresh, since a forked one may inherit a library's locked threads: work and what is given must be
    what another process can import, and a script must call this under `if __name__ == "__main__":`.

    >>> list(by_processes(abs, [-1, 2], workers=1))
    [1, 2]
    """
    if workers == 1:
        yield from map(work, given)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, given)
