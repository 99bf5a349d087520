"""Messages over a socket pair: JSON of a bounded length, and with it file descriptors of shared memory.

Nothing but JSON crosses: a child that was taken over by a hostile file can say something wrong, not run something.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

HEAD = struct.Struct("<IB")  # length of the text, number of descriptors
MAX_MESSAGE = 64 << 20  # bytes; the headers of the largest series have about 10
MAX_HANDLES = 4


class ChannelClosedError(Exception):
    """The other side is gone."""


def send(sock: socket.socket, value: Any, handles: tuple[int, ...] = ()) -> None:
    """Send a value as JSON, and descriptors with it; raises ChannelClosedError."""
    text = json.dumps(value, separators=(",", ":")).encode()
    try:
        head = HEAD.pack(len(text), len(handles))
        if handles:
            socket.send_fds(sock, [head], list(handles))
            sock.sendall(text)
        else:
            sock.sendall(head + text)
    except OSError as cause:
        raise ChannelClosedError from cause


def receive(sock: socket.socket) -> tuple[Any, tuple[int, ...]]:
    """The next value and its descriptors, which the caller closes; raises ChannelClosedError, or TimeoutError."""
    try:
        head, handles = _head(sock)
        length, n = HEAD.unpack(head)
        if length > MAX_MESSAGE or n != len(handles):
            raise ChannelClosedError
        return json.loads(_exactly(sock, length)), handles
    except TimeoutError:
        raise
    except (OSError, ValueError) as cause:
        raise ChannelClosedError from cause


def _head(sock: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    head = b""
    handles: tuple[int, ...] = ()
    while len(head) < HEAD.size:
        part, found, _, _ = socket.recv_fds(sock, HEAD.size - len(head), MAX_HANDLES)
        if not part:
            for handle in (*handles, *found):
                os.close(handle)
            raise ChannelClosedError
        head, handles = head + part, (*handles, *found)
    return head, handles


def _exactly(sock: socket.socket, n: int) -> bytes:
    content = bytearray(n)
    view, done = memoryview(content), 0
    while done < n:
        got = sock.recv_into(view[done:])
        if not got:
            raise ChannelClosedError
        done += got
    return bytes(content)
