"""Locks of the operating system on a folder: released by the kernel when a process ends, however it ends.

    used.lock      held together by all who read from the folder, alone by who removes it
    building.lock  held alone by who writes to it

Where there are no file locks (Windows, some network file systems) nobody is kept out.
"""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Callable
from pathlib import Path

USED, BUILDING = "used.lock", "building.lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


class Held:
    """A lock that is held until it is let go or forgotten."""

    def __init__(self, handle: int | None) -> None:
        self._close = None if handle is None else weakref.finalize(self, os.close, handle)

    def let_go(self) -> None:
        """Let others have it."""
        if self._close is not None:
            self._close()


def hold(path: Path, *, alone: bool, waiting: Callable[[], None] | None = None) -> Held | None:
    """The lock in this file, which is made where it is missing (its folder too); None where others hold it.

    waiting  called once before others are waited for; without it nobody is waited for

    Raises OSError where the file can be neither made nor opened.
    """
    try:
        import fcntl
    except ImportError:
        return Held(None)
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    told = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _opened(path)
        if handle is None:
            return Held(None)
        try:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is None:
                    os.close(handle)
                    return None
                if not told:
                    waiting()
                    told = True
                fcntl.flock(handle, kind)
        except OSError as cause:
            os.close(handle)
            if cause.errno in NO_LOCKS:
                return Held(None)
            raise
        except BaseException:
            os.close(handle)
            raise
        if _is_still_there(path, handle):
            return Held(handle)
        os.close(handle)  # the folder was removed meanwhile


def _opened(path: Path) -> int | None:
    """A handle; None in a folder that cannot be written to and has no lock."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as cause:
        if cause.errno not in NOT_WRITABLE:
            raise
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _is_still_there(path: Path, handle: int) -> bool:
    try:
        there, ours = path.stat(), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
