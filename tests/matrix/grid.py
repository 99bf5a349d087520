"""A Grid: where the voxels of a volume truly are, slice by slice, evenly stacked or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

HEAD_FIRST = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # right and down of an axial slice


@dataclass(frozen=True, eq=False)
class Grid:
    """Slices of rows x columns pixels whose first pixels lie at `positions` (D, 3) in mm (LPS)."""

    positions: Array
    right: Array
    down: Array
    spacing: tuple[float, float]  # between rows, between columns
    rows: int
    columns: int

    @property
    def slices(self) -> int:
        return len(self.positions)

    @property
    def normal(self) -> Array:
        made: Array = np.cross(self.right, self.down)
        return made / np.linalg.norm(made)

    def world(self, index: ArrayLike) -> Array:
        """Places (..., 3) in mm of whole slices and fractional rows and columns (..., 3)."""
        at = np.asarray(index, dtype=np.float64)
        origin: Array = self.positions[at[..., 0].astype(int)]
        step_down, step_right = self.down * self.spacing[0], self.right * self.spacing[1]
        made: Array = origin + at[..., 1:2] * step_down + at[..., 2:3] * step_right
        return made

    def everywhere(self) -> Array:
        """Places (D, rows, columns, 3) of all voxels."""
        shape = (self.slices, self.rows, self.columns)
        return self.world(np.moveaxis(np.indices(shape), 0, -1))

    def index(self, world_mm: ArrayLike) -> Array:
        """Fractional (slice, row, column) of places (..., 3); between slices, in-plane origins are interpolated."""
        points = np.asarray(world_mm, dtype=np.float64)
        depths = self.positions @ self.normal
        order = np.argsort(depths)
        at = points @ self.normal
        if self.slices > 1:
            slices = np.interp(at, depths[order], order.astype(float))
            ordered = self.positions[order]
            origin = np.stack([np.interp(at, depths[order], ordered[:, axis]) for axis in range(3)], axis=-1)
        else:
            slices, origin = np.zeros_like(at), self.positions[0]
        aside = points - origin
        rows, columns = aside @ self.down / self.spacing[0], aside @ self.right / self.spacing[1]
        return np.stack([slices, rows, columns], axis=-1)


def stacked(
    *,
    slices: int = 9,
    rows: int = 32,
    columns: int = 40,
    first_mm: ArrayLike = (-20.3, -31.7, 114.5),
    right: ArrayLike = HEAD_FIRST[0],
    down: ArrayLike = HEAD_FIRST[1],
    spacing: tuple[float, float] = (0.8, 0.8),
    step_mm: float = 2.5,
    depths_mm: ArrayLike | None = None,
    along: ArrayLike | None = None,
) -> Grid:
    """Slices `step_mm` apart, or at `depths_mm`, along the normal or along another direction (a tilted gantry)."""
    x, y = np.asarray(right, dtype=np.float64), np.asarray(down, dtype=np.float64)
    direction = np.cross(x, y) if along is None else np.asarray(along, dtype=np.float64)
    depths = np.arange(slices) * step_mm if depths_mm is None else np.asarray(depths_mm, dtype=np.float64)
    return Grid(np.asarray(first_mm) + depths[:, None] * direction, x, y, spacing, rows, columns)


def turned(*, about_z: float = 0.0, about_x: float = 0.0) -> tuple[Array, Array]:
    """`right` and `down` of an axial slice, turned by degrees about z and then about x."""
    a, b = np.radians(about_z), np.radians(about_x)
    z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn = x @ z
    return turn[:, 0], turn[:, 1]
