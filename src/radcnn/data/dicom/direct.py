"""Usual files read in this process: their headers one after the other, then their pixels by all cores.

What is done here to an untrusted file is bounded by its size: see usual.py for the header; pixels are copied and
mapped, block by block, from where the header says to where the volume has their place. Each file is opened twice, and
refused if it is not the same file the second time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import RadcnnError, ReadError
from radcnn.data.dicom.decoding import only_stored_bits
from radcnn.data.dicom.frame import Frame
from radcnn.data.dicom.headed import Header
from radcnn.data.dicom.header import NO_IMAGES, sop_class
from radcnn.data.dicom.padding import lowest_of
from radcnn.data.dicom.passing import is_trailing_padding
from radcnn.data.dicom.pixels import PixelFacts, Understood, understood
from radcnn.data.dicom.refusing import refusing
from radcnn.data.dicom.slices import slice_of
from radcnn.data.dicom.tags import PIXEL_TAGS
from radcnn.data.dicom.usual import MOST_BYTES, Parser, Usual, is_usual
from radcnn.data.kind import HEAD, hinted, recognised
from radcnn.data.quiet import quiet
from radcnn.kernels.threads import over_slabs

FIRST_BYTES = 16 << 10  # of the first file that are looked at before MOST_BYTES; of others what their neighbours need
BLOCK_BYTES = 512 << 10  # of pixels read at a time, which stay in the cache of a core until they are mapped
PIXEL_MEANING = tuple(tag for tag, _ in PIXEL_TAGS.values())
POSSIBLE = hasattr(os, "preadv")
OPENED = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe must not be waited for

Meaning = tuple[Understood, PixelFacts]


@dataclass(frozen=True, eq=False)
class DirectHeader(Header):
    """The header of a usual file, with what is needed to read its pixels.

    meaning  of the stored numbers
    at       where they begin in the file
    version  of the file: its inode, size and time
    """

    meaning: Understood
    at: int
    version: tuple[int, ...]


def usual_headers(files: Sequence[Path]) -> list[DirectHeader] | None:
    """The headers of the DICOM files among files, which are all usual; None as soon as one is not, or cannot be read.

    A file that is no DICOM file, and is not called like one, is left out.
    """
    if not POSSIBLE:
        return None
    series = _Neighbours()
    found: list[DirectHeader] = []
    with quiet():
        for path in files:
            try:
                made = series.header(path)
            except (OSError, ValueError, RadcnnError):
                return None
            if made is not None:
                found.append(made)
            elif hinted(path) == "dicom":
                return None
    return found


class _Neighbours:
    """Headers of files that are alike: what one says as the others do is understood once."""

    def __init__(self) -> None:
        self.parser = Parser()
        self.n_bytes = FIRST_BYTES
        self.known: dict[tuple[Any, ...], Meaning] = {}

    def header(self, path: Path) -> DirectHeader | None:
        """That of a usual file; None for one that is no DICOM file. ValueError or another error for any other."""
        handle = os.open(path, OPENED)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("no file")
            head = os.pread(handle, self.n_bytes, 0)
            if recognised(head[:HEAD]) != "dicom":
                return None
            made = self.parser.header(head, status.st_size)
            if made is None and len(head) < min(status.st_size, MOST_BYTES):
                made = self.parser.header(os.pread(handle, MOST_BYTES, 0), status.st_size)
            if made is None or not _ends_well(handle, made, status.st_size):
                raise ValueError("an unusual header")
        finally:
            os.close(handle)
        self.n_bytes = min(max(FIRST_BYTES, made.pixels_at + FIRST_BYTES // 4), MOST_BYTES)
        found, facts = self._meaning(path.name, made)
        return DirectHeader(path, slice_of(path.name, Frame(made)), facts, found, made.pixels_at, _version(status))

    def _meaning(self, name: str, made: Usual) -> Meaning:
        """What the stored numbers mean, and its facts; ValueError or ReadError where that is unusual."""
        said = tuple(map(made.elements.get, PIXEL_MEANING))
        key = (*said, made.syntax, made.media_class, made.pixel_bytes)
        if key not in self.known:
            own = {tag: one for tag, one in zip(PIXEL_MEANING, said, strict=True) if one is not None}
            only = replace(made, elements=own)  # nothing else can be asked
            if not is_usual(only) or sop_class(only) in NO_IMAGES:
                raise ValueError("unusual pixels")
            found = understood(name, Frame(only))
            self.known[key] = found, found.facts()
        return self.known[key]


def _ends_well(handle: int, made: Usual, size: int) -> bool:
    """Whether nothing but padding follows the pixels."""
    rest = size - made.ends_at
    if rest == 0:
        return True
    return is_trailing_padding(os.pread(handle, 12 if made.explicit else 8, made.ends_at), rest, explicit=made.explicit)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def direct_pixels(
    chosen: Sequence[DirectHeader], stack: NDArray, padding: NDArray[np.bool_] | None
) -> list[float | None]:
    """Write the values of files into `stack` (1, slices, rows, columns) of their type or of float32.

    padding  (slices, rows, columns) takes which pixels are padding

    Returns the lowest value of each slice that is not padding, where padding is asked for. Raises ReadError when a file
    is not the one that it was.
    """
    lowest: list[float | None] = [None] * len(chosen)

    def read(first: int, end: int) -> None:
        room = np.empty(BLOCK_BYTES, np.uint8)
        for place in range(first, end):
            mask = None if padding is None else padding[place]
            with refusing(chosen[place].file.name):
                lowest[place] = _into(chosen[place], stack[0, place], mask, room)

    with quiet():
        over_slabs(read, len(chosen))
    return lowest


def _into(header: DirectHeader, out: NDArray, mask: NDArray[np.bool_] | None, room: NDArray[np.uint8]) -> float | None:
    """Read, map and mark one frame, some rows at a time; with a mask, its lowest value that is not padding."""
    layout = header.meaning.layout
    rows, columns = out.shape
    assert (rows, columns) == (layout.rows, layout.columns), "slices of one volume are of one size"
    row_bytes = columns * layout.dtype.itemsize
    if room.size < row_bytes:
        room = np.empty(row_bytes, np.uint8)
    lowest: list[float | None] = []
    with _opened(header) as handle:
        for first, end in pairwise((*range(0, rows, room.size // row_bytes), rows)):
            block = room[: (end - first) * row_bytes]
            if os.preadv(handle, [block.data], header.at + first * row_bytes) != block.size:
                raise _changed(header)
            stored = block.view(layout.dtype.newbyteorder("<")).reshape(end - first, columns)
            numbers = only_stored_bits(stored.astype(layout.dtype, copy=False), layout)
            padded = header.meaning.map(numbers, out[first:end])
            if mask is not None:
                lowest.append(lowest_of(out[first:end], padded))
                if padded is not None:
                    mask[first:end] = padded
    return min((value for value in lowest if value is not None), default=None)


@contextmanager
def _opened(header: DirectHeader) -> Iterator[int]:
    """The descriptor of a file that is still the one whose header was parsed; raises ReadError when it is not."""
    try:
        handle = os.open(header.file, OPENED)
    except OSError:
        raise _changed(header) from None
    try:
        if _version(os.fstat(handle)) != header.version:
            raise _changed(header)
        yield handle
    finally:
        os.close(handle)


def _changed(header: Header) -> ReadError:
    return ReadError(f"{header.file.name} changed while it was read; read it again once it stays")
