"""One bit per pixel, eight to a byte: how most frames of a DICOM SEG are stored, and stay until they are placed.

Each frame begins a byte of its own here, its first pixel in the lowest bit. In an uncompressed file bits run on from
frame to frame (PS3.5 8.1.1), so that a frame may begin inside a byte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]


def bytes_of(pixels: int) -> int:
    """How many bytes so many pixels take."""
    return -(-pixels // 8)


def packed(pixels: NDArray) -> Bits:
    """Pixels of any shape, 0 or not 0, as bytes of eight.

    >>> packed(np.array([[1, 0], [0, 1]]))
    array([9], dtype=uint8)
    """
    return np.packbits(pixels.reshape(-1) != 0, bitorder="little")


def unpacked(bits: Bits, rows: int, columns: int) -> NDArray[np.bool_]:
    """The pixels (rows, columns) of one packed frame."""
    return np.unpackbits(bits, count=rows * columns, bitorder="little").view(np.bool_).reshape(rows, columns)


def cut(stored: Bits, number: int, pixels: int) -> Bits:
    """Frame `number` out of bits that run on from one frame to the next.

    >>> cut(np.array([0b11000000, 0b00000001], np.uint8), 2, 3)
    array([7], dtype=uint8)
    """
    first, inside = divmod(number * pixels, 8)
    around = stored[first : first + bytes_of(pixels) + 1]
    if inside == 0 and pixels % 8 == 0:
        return around[: pixels // 8]
    return np.packbits(np.unpackbits(around, bitorder="little")[inside : inside + pixels], bitorder="little")
