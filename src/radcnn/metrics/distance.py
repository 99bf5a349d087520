"""The Euclidean distance transform in mm, and what measurements of masks ask of a mask and of a spacing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.errors import GeometryError, InputError
from radcnn.metrics.clustered import Floats


def distance_transform(
    mask: ArrayLike, spacing_mm: Sequence[float] | Floats, *, threads: int | None = None
) -> NDArray[np.float32]:
    """Distance in mm of every voxel of a mask (Z, Y, X) or (Y, X) to the centre of the nearest voxel outside it.

    Zero outside the mask, and infinite everywhere where nothing is outside; the edge of the image is no border.

    spacing_mm  distances of voxel centres along each axis
    threads     at work; None for all cores. The distances do not depend on it

    Raises GeometryError when spacing_mm does not fit the mask, InputError when that holds anything but 0 and 1. The
    algorithm is that of Felzenszwalb and Huttenlocher 2012, doi:10.4086/toc.2012.v008a019.

    >>> distance_transform([[0, 1, 1, 1]], (1.0, 0.5)).tolist()
    [[0.0, 0.5, 1.0, 1.5]]
    """
    from radcnn.kernels.distance import across_planes, within_planes
    from radcnn.kernels.threads import over_slabs

    inside = as_mask(mask)
    steps = np.append(np.ones(3 - inside.ndim), as_spacing(spacing_mm, inside.ndim))
    volume = inside.reshape((1,) * (3 - inside.ndim) + inside.shape)
    distances = np.empty(volume.shape, np.float32)
    over_slabs(lambda first, end: within_planes(volume, steps, first, end, distances), volume.shape[0], threads)
    over_slabs(lambda first, end: across_planes(distances, steps[0], first, end), volume.shape[1], threads)
    return distances.reshape(inside.shape)


def as_mask(mask: ArrayLike) -> NDArray[np.uint8]:
    """A mask of two or three axes as bytes 0 and 1, in one block of memory and copied only where it is not."""
    array = np.asarray(mask)
    if array.ndim not in (2, 3):
        raise GeometryError(f"a mask must be (slices, rows, columns) or (rows, columns), got shape {array.shape}")
    if array.dtype != np.bool_:
        inside = array == 1
        if not np.array_equal(inside, array):
            raise InputError("a mask must hold 0 and 1 only; measure one structure at a time, as labels == its number")
        array = inside
    return np.ascontiguousarray(array).view(np.uint8)


def as_spacing(spacing_mm: Sequence[float] | Floats, rank: int) -> Floats:
    """Spacings (rank,) in mm, proven to be positive and finite."""
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (rank,) or not np.isfinite(spacing).all() or (spacing <= 0).any():
        raise GeometryError(f"spacing_mm must be {rank} positive numbers, got {spacing.tolist()}")
    return spacing
