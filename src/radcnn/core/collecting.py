"""Python looks for garbage among all objects while more are made; among 100,000 cases that all stay, in vain."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = 50_000, 20, 100  # objects until the youngest are looked at, and how many times until older ones are


def collect_rarely() -> None:
    """Look for garbage in cycles after 50,000 new objects instead of 700, from now on.

    For a program of its own, as `radcnn` is one: importing torch and numba beside 100,000 cases looked at all of them
    again and again, for a tenth of the whole start. Whoever imports radcnn keeps his own thresholds.
    """
    gc.set_threshold(*RARELY)


@contextmanager
def no_collecting() -> Iterator[None]:
    """Do not look for garbage in cycles meanwhile; as a decorator, during a call."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
