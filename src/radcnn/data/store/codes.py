"""Fewer bytes for the same numbers: an image of few different values as codes of 8 or 16 bits and a palette.

Pictures of 8 bits, and CT in whole HU that was not interpolated, become a quarter or half as large; every value comes
back bit for bit. An image of more values stays as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLED = 4096  # values looked at before all of them are sorted: an interpolated image shows itself by these
MOST = 1 << 16


Palette = NDArray[np.float32] | None


def coded(image: NDArray[np.float32]) -> tuple[NDArray, Palette]:
    """The image (any shape, float32) in as few bytes as lose nothing: codes, and the value of each.

    Where codes would gain nothing they are the image itself, and there is no palette.

    >>> codes, palette = coded(np.array([[0.0, 0.5], [0.5, 1.0]], np.float32).repeat(9, axis=0))
    >>> codes.dtype, palette.tolist()
    (dtype('uint8'), [0.0, 0.5, 1.0])
    """
    flat = image.reshape(-1)
    plain = np.ascontiguousarray(image), None
    if np.isnan(flat).any():  # NaN is no number that could be found again
        return plain
    some = np.unique(_bits(flat[:: max(1, flat.size // SAMPLED)]))
    if some.size > SAMPLED // 2 and flat.size > MOST:
        return plain
    bits, codes = np.unique(_bits(flat), return_inverse=True)  # bits, not values: -0.0 and 0.0 stay two
    if bits.size > MOST:
        return plain
    kind: type[np.unsignedinteger] = np.uint8 if bits.size <= 256 else np.uint16
    palette = bits.view(np.float32)
    order = np.argsort(palette, kind="stable")
    place = np.empty(len(order), kind)
    place[order] = np.arange(len(order), dtype=kind)
    fewer = kind(0).nbytes * flat.size + palette.nbytes
    return (place[codes].reshape(image.shape), palette[order]) if fewer < image.nbytes else plain


def decoded(codes: NDArray, palette: Palette) -> NDArray[np.float32]:
    """The image that `coded` was given, bit for bit."""
    return np.array(codes, np.float32) if palette is None else palette[codes]


def _bits(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(values, np.float32).view(np.uint32)
