"""Slices that are missing, or lie unevenly, filled in by interpolation: only where somebody asked for it.

Where all gaps are multiples of one spacing, the slices that are there stay as they are and the missing ones are linear
between their neighbours. Where they are not, all slices are resampled onto an even grid with about the median spacing;
the first and the last stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.data.dicom.regularity import DRIFT, tolerance_mm
from radcnn.data.dicom.upright import exact_in

WHOLE_GAP = 0.05  # a gap is a multiple of the spacing when it is one to 5 %
ON_GRID = 1e-9  # of a slice: a place that is exactly on the grid


@dataclass(frozen=True, eq=False)
class Filling:
    """An even grid of `size` slices, `spacing` mm apart, and where the slices that are there lie on it.

    places   where each slice lies (n), counted in slices of the grid, ascending from 0 to size - 1
    missing  slices of the grid which none of these is
    even     whether every slice that is there is one of the grid's
    """

    size: int
    spacing: float
    places: NDArray[np.float64]
    even: bool

    @property
    def missing(self) -> tuple[int, ...]:
        whole = np.rint(self.places)
        there = set(whole[np.abs(self.places - whole) <= ON_GRID].astype(int).tolist())
        return tuple(i for i in range(self.size) if i not in there)


def filling_of(depths: NDArray[np.float64]) -> Filling | None:
    """The grid on which ascending depths in mm can be filled in; None when more slices would be made than there are."""
    gaps = np.diff(depths)
    for spacing in (_smallest(gaps), float(np.median(gaps))):
        found = _on_grid(depths, spacing)
        if found is not None:
            return found
    size = round(float(depths[-1] - depths[0]) / float(np.median(gaps))) + 1
    return _bounded(depths, size, None)


def missing_in(gap: float, usual: float) -> int:
    """How many slices are missing in a gap; 0 where it is no multiple of the usual one.

    >>> missing_in(4.0, 2.0), missing_in(10.0, 2.0), missing_in(2.7, 2.0)
    (1, 4, 0)
    """
    more = gap / usual - 1
    return round(more) if more > WHOLE_GAP and abs(more - round(more)) < WHOLE_GAP else 0


def filled_in(voxels: NDArray, filling: Filling) -> NDArray:
    """Voxels (C, n, H, W) on the even grid (C, size, H, W); numbers keep their type, whole numbers are rounded."""
    made = np.empty((voxels.shape[0], filling.size, *voxels.shape[2:]), voxels.dtype)
    for i in range(filling.size):
        after = int(np.searchsorted(filling.places, i - ON_GRID))
        if abs(filling.places[after] - i) <= ON_GRID:
            made[:, i] = voxels[:, after]
            continue
        before = after - 1
        part = (i - filling.places[before]) / (filling.places[after] - filling.places[before])
        made[:, i] = _between(voxels[:, before], voxels[:, after], float(part))
    return made


def _between(before: NDArray, after: NDArray, part: float) -> NDArray:
    exact = exact_in(before.dtype)
    made = before.astype(exact)
    made *= 1 - part
    made += part * after.astype(exact)
    return made if before.dtype.kind == "f" else np.rint(made)


def _smallest(gaps: NDArray[np.float64]) -> float:
    """The mean of the gaps that are about as small as the smallest."""
    return float(gaps[gaps <= gaps.min() * (1 + WHOLE_GAP)].mean())


def _on_grid(depths: NDArray[np.float64], spacing: float) -> Filling | None:
    """The grid of which all depths are slices; None when they are not, or most of it would be missing."""
    steps = np.rint(np.diff(depths) / spacing)
    if steps.min() < 1 or steps.sum() > 2 * len(depths):
        return None
    places = np.concatenate([[0.0], np.cumsum(steps)])
    ideal = (depths[-1] - depths[0]) / places[-1]
    # a gap of k slices is as good as k gaps: each may differ by as much as the gaps of a whole volume may
    close = np.abs(np.diff(depths) - steps * ideal) <= tolerance_mm(ideal) * steps
    on_line = np.abs(depths - depths[0] - places * ideal) <= max(tolerance_mm(ideal), DRIFT * ideal)
    return _bounded(depths, int(places[-1]) + 1, places) if close.all() and on_line.all() else None


def _bounded(depths: NDArray[np.float64], size: int, places: NDArray[np.float64] | None) -> Filling | None:
    if size < 2 or size > 2 * len(depths):
        return None
    spacing = float(depths[-1] - depths[0]) / (size - 1)
    found = (depths - depths[0]) / spacing if places is None else places
    found[-1] = size - 1
    return Filling(size, spacing, found, places is not None)
