"""What the voxels of a row truly hold, written four times over, so that mm and units of value can be told apart.

    levels   blocks of 8 x 8 pixels, each of one of six values: shows what a reader does to values
    x, y, z  a ramp along one axis of the patient: each voxel says where it is, whatever became of the array

From the three ramps together the true place of every voxel of a reader's output follows, also where it was flipped,
reordered or resampled (linear interpolation of a ramp is exact). How a reader mapped the values is measured on the
levels first and undone, so that a rescale that was forgotten does not look like a wrong place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matrix.grid import Array, Grid

RAMPS = ("x", "y", "z")
PHANTOMS = ("levels", *RAMPS)
BLOCK = 8  # pixels, as JPEG's: a block of one value stays one
HEIGHTS = np.array([0.0, 0.1, 0.25, 0.45, 0.7, 1.0])  # of the levels, between lowest and highest value
SHARES = (1, 2, 3, 4, 5, 5)  # blocks of each level among 20; unlike from either end, so that inversion shows
BESIDE = 0.05  # of its length, that a ramp goes on beyond the volume at either end
LEAST_MM = 10.0  # that a ramp covers, also where the volume is one slice


@dataclass(frozen=True)
class Scale:
    """The values of a row: lowest and highest, in steps of `quantum` that its files can store exactly."""

    low: float
    high: float
    quantum: float = 1.0

    def levels(self) -> Array:
        """The six values of the levels, ascending."""
        return self.exactly(self.low + (self.high - self.low) * HEIGHTS)

    def exactly(self, values: Array) -> Array:
        return np.rint((values - self.low) / self.quantum) * self.quantum + self.low


@dataclass(frozen=True, eq=False)
class Truth:
    """One volume that a row holds: its grid, and how much its values lie above those of the row's first volume."""

    grid: Grid
    offset: float = 0.0


@dataclass(frozen=True, eq=False)
class Phantom:
    """The values of all volumes of a row, and how to read a place out of a ramp."""

    scale: Scale
    truths: tuple[Truth, ...]

    def limits(self, axis: int) -> tuple[float, float]:
        """The mm at which the ramp along an axis of the patient has the lowest and the highest value."""
        ends = np.concatenate([truth.grid.everywhere()[..., axis].reshape(-1) for truth in self.truths])
        low, high = float(ends.min()), float(ends.max())
        beside = max(BESIDE * (high - low), (LEAST_MM - (high - low)) / 2)
        return low - beside, high + beside

    def values(self, name: str, truth: Truth) -> Array:
        """The true values (D, rows, columns) of a volume."""
        grid = truth.grid
        if name == "levels":
            there = np.moveaxis(np.indices((grid.slices, grid.rows, grid.columns)), 0, -1).astype(np.float64)
            return self.level(there) + truth.offset
        axis = RAMPS.index(name)
        low, high = self.limits(axis)
        part = (grid.everywhere()[..., axis] - low) / (high - low)
        return self.scale.exactly(self.scale.low + (self.scale.high - self.scale.low) * part) + truth.offset

    def level(self, index: Array) -> Array:
        """The true level, less the offset, at fractional (slice, row, column)."""
        blocks = np.floor((index[..., 1:] + 0.5) / BLOCK).astype(int)
        heights: NDArray[np.int64] = np.repeat(np.arange(len(SHARES)), SHARES)
        found: Array = self.scale.levels()[heights[(blocks[..., 0] * 5 + blocks[..., 1] * 7) % heights.size]]
        return found

    def part(self, values: Array) -> Array:
        """The part 0..1 of a ramp at which a value stands."""
        made: Array = (values - self.scale.low) / (self.scale.high - self.scale.low)
        return made

    def place_mm(self, axis: int, part: Array) -> Array:
        low, high = self.limits(axis)
        return low + part * (high - low)


def even_shares() -> Array:
    """The parts 0..1 of all voxels, sorted by value, in the middle of each level."""
    shares = np.array(SHARES) / sum(SHARES)
    return np.cumsum(shares) - shares / 2
