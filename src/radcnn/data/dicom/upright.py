"""A leaning stack made upright: each slice is moved within its own plane to where its position puts it.

The scanner tilts its gantry, so the table carries the patient obliquely through the slices, and pixel (r, c) of one
slice does not lie over pixel (r, c) of the next. Slice i, which lies a_i rows and b_i columns aside of the first, is
put on one common grid by

    upright_i(r, c) = slice_i(r - a_i, c - b_i)

linear between pixels, so that no centre of mass moves; slices are never mixed. The grid grows until nothing is cut off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHOLE = 1e-6  # of a pixel: less is the rounding of floats, and no reason to interpolate


@dataclass(frozen=True, eq=False)
class Tilt:
    """How a stack leans: the angle, and how far each slice lies (n, 2) from the first in rows and columns."""

    degrees: float
    shifts: NDArray[np.float64]

    @property
    def start(self) -> NDArray[np.float64]:
        """Where the upright grid begins, in (row, column) of the first slice: at most 0."""
        found: NDArray[np.float64] = self.shifts.min(axis=0)
        return found

    @property
    def grown(self) -> tuple[int, int]:
        """How many rows and columns the upright grid has more than a slice."""
        rows, columns = np.ceil(self.shifts.max(axis=0) - self.start - WHOLE).astype(int).tolist()
        return rows, columns


def upright(voxels: NDArray, tilt: Tilt, fill: float, *, labels: bool = False) -> NDArray:
    """Voxels (C, n, H, W) of a leaning stack on its upright grid; what no slice covers is `fill`.

    Labels are moved to the nearest pixel and keep their values. Numbers keep their type; whole numbers are rounded.
    """
    _, n, rows, columns = voxels.shape
    more = tilt.grown
    made = np.full((len(voxels), n, rows + more[0], columns + more[1]), fill, voxels.dtype)
    offsets = tilt.shifts - tilt.start
    for i in range(n):
        row, column = np.rint(offsets[i]) if labels else offsets[i]
        _put(made[:, i], voxels[:, i], float(row), float(column), fill)
    return made


def _put(target: NDArray, image: NDArray, row: float, column: float, fill: float) -> None:
    """Write an image (C, H, W) into a larger one with its first pixel at (row, column), between pixels if need be."""
    (top, below), (left, beside) = _parted(row), _parted(column)
    if below or beside:
        moved = _moved(_moved(image.astype(exact_in(image.dtype)), 1, below, fill), 2, beside, fill)
        image = moved if image.dtype.kind == "f" else np.rint(moved)
    rows, columns = image.shape[1:]
    target[:, top : top + rows, left : left + columns] = image[:, : target.shape[1] - top, : target.shape[2] - left]


def exact_in(kind: np.dtype[Any]) -> np.dtype[Any]:
    """The float type in which numbers of a kind are exact: float32 up to 16 bits and for itself, else float64."""
    return np.dtype(np.float32 if kind.itemsize <= 2 or kind == np.float32 else np.float64)


def _parted(offset: float) -> tuple[int, float]:
    """The whole pixels of an offset and the rest, which is 0 where it is next to nothing."""
    whole = math.floor(offset + WHOLE)
    rest = offset - whole
    return whole, rest if rest > WHOLE else 0.0


def _moved(image: NDArray, axis: int, part: float, fill: float) -> NDArray:
    """An image moved by a part of a pixel, and one pixel longer; beyond its edges it is `fill`."""
    if part == 0:
        return image
    widths = [(0, 0)] * image.ndim
    widths[axis] = (1, 1)
    padded = np.pad(image, widths, constant_values=fill)
    n = padded.shape[axis]
    here, before = (np.take(padded, range(s, s + n - 1), axis) for s in (1, 0))
    made: NDArray = here * (1 - part)
    made += before * part
    return made
