"""Distances between the surfaces of two masks in mm: Hausdorff, mean, and the Dice coefficient of the surfaces.

The definitions are those of Nikolov et al. 2021 (doi:10.2196/26151). The surface of a mask lies in the cells between
neighbouring voxels that are partly inside; each has an element with an area in mm^2 (in a plane: a length in mm), and
the distance of an element is that of its cell to the nearest such cell of the other mask. All figures weigh elements by
their area, so that they do not depend on how finely a slice is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.errors import GeometryError, SettingsError
from radcnn.metrics.clustered import Floats
from radcnn.metrics.components import box_of
from radcnn.metrics.distance import as_mask, as_spacing
from radcnn.metrics.surface_elements import element_sizes

Places = NDArray[np.int32]

ROUNDING = 1e-9  # sums and distances that differ by this share are equal: nothing turns on the last digit
SPARSE = 60  # cells of the grid per element above which a tree of the elements is faster, and takes less memory


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Every surface element of two masks with its distance to the other surface.

    A missed structure counts: where one mask is empty its surface is infinitely far and the Dice coefficient 0. Where
    both are empty every figure is NaN, and `undefined` says so.

    first_mm, second_mm        (n,) and (m,) distances in mm
    first_sizes, second_sizes  (n,) and (m,) areas in mm^2, or lengths in mm for masks of two axes
    """

    first_mm: Floats
    second_mm: Floats
    first_sizes: Floats
    second_sizes: Floats

    @property
    def undefined(self) -> str:
        """Why there is no figure, or an empty string."""
        return "" if self.first_mm.size or self.second_mm.size else "both masks are empty"

    def hausdorff(self, *, percentile: float = 100.0) -> float:
        """The greater of both directed distances in mm within which `percentile` of a surface lies; 95 for HD95."""
        if not 0 < percentile <= 100:
            raise SettingsError(f"percentile must be above 0 and at most 100, got {percentile:g}")
        sides = [(self.first_mm, self.first_sizes), (self.second_mm, self.second_sizes)]
        return max((_reach(*side, percentile / 100) for side in sides if side[0].size), default=math.nan)

    def mean(self) -> float:
        """The average symmetric surface distance in mm: over the elements of both surfaces."""
        return _mean(np.append(self.first_mm, self.second_mm), np.append(self.first_sizes, self.second_sizes))

    def directed_means(self) -> tuple[float, float]:
        """The mean distance in mm of the first surface to the second, and of the second to the first."""
        return _mean(self.first_mm, self.first_sizes), _mean(self.second_mm, self.second_sizes)

    def dice(self, *, tolerance_mm: float) -> float:
        """The share of both surfaces that lies within `tolerance_mm` of the other one."""
        if not 0 <= tolerance_mm < math.inf:
            raise SettingsError(f"tolerance_mm must be 0 or more and finite, got {tolerance_mm:g}")
        limit = tolerance_mm * (1 + ROUNDING)
        if self.undefined:
            return math.nan
        near = self.first_sizes[self.first_mm <= limit].sum() + self.second_sizes[self.second_mm <= limit].sum()
        return float(near / (self.first_sizes.sum() + self.second_sizes.sum()))


def surface_distances(
    first: ArrayLike, second: ArrayLike, spacing_mm: Sequence[float] | Floats, *, threads: int | None = None
) -> SurfaceDistances:
    """The surface distances of two masks (Z, Y, X) or (Y, X) of one grid, which may be empty.

    spacing_mm  distances of voxel centres along each axis
    threads     at work; None for all cores. The figures do not depend on it

    Raises GeometryError when the masks differ in size or spacing_mm does not fit them, InputError when they hold
    anything but 0 and 1.

    >>> import numpy as np
    >>> found = surface_distances(np.eye(9)[[4]] > 0, np.eye(9)[[6]] > 0, (3.0, 0.5))  # one voxel, and two to the right
    >>> found.hausdorff(), found.dice(tolerance_mm=0.5)
    (1.0, 0.5)
    """
    masks = as_mask(first), as_mask(second)
    if masks[0].shape != masks[1].shape:
        raise GeometryError(f"both masks must have one size, got {masks[0].shape} and {masks[1].shape}")
    spacing = as_spacing(spacing_mm, masks[0].ndim)
    sizes = element_sizes(spacing)
    (ours, our_codes), (theirs, their_codes) = (_elements(mask) for mask in masks)
    steps = np.append(np.ones(3 - spacing.size), spacing)
    far, back = _apart(ours, theirs, steps, threads)
    return SurfaceDistances(far, back, sizes[our_codes], sizes[their_codes])


def _elements(mask: NDArray[np.uint8]) -> tuple[Places, NDArray[np.uint8]]:
    """Places (n, 3) and codes (n,) of the cells that the surface of a mask runs through."""
    from radcnn.kernels.borders import border_cells

    planar = mask.ndim == 2
    volume = mask[None] if planar else mask
    if not volume.any():
        return np.empty((0, 3), np.int32), np.empty(0, np.uint8)
    box = box_of(volume)
    places, codes = border_cells(np.ascontiguousarray(volume[box]), planar)
    places += np.array([along.start for along in box], np.int32)
    return places, codes


def _apart(first: Places, second: Places, steps: Floats, threads: int | None) -> tuple[Floats, Floats]:
    """Distances in mm of each of some places (n, 3) to the nearest of others (m, 3), and the reverse: (n,), (m,)."""
    if not first.size or not second.size:
        return np.full(len(first), math.inf), np.full(len(second), math.inf)
    low = np.minimum(first.min(axis=0), second.min(axis=0))
    size = np.maximum(first.max(axis=0), second.max(axis=0)) + 1 - low
    if math.prod(size.tolist()) > SPARSE * (len(first) + len(second)):
        return _by_tree(first, second, steps, threads), _by_tree(second, first, steps, threads)
    first, second = first - low, second - low
    return _by_grid(first, second, steps, size, threads), _by_grid(second, first, steps, size, threads)


def _by_tree(places: Places, others: Places, steps: Floats, threads: int | None) -> Floats:
    """Distances (n,) of places to the nearest of others, by a tree of the others: for few in much room."""
    from scipy.spatial import cKDTree

    distances: Floats = cKDTree(others * steps).query(places * steps, workers=threads or -1)[0]
    return distances


def _by_grid(places: Places, others: Places, steps: Floats, size: NDArray[np.int32], threads: int | None) -> Floats:
    """The same by a distance transform of a grid of `size`, finished at the places only: for many in little room."""
    from radcnn.kernels.distance import at_places, within_planes
    from radcnn.kernels.threads import over_slabs

    elsewhere = np.ones(size, np.uint8)
    elsewhere[tuple(others.T)] = 0
    squared, distances = np.empty(size), np.empty(len(places))
    over_slabs(lambda start, end: within_planes(elsewhere, steps, start, end, squared), len(squared), threads)
    over_slabs(lambda start, end: at_places(squared, steps[0], places, start, end, distances), len(places), threads)
    return distances


def _reach(distances: Floats, sizes: Floats, share: float) -> float:
    """The distance within which a share of the elements' sizes lies."""
    if share == 1:
        return float(distances.max())
    order = np.argsort(distances)
    within = np.cumsum(sizes[order])
    return float(distances[order[np.searchsorted(within, share * within[-1] * (1 - ROUNDING))]])


def _mean(distances: Floats, sizes: Floats) -> float:
    """The mean of distances weighted by sizes; NaN without elements."""
    return float(distances @ sizes / sizes.sum()) if distances.size else math.nan
