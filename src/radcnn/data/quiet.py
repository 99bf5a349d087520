"""Decoders warn in words that may quote a patient's data; while a file is read, nobody hears them.

Python's warning filters belong to the whole process: `warnings.catch_warnings` in two threads at once can leave the
wrong ones behind. Here the first thread in silences and the last one out restores.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_saved: warnings.catch_warnings[None] | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Drop every Python warning inside the block; any number of threads may be inside."""
    global _inside, _saved
    with _lock:
        if _inside == 0:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            warnings.simplefilter("ignore")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _saved is not None:
                _saved.__exit__(None, None, None)
                _saved = None
