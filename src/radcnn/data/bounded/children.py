"""A child process as its parent sees it: what is asked of it, the memory it is given, and why it died."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from radcnn.core.errors import RadcnnError
from radcnn.data.bounded.channel import ChannelClosedError, receive, send
from radcnn.data.bounded.limits import PATIENCE, allowance, file_size, most_voxel_bytes
from radcnn.data.bounded.memory import STORE, mapped, new_memory
from radcnn.data.bounded.refusals import died, error_of, takes_long, too_large

BEGIN = "import sys; sys.path[:] = sys.argv[2:]; from radcnn.data.bounded.child import main; main(int(sys.argv[1]))"
START_SECONDS = 120.0  # for Python to start on a busy machine
GRACE_SECONDS = 5.0  # for a child to end after it closed its socket
BOUNDED = sys.platform != "win32" and hasattr(socket, "send_fds")


@dataclass(frozen=True, eq=False)
class Given:
    """An array in shared memory that children write into; `handle` is closed by whoever made it."""

    handle: int
    array: NDArray

    @classmethod
    @contextmanager
    def new(cls, shape: tuple[int, ...], dtype: DTypeLike) -> Iterator[Given]:
        """A shared array of zeros; it outlives the block, its descriptor does not."""
        if not BOUNDED:
            yield cls(-1, np.zeros(shape, dtype))
            return
        kind = np.dtype(dtype)
        handle = new_memory(int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
        try:
            yield cls(handle, mapped(handle, shape, kind))
        finally:
            os.close(handle)

    @classmethod
    def unwritten(cls, shape: tuple[int, ...], dtype: DTypeLike) -> Given:
        """A shared array that holds anything: for whoever writes all of it. It outlives its descriptor."""
        return cls(*STORE.lend(shape, dtype)) if BOUNDED else cls(-1, np.empty(shape, dtype))


@dataclass(frozen=True)
class Answer:
    """What a task yielded, and the shared memory that it asked for, as bytes."""

    items: list[Any] = field(default_factory=list)
    rooms: list[NDArray] = field(default_factory=list)


class Child:
    """A child process and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        self.process = subprocess.Popen(  # noqa: S603  (our own words only)
            [sys.executable, "-c", BEGIN, str(theirs.fileno()), *sys.path],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **quiet},
            start_new_session=True,
        )
        theirs.close()
        self.sock = ours
        self.new = True

    def close(self) -> None:
        """End the child; it need not be able to answer."""
        self.sock.close()
        self.process.kill()
        self.process.wait()

    def _ended(self) -> int:
        """The return code of a child that does not speak any more."""
        try:
            return self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return 0

    def ask(
        self,
        name: str,
        args: Mapping[str, Any],
        files: Sequence[Path],
        arrays: Sequence[Given] = (),
        most_bytes: int | None = None,
    ) -> Answer:
        """Do a task that yields one item per file; raises ChildDiedError or ChildWornError with what came before."""
        answer, new, self.new = Answer(), self.new, False
        most = most_voxel_bytes(sum(file_size(path) for path in files)) if most_bytes is None else most_bytes
        try:
            self.sock.settimeout(_patience(files, 0) + START_SECONDS)
            forms = [(list(one.array.shape), one.array.dtype.str) for one in arrays]
            asked = {"task": name, "args": dict(args), "arrays": forms, "new": new}
            send(self.sock, asked, tuple(one.handle for one in arrays))
            while True:
                message, handles = receive(self.sock)
                for handle in handles:
                    os.close(handle)
                if "end" in message:
                    return answer
                if "item" in message:
                    answer.items.append(message["item"])
                    self.sock.settimeout(_patience(files, len(answer.items)))
                elif "worn" in message:
                    raise ChildWornError(answer)
                elif "room" in message:
                    self._give_room(int(message["room"]), most, answer, files)
                else:
                    raise error_of(message["error"], _at(files, answer))
        except TimeoutError:
            raise ChildDiedError(takes_long(_at(files, answer)), answer) from None
        except (ChannelClosedError, KeyError, IndexError, TypeError, ValueError, RecursionError):
            raise ChildDiedError(died(self._ended(), _at(files, answer)), answer) from None

    def _give_room(self, n_bytes: int, most: int, answer: Answer, files: Sequence[Path]) -> None:
        """Make the memory that a task asks for, unless it is more than the file's size explains."""
        if not 0 < n_bytes <= most:
            raise ChildDiedError(too_large(_at(files, answer), n_bytes), answer)
        handle = new_memory(n_bytes)
        try:
            answer.rooms.append(mapped(handle, (n_bytes,), np.uint8))
            send(self.sock, {}, (handle,))
        finally:
            os.close(handle)


class ChildDiedError(Exception):
    """The child is of no use any more: it was ended, or must be."""

    def __init__(self, error: RadcnnError, answer: Answer) -> None:
        super().__init__(str(error))
        self.error = error
        self.answer = answer


class ChildWornError(Exception):
    """The child holds too much of what it read before to say that a file needs too much; a new one can."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def _patience(files: Sequence[Path], done: int) -> float:
    """Seconds to wait for the next answer; the child's own limit counts only the time it computes."""
    return PATIENCE * allowance(file_size(files[min(done, len(files) - 1)])).seconds


def _at(files: Sequence[Path], answer: Answer) -> Path:
    """The file that a child is at: it yields one item per file, in order."""
    return files[min(len(answer.items), len(files) - 1)]
