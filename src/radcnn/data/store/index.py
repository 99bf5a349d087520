"""The index of a store: one line of 128 bytes for each case, after the voxels it speaks of are on the disk.

    key       40 bytes of text, filled up with zeros
    digest    32 bytes, SHA-256 of the image's float32 values
    image_at, palette_at, more_at   where the image, its palette and what else is known (JSON) lie in the file of voxels
    palette_count, more_bytes       how many values and bytes these are; 0 where there are none
    code_bytes                      of a code of the image; 0 where it holds values
    linear                          1 where each value is its code times the second one of its palette
    rank, shape                     of the image, channels first
    crc       CRC-32 of the line: a line that was not finished is none

A hundred thousand lines are read as one array, in a tenth of a second.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError

HEADER = b"radcnn cases, format 1\n".ljust(128, b"\0")
LINE = np.dtype(
    [
        ("key", "S40"), ("digest", "V32"), ("image_at", "<u8"), ("palette_at", "<u8"), ("palette_count", "<u4"),
        ("code_bytes", "u1"), ("rank", "u1"), ("linear", "<u2"), ("shape", "<u4", (4,)), ("more_at", "<u8"),
        ("more_bytes", "<u4"), ("crc", "<u4"),
    ]
)  # fmt: skip
PACKED = struct.Struct("<40s32sQQIBBH4IQI")
KINDS = ("float32", "uint8", "uint16")  # of an image: values, or codes of so many bytes
VOXEL_BYTES = np.array([4, 1, 2])
KEY_BYTES = 40
assert len(HEADER) == LINE.itemsize == PACKED.size + 4 == 128


class Line(NamedTuple):
    """What the index says of one case."""

    key: str
    digest: bytes
    image_at: int
    code_bytes: int
    shape: tuple[int, ...]
    palette_at: int = 0
    palette_count: int = 0
    more_at: int = 0
    more_bytes: int = 0
    linear: bool = False

    def packed(self) -> bytes:
        """The line as it is written."""
        shape = (*self.shape, 0, 0, 0, 0)[:4]
        body = PACKED.pack(
            self.key.encode("ascii"), self.digest, self.image_at, self.palette_at, self.palette_count,
            self.code_bytes, len(self.shape), self.linear, *shape, self.more_at, self.more_bytes,
        )  # fmt: skip
        return body + zlib.crc32(body).to_bytes(4, "little")


def read_index(path: Path, voxels: Path) -> NDArray[np.void]:
    """The lines of an index of a file of voxels; what a killed process left at its end is no line.

    Raises ReadError where it is not what was written.
    """
    data = path.read_bytes() if path.is_file() else b""
    if len(data) < len(HEADER):
        return np.zeros(0, LINE)
    count = len(data) // LINE.itemsize - 1
    lines = np.frombuffer(data, LINE, count, len(HEADER))
    good = lines["crc"] == _checksums(data, count)
    size = voxels.stat().st_size if voxels.is_file() else 0  # after the index: somebody may be writing to both
    whole = int(np.flatnonzero(good)[-1]) + 1 if good.any() else 0
    if data[: len(HEADER)] != HEADER or not good[:whole].all() or not _within(lines[:whole], size):
        raise ReadError(f"the store {path.parent.name} is damaged; delete the folder, it is made anew")
    return lines[:whole]


def _checksums(data: bytes, count: int) -> NDArray[np.uint32]:
    view, size = memoryview(data), LINE.itemsize
    starts = range(len(HEADER), len(HEADER) + count * size, size)
    return np.array([zlib.crc32(view[at : at + size - 4]) for at in starts], np.uint32)


def _within(lines: NDArray[np.void], voxels: int) -> bool:
    """Whether all lines speak of what the file of voxels holds."""
    if not len(lines):
        return True
    known = (lines["code_bytes"] < len(KINDS)) & (lines["rank"] >= 1) & (lines["rank"] <= 4)
    if not known.all() or ((lines["code_bytes"] > 0) != (lines["palette_count"] > 0)).any():
        return False
    placed = (lines["image_at"] % 4 == 0).all() and (lines["palette_at"] % 4 == 0).all()
    return bool(placed and ends(lines).max() <= voxels)


def image_bytes(lines: NDArray[np.void]) -> NDArray[np.float64]:
    """Bytes of each image; floats, so that no product of sizes is too large for a number."""
    there = np.arange(4) < lines["rank"][:, None]
    return np.where(there, lines["shape"].astype(np.float64), 1.0).prod(axis=1) * VOXEL_BYTES[lines["code_bytes"]]


def ends(lines: NDArray[np.void]) -> NDArray[np.float64]:
    """Where what each line speaks of ends in the file of voxels."""
    image = lines["image_at"] + image_bytes(lines)
    palette = lines["palette_at"] + 4.0 * lines["palette_count"]
    more = lines["more_at"] + 1.0 * lines["more_bytes"]
    return np.maximum(np.maximum(image, palette), more)
