"""The memory of a volume: seen by a parent and its children both, written there and used here, or this process's own.

Shared memory is anonymous (memfd) or, where the system has none, a temporary file that lost its name at once; it goes
when the last array that looks at it goes. Own memory is taken in pages of 2 MiB where the system has them.

The system clears each page before it gives it, which for a volume of 200 MiB takes longer than to read it. So the
memory of the volume that was let go last is kept for the next one of the same size: whoever reads many volumes one
after the other waits for the system once.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

SMALL = 4 << 20  # bytes that are not worth keeping
MOST_IDLE = 256 << 20  # bytes; 240 slices of 512 x 512 in float32


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


def mapped(handle: int, shape: tuple[int, ...], dtype: DTypeLike, *, at_once: bool = False) -> NDArray:
    """An array over shared memory; it stays valid when the descriptor is closed.

    at_once  give it all its pages now, in one go: quicker where all of it will be written
    """
    kind = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64))
    flags = mmap.MAP_SHARED | (getattr(mmap, "MAP_POPULATE", 0) if at_once else 0)
    return np.frombuffer(mmap.mmap(handle, n * kind.itemsize, flags=flags), kind, n).reshape(shape)


@dataclass(frozen=True, eq=False)
class Block:
    """Memory and this process's view of it; `age` counts the forks before it was lent, `handle` is -1 of own memory."""

    handle: int
    map: mmap.mmap
    age: int


class Store:
    """The memory that was let go last, for the next array of its size; any number of threads may ask."""

    def __init__(self) -> None:
        self.idle: Block | None = None
        self.age = 0
        self.lock = threading.RLock()  # a block may come back while another is asked for, in the same thread

    def lend(self, shape: tuple[int, ...], dtype: DTypeLike) -> tuple[int, NDArray]:
        """A descriptor and an array of whatever was there before; both are the store's, valid while the array is."""
        return self._lent(shape, np.dtype(dtype), shared=True)

    def own(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """An array of whatever was there before, which no other process need see."""
        kind = np.dtype(dtype)
        if np.prod(shape, dtype=np.int64) * kind.itemsize < SMALL or not hasattr(mmap, "MAP_ANONYMOUS"):
            return np.empty(shape, kind)
        return self._lent(shape, kind, shared=False)[1]

    def _lent(self, shape: tuple[int, ...], kind: np.dtype, *, shared: bool) -> tuple[int, NDArray]:
        n = int(np.prod(shape, dtype=np.int64))
        block = self._taken(n * kind.itemsize, shared=shared)
        owner = np.frombuffer(block.map, kind, n)  # every view of it, of numpy or torch, keeps it alive
        weakref.finalize(owner, self._back, block)
        return block.handle, owner.reshape(shape)

    def _taken(self, n_bytes: int, *, shared: bool) -> Block:
        with self.lock:
            kept, self.idle = self.idle, None
        if kept is not None and len(kept.map) == n_bytes and (kept.handle >= 0 or not shared):
            return Block(kept.handle, kept.map, self.age)
        if kept is not None:
            _closed(kept.handle)
        if not shared:
            return Block(-1, _own_pages(n_bytes), self.age)
        handle = new_memory(n_bytes)
        return Block(handle, mmap.mmap(handle, n_bytes), self.age)

    def _back(self, block: Block) -> None:
        """Nobody looks at it any more, in this process; one that another process was forked with may be looked at."""
        with self.lock:
            if block.age == self.age and len(block.map) <= MOST_IDLE and self.idle is None:
                self.idle = block
                return
        _closed(block.handle)

    def forked(self) -> None:
        """What was lent until now is seen by two processes, and is not lent again."""
        with self.lock:
            self.age += 1
            if self.idle is not None:
                _closed(self.idle.handle)
            self.idle = None


def _own_pages(n_bytes: int) -> mmap.mmap:
    """Memory of this process; 2 MiB at a time, it comes four times as fast as in pages of 4 KiB."""
    made = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # of a kernel that was built without them
            made.madvise(mmap.MADV_HUGEPAGE)
    return made


def _closed(handle: int) -> None:
    if handle >= 0:
        os.close(handle)


STORE = Store()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=STORE.forked)
