"""The child's loop: take a task, do it, say what came of it; between files nothing but the limits changes.

The system ends a child that passes a limit (SIGPROF for time; memory is simply not given, which Python says as
MemoryError and a decoder written in C may not survive). The parent sees that and names the file.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radcnn.data.bounded.channel import ChannelClosedError, receive, send
from radcnn.data.bounded.limits import BESIDE_A_ROOM, LIBRARY_BYTES, NEW_BYTES, allowance, file_size
from radcnn.data.bounded.memory import mapped
from radcnn.data.bounded.tasks import TOO_MUCH_MEMORY, Job, task, told
from radcnn.data.quiet import quiet

_libraries = 0  # bytes of pages of libraries beyond LIBRARY_BYTES
_worn = False  # whether this process held more than a new one when it began with a file


def main(handle: int) -> None:
    """Serve the parent at the other end of this socket until it is gone."""
    _drop_what_is_not_needed()
    sock = socket.socket(fileno=handle)
    with quiet():  # once, not anew for each file
        try:
            while True:
                request, handles = receive(sock)
                _serve(sock, request, handles)
        except ChannelClosedError:
            os._exit(0)


def _drop_what_is_not_needed() -> None:
    """No core dumps (they would hold a patient's image), no files written, Ctrl-C is the parent's."""
    sys.dont_write_bytecode = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _serve(sock: socket.socket, request: Any, handles: tuple[int, ...]) -> None:
    global _libraries

    def room(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        send(sock, {"room": size})
        _, (given,) = receive(sock)
        _limit_memory_for(size)
        found = mapped(given, shape, dtype)
        os.close(given)
        return found

    arrays = []
    for given, (shape, kind) in zip(handles, request["arrays"], strict=True):
        arrays.append(mapped(given, tuple(shape), kind, at_once=True))
        os.close(given)
    try:
        items = task(request["task"])(Job(request["args"], tuple(arrays), room, limited))
        _libraries = max(0, _library_bytes() - LIBRARY_BYTES)
        for item in items:
            if isinstance(item, dict) and "refused" in item and _hands_on(item["refused"], request):
                send(sock, {"worn": True})
                return
            send(sock, {"item": item})
        send(sock, {"end": True})
    except ChannelClosedError:
        raise
    except Exception as error:
        said = told(error)
        send(sock, {"worn": True} if _hands_on(said, request) else {"error": said})


def _hands_on(refused: list[str], request: Any) -> bool:
    """Whether a file is to be asked of a new child: it lacks memory here, and this child holds more than a new one."""
    return refused[0] == TOO_MUCH_MEMORY and _worn and not request["new"]


@contextmanager
def limited(path: Path, times: int = 1) -> Iterator[None]:
    """A block in which this process takes what a file of this size, or so many times, may take."""
    global _worn
    allowed = allowance(times * file_size(path))
    reserved, own = _in_use()
    own += _libraries
    _worn = own > NEW_BYTES
    _limit_memory(reserved + allowed.beside(own))
    signal.setitimer(signal.ITIMER_PROF, allowed.seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(resource.getrlimit(resource.RLIMIT_AS)[1])


def _limit_memory(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _limit_memory_for(room_bytes: int) -> None:
    """A large array that the parent agreed to needs its place, and little beside it."""
    limit, most = resource.getrlimit(resource.RLIMIT_AS)
    if limit != most:
        _limit_memory(max(limit, _in_use()[0] + room_bytes + BESIDE_A_ROOM))


def _in_use() -> tuple[int, int]:
    """Bytes of address space in use, and of memory of its own; a generous guess where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  (pathlib costs more than the read)
            reserved, resident, shared = (int(pages) for pages in file.read().split()[:3])
            return reserved * os.sysconf("SC_PAGE_SIZE"), (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 1 << 30, 0


def _library_bytes() -> int:
    """Bytes of files' pages that this process holds; 0 where the system does not tell."""
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123
            return next((int(line.split()[1]) << 10 for line in file if line.startswith(b"RssFile:")), 0)
    except OSError:
        return 0
