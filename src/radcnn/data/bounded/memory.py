"""An array in memory that a parent and its children see both: written there, used here, never copied.

It is anonymous memory (memfd) or, where the system has none, a temporary file that lost its name at once; it goes when
the last array that looks at it goes.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray


def new_memory(n_bytes: int) -> int:
    """The file descriptor of so much shared memory, all zeros; the caller closes it."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("radcnn", os.MFD_CLOEXEC)
    else:
        handle, name = tempfile.mkstemp(prefix="radcnn-")
        Path(name).unlink()
    try:
        os.ftruncate(handle, n_bytes)
    except OSError:
        os.close(handle)
        raise
    return handle


def mapped(handle: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """An array over shared memory; it stays valid when the descriptor is closed."""
    kind = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(mmap.mmap(handle, n * kind.itemsize), kind, n).reshape(shape)
