"""Resampling along one axis as a small matrix: linear or cubic interpolation, widened when shrinking, or nearest.

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

Interpolation = Literal["linear", "nearest", "cubic"]
EDGE = 1e-6  # voxels: rounding allowed before a sample counts as outside the image
POLE = 3**0.5 - 2  # of the filter that turns samples into coefficients of a cubic B-spline (Unser 1999)
SPLINE_REACH = 12  # output voxels; beyond it the cardinal spline is below 2e-7
NEGLIGIBLE = 1e-9  # a weight below this is 0: what rounding leaves where a kernel passes through 0
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

    def inverse(self) -> Line:
        """The way back: where the voxels of the axis lie on the samples.

        >>> Line(10, 5, 0.5, 2.0).inverse()
        Line(length=5, count=10, start=-0.25, step=0.5)
        """
        return Line(self.count, self.length, -self.start / self.step, 1 / self.step)


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

    Cubic: w = eta((i - c) / max(1, step)), normalised, with eta the cardinal cubic spline, and the image mirrored about
    the centres of its outer voxels. When enlarging this is the cubic B-spline through every voxel (Unser, IEEE Signal
    Process Mag 1999;16(6):22; scipy.ndimage, order 3, mode "mirror"); when shrinking, the same kernel stretched to the
    output's voxels, a low-pass filter close to the ideal one, with the first moment made exact as above. A cubic
    overshoots: about 10 % of its height beside a sharp edge.
    """
    if interpolation == "cubic":
        index, weight = _spline(line)
    elif interpolation == "linear":
        index, weight = _triangle(line)
    else:
        index = np.clip(np.floor(_clipped(line) + 0.5).astype(np.int64), 0, line.length - 1)[:, None]
        weight = np.ones(index.shape)
    weight[np.abs(weight) < NEGLIGIBLE] = 0.0
    weight[~line.inside()] = 0.0
    used = weight != 0
    low = int(index[used].min()) if used.any() else 0
    high = int(index[used].max()) + 1 if used.any() else 1
    rows = np.broadcast_to(np.arange(line.count)[:, None], index.shape)
    shape = (line.count, high - low)
    matrix = sparse.csr_matrix((weight[used], (rows[used], index[used] - low)), shape=shape, dtype=np.float32)
    return AxisWeights(low, high, matrix.toarray() if shape[0] * shape[1] <= DENSE_BELOW else matrix)


def _clipped(line: Line) -> NDArray[np.float64]:
    at: NDArray[np.float64] = np.clip(line.positions(), -0.5, line.length - 0.5)
    return at


def _window(at: NDArray[np.float64], reach: float) -> NDArray[np.int64]:
    """Whole numbers about each place as far as `reach`, (count, width)."""
    start = np.floor(at - reach).astype(np.int64)
    window: NDArray[np.int64] = start[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    return window


def _triangle(line: Line) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    at, reach = _clipped(line), max(1.0, line.step)
    index = _window(at, reach)
    offset = index - at[:, None]
    full = np.maximum(0.0, 1.0 - np.abs(offset) / reach)
    weight = np.where((index >= 0) & (index < line.length), full, 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    if reach > 1.0:
        complete = ((full > 0) == (weight > 0)).all(axis=1)  # at the border a one-sided kernel has no ramp to keep
        weight[complete] += _ramp_kept(weight, weight, offset)[complete]
    return index, weight


def _spline(line: Line) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    at, scale = _clipped(line), max(1.0, line.step)
    index = _window(at, SPLINE_REACH * scale)
    offset = index - at[:, None]
    weight = np.where(np.abs(offset) <= SPLINE_REACH * scale, _cardinal(offset / scale), 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    if scale > 1.0:
        bump = _b_spline(offset / scale)
        weight += _ramp_kept(weight, bump / bump.sum(axis=1, keepdims=True), offset)
    period = max(1, 2 * (line.length - 1))
    folded = np.abs((index + line.length - 1) % period - (line.length - 1)) if line.length > 1 else 0 * index
    return folded, weight


def _ramp_kept(
    weight: NDArray[np.float64], spread: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What to add to weights of sum 1 so that their first moment is 0, in the form of a tilt of `spread`."""
    middle = (spread * offset).sum(axis=1, keepdims=True)
    width = (spread * offset**2).sum(axis=1, keepdims=True) - middle**2
    first = (weight * offset).sum(axis=1, keepdims=True)
    tilt: NDArray[np.float64] = -first / np.maximum(width, 1e-12) * spread * (offset - middle)
    return tilt


def _b_spline(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic B-spline."""
    x = np.abs(x)
    value: NDArray[np.float64] = np.where(x < 1, 2 / 3 - x**2 * (1 - x / 2), np.maximum(0.0, 2 - x) ** 3 / 6)
    return value


def _cardinal(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cardinal cubic spline, 1 at 0 and 0 at other whole numbers: sum of sqrt(3) POLE^|k| b_spline(x - k)."""
    whole = np.floor(x)
    value = np.zeros_like(x)
    for shift in (-1, 0, 1, 2):
        value += 3**0.5 * POLE ** np.abs(whole + shift) * _b_spline(x - whole - shift)
    return value


def resample_by_matrices(voxels: NDArray, lines: tuple[Line, ...], interpolation: Interpolation) -> NDArray:
    """Resample (C, *spatial) along every spatial axis by one matrix product each: the reference, and best when small.

    Samples outside the image are 0. Linear and cubic give float32; nearest keeps the type.
    """
    weights = [axis_weights(line, interpolation) for line in lines]
    needed = voxels[(slice(None), *(slice(w.low, w.high) for w in weights))]
    if interpolation == "nearest":
        return _nearest(needed, lines, weights)
    result = needed.astype(np.float32)
    order = sorted(range(len(lines)), key=lambda a: lines[a].count / (weights[a].high - weights[a].low))
    for axis in order:
        line = lines[axis]
        if (line.start, line.step, line.count) == (0.0, 1.0, line.length):
            result = result + np.float32(0.0)  # each voxel itself, as the product has it: -0.0 becomes 0.0
        else:
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
