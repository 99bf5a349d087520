"""The bytes of a file one after another, unpacked on the way where it is packed; no more is unpacked than asked.

A gzip file is one or more members (RFC 1952). Each member's checksum and length are verified when its end is passed.
Zeros after the last member are padding, as gzip(1) takes them; anything else there is counted as surplus. zlib
data (RFC 1950, in MetaImage) are one member.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from radcnn.core.errors import ReadError

_inflate: Any = zlib
with suppress(ImportError):
    _inflate = import_module("isal.isal_zlib")  # ISA-L unpacks twice as fast as zlib, through the same calls

DAMAGE: tuple[type[Exception], ...] = (zlib.error, _inflate.error)
GZIP_MARK = b"\x1f\x8b"
Packing = Literal["raw", "gzip", "zlib"]
WINDOW = {"gzip": 31, "zlib": 15}  # zlib's code for the kind of header and checksum around deflated bytes
CHUNK = 1 << 18  # bytes packed and unpacked at a time
EMPTY_MEMBERS = 64  # more members without a byte are no way to write a file


class Unpacked:
    """A file open for reading from a byte to its end; a context manager.

    start    the byte to begin with
    packing  how the bytes from there on are packed; by default gzip where they begin with its mark
    size     bytes of the file itself from there on
    """

    def __init__(self, path: Path, start: int = 0, packing: Packing | None = None) -> None:
        self._name = path.name
        self._file = path.open("rb", buffering=0)
        self._end = os.fstat(self._file.fileno()).st_size
        self.size = max(self._end - start, 0)
        self._file.seek(start)
        self.packing: Packing = packing or ("gzip" if self._file.read(2) == GZIP_MARK else "raw")
        self._file.seek(start)
        self._member: Any = None
        self._members = 0
        self._waiting = b""  # packed bytes that were read and not yet unpacked
        self._empty = 0
        self._got_any = True
        self._stray = 0  # bytes after the last member that are no padding

    @property
    def packed(self) -> bool:
        """Whether the bytes are unpacked on the way."""
        return self.packing != "raw"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def fill(self, room: memoryview) -> int:
        """Fill `room` with the next bytes; returns how many came, fewer only at the end.

        Raises ReadError when the packed data are damaged or end early.
        """
        at = 0
        while at < len(room):
            if self.packed:
                piece = self._unpack(min(len(room) - at, CHUNK))
                room[at : at + len(piece)] = piece
                came = len(piece)
            else:
                came = self._file.readinto(room[at:]) or 0
            if came == 0:
                break
            at += came
        return at

    def read(self, count: int) -> bytes:
        """The next bytes, fewer than `count` only at the end."""
        room = bytearray(count)
        with memoryview(room) as view:
            came = self.fill(view)
        return bytes(room[:came])

    def skip(self, count: int) -> int:
        """Pass over bytes; returns how many there were, fewer only at the end."""
        if not self.packed:
            start = self._file.tell()
            end = min(start + count, max(self._end, start))
            self._file.seek(end)
            return end - start
        scratch = memoryview(bytearray(min(count, CHUNK)))
        passed = 0
        while passed < count and (came := self.fill(scratch[: count - passed])):
            passed += came
        return passed

    def surplus(self, most: int) -> int:
        """How many bytes follow, counted no further than `most` + 1; the end of packed data is verified on the way."""
        return self.skip(most + 1) + self._stray

    def _unpack(self, most: int) -> bytes:
        """At most `most` unpacked bytes; empty at the end."""
        while self._member is not None or self._begin_member():
            given = self._waiting or self._file.read(CHUNK)
            try:
                piece: bytes = self._member.decompress(given, most)
            except DAMAGE:
                raise ReadError(f"{self._name} is damaged: its packed data cannot be unpacked; copy it again") from None
            self._waiting = self._member.unconsumed_tail
            self._got_any = self._got_any or bool(piece)
            if self._member.eof:
                self._waiting = self._member.unused_data
                self._member = None
            elif not given and not piece:
                raise ReadError(f"{self._name} is truncated: its packed data end early; copy it again")
            if piece:
                return piece
        return b""

    def _begin_member(self) -> bool:
        """Begin the next member of the file; False where there is none."""
        while len(self._waiting) < len(GZIP_MARK) and (more := self._file.read(CHUNK)):
            self._waiting += more
        begins = self._waiting.startswith(GZIP_MARK) if self.packing == "gzip" else not self._members
        if not begins:
            self._count_stray()
            return False
        self._empty += not self._got_any
        if self._empty > EMPTY_MEMBERS:
            raise ReadError(f"{self._name} is packed in more than {EMPTY_MEMBERS} empty pieces; pack it anew with gzip")
        self._member, self._got_any = _inflate.decompressobj(WINDOW[self.packing]), False
        self._members += 1
        return True

    def _count_stray(self) -> None:
        """Count what follows the last member, unless it is a short padding of zeros."""
        left = len(self._waiting) + self._end - self._file.tell()
        if left > CHUNK or (self._waiting + self._file.read(CHUNK)).strip(b"\0"):
            self._stray = left
        self._waiting = b""
        self._file.seek(0, os.SEEK_END)


def unpacked_head(path: Path, count: int) -> bytes:
    """The first bytes of a file, unpacked where it is gzipped; empty when they are damaged."""
    try:
        with Unpacked(path) as stream:
            return stream.read(count)
    except (ReadError, OSError):
        return b""
