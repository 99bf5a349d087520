"""Decoders warn in words that may quote a patient's data; while a file is read, nobody hears them.

Python's warning filters and loggers belong to the whole process: `warnings.catch_warnings` in two threads at once can
leave the wrong ones behind. Here the first thread in silences and the last one out restores.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

LOGGERS = ("pydicom", "highdicom")

_lock = threading.Lock()
_inside = 0
_silence = ExitStack()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop warnings and log lines of decoders inside the block; any number of threads may be inside."""
    global _inside
    with _lock:
        if _inside == 0:
            _fall_silent()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _silence.close()


def _fall_silent() -> None:
    _silence.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    for name in LOGGERS:
        logger = logging.getLogger(name)
        _silence.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL + 1)
