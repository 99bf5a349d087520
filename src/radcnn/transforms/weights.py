"""Resampling along one axis as a small matrix: linear interpolation, widened to a triangle when shrinking.

A `Line` says where output voxel k lies on the input axis: start + step * k, in input indices (voxel centres are
whole numbers, the image reaches half a voxel beyond its first and last centre).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Interpolation = Literal["linear", "nearest"]
EDGE = 1e-6  # voxels: rounding allowed before a sample counts as outside the image
DENSE_BELOW = 1 << 14  # entries of a weight matrix up to which a dense product is the faster one


@dataclass(frozen=True)
class Line:
    """`count` samples along an axis of `length` voxels, at start + step * k."""

    length: int
    count: int
    start: float
    step: float

    def positions(self) -> NDArray[np.float64]:
        """Input indices of the samples, (count,)."""
        return self.start + self.step * np.arange(self.count, dtype=np.float64)

    def inside(self) -> NDArray[np.bool_]:
        """Which samples lie within the image, its outer half voxels included."""
        at = self.positions()
        return (at >= -0.5 - EDGE) & (at <= self.length - 0.5 + EDGE)


@dataclass(frozen=True, eq=False)
class AxisWeights:
    """Weights (count, high - low) over the input voxels low..high that are needed, and no others."""

    low: int
    high: int
    matrix: NDArray[np.float32] | sparse.csr_matrix


@lru_cache(maxsize=256)
def axis_weights(line: Line, interpolation: Interpolation) -> AxisWeights:
    """The weights of one axis. Rows sum to 1 inside the image and are 0 outside of it.

    Linear: w = max(0, 1 - |i - c| / max(1, step)), normalised: interpolation when enlarging, a triangle as wide as
    two output voxels when shrinking (as Pillow and torch's antialias do), then corrected so that the first moment is
    exact and linear ramps are reproduced. Nearest: the voxel whose centre is nearest.
    """
    at = np.clip(line.positions(), -0.5, line.length - 0.5)
    reach = max(1.0, line.step) if interpolation == "linear" else 0.5
    index = np.floor(at - reach).astype(np.int64)[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    if interpolation == "nearest":
        index = np.clip(np.floor(at + 0.5).astype(np.int64), 0, line.length - 1)[:, None]
        weight = np.ones(index.shape)
    else:
        weight = _triangle(index, at, reach, line.length)
    weight[~line.inside()] = 0.0
    used = weight != 0
    low = int(index[used].min()) if used.any() else 0
    high = int(index[used].max()) + 1 if used.any() else 1
    rows = np.broadcast_to(np.arange(line.count)[:, None], index.shape)
    shape = (line.count, high - low)
    matrix = sparse.csr_matrix((weight[used], (rows[used], index[used] - low)), shape=shape, dtype=np.float32)
    return AxisWeights(low, high, matrix.toarray() if shape[0] * shape[1] <= DENSE_BELOW else matrix)


def _triangle(index: NDArray[np.int64], at: NDArray[np.float64], reach: float, length: int) -> NDArray[np.float64]:
    offset = index - at[:, None]
    full = np.maximum(0.0, 1.0 - np.abs(offset) / reach)
    weight = np.where((index >= 0) & (index < length), full, 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    if reach > 1.0:
        complete = ((full > 0) == (weight > 0)).all(axis=1)  # at the border a one-sided kernel has no ramp to keep
        first = (weight * offset).sum(axis=1)
        slope = -first / np.maximum((weight * offset**2).sum(axis=1) - first**2, 1e-12)
        weight[complete] *= (1.0 + slope[:, None] * (offset - first[:, None]))[complete]
    return weight


def resample_lines(voxels: NDArray, lines: tuple[Line, ...], interpolation: Interpolation) -> NDArray:
    """Resample (C, *spatial) along every spatial axis; samples outside the image are 0.

    Only the voxels that are needed are read. Linear gives float32; nearest keeps the type.
    """
    weights = [axis_weights(line, interpolation) for line in lines]
    needed = voxels[(slice(None), *(slice(w.low, w.high) for w in weights))]
    if interpolation == "nearest":
        return _nearest(needed, lines, weights)
    result = needed.astype(np.float32)
    order = sorted(range(len(lines)), key=lambda a: lines[a].count / (weights[a].high - weights[a].low))
    for axis in order:
        result = _along(result, axis + 1, weights[axis].matrix)
    return np.ascontiguousarray(result)


def _along(values: NDArray[np.float32], axis: int, matrix: NDArray[np.float32] | sparse.csr_matrix) -> NDArray:
    moved = np.moveaxis(values, axis, 0)
    product = matrix @ moved.reshape(moved.shape[0], -1)
    return np.moveaxis(product.reshape(matrix.shape[0], *moved.shape[1:]), 0, axis)


def _nearest(needed: NDArray, lines: tuple[Line, ...], weights: list[AxisWeights]) -> NDArray:
    for axis, (line, weight) in enumerate(zip(lines, weights, strict=True)):
        at = np.floor(line.positions() + 0.5).astype(np.int64) - weight.low
        needed = np.take(needed, np.clip(at, 0, needed.shape[axis + 1] - 1), axis=axis + 1)
        outside = np.flatnonzero(~line.inside())
        if outside.size:
            needed[(slice(None),) * (axis + 1) + (outside,)] = 0
    return needed
