"""The reversible 5/3 wavelet transform back from coefficients to samples (ISO/IEC 15444-1 F.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import part

Samples = NDArray[np.int32]


@part
def restored(coefficients: Samples, levels: int, room: Samples) -> None:
    """Turn coefficients into samples in place; subbands lie around each other, LL of the coarsest level top left.

    room  an array of the same shape
    """
    for level in range(levels - 1, -1, -1):
        rows = (coefficients.shape[0] + (1 << level) - 1) >> level
        columns = (coefficients.shape[1] + (1 << level) - 1) >> level
        low = (rows + 1) >> 1
        for y in range(rows):
            _row(coefficients[y, :columns], room[2 * y if y < low else 2 * (y - low) + 1, :columns])
        for y in range(0, rows + 1, 2):
            if y < rows and rows > 1:
                _even(room[y], room[y - 1 if y > 0 else 1], room[y + 1 if y + 1 < rows else y - 1], columns)
            if y >= 2:
                _odd(room[y - 1], room[y - 2], room[y if y < rows else y - 2], columns)
        for y in range(rows):
            coefficients[y, :columns] = room[y, :columns]


@part
def _row(given: Samples, made: Samples) -> None:
    """One row of low, then high coefficients becomes samples."""
    count = given.size
    low = (count + 1) >> 1
    if count == 1:
        made[0] = given[0]
        return
    before = given[low]  # the high coefficient to the left; beyond the ends the signal is mirrored
    even = given[0] - ((2 * before + 2) >> 2)
    made[0] = even
    for k in range(1, low):
        after = given[low + k] if low + k < count else before
        following = given[k] - ((before + after + 2) >> 2)
        made[2 * k - 1] = before + ((even + following) >> 1)
        made[2 * k] = following
        even, before = following, after
    if count % 2 == 0:
        made[count - 1] = before + even


@part
def _even(row: Samples, above: Samples, below: Samples, columns: int) -> None:
    for x in range(columns):
        row[x] -= np.int32((above[x] + below[x] + 2) >> 2)


@part
def _odd(row: Samples, above: Samples, below: Samples, columns: int) -> None:
    for x in range(columns):
        row[x] += np.int32((above[x] + below[x]) >> 1)
