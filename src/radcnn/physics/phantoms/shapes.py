"""Solid shapes on a voxel grid, with the share of every voxel they fill (partial volume).

A slice of a CT volume is thicker than its pixels, so a shape is sampled on several planes per slice and averaged over
the slice's thickness: a rectangular slice sensitivity profile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Box: TypeAlias = tuple[slice, slice, slice]
Array: TypeAlias = NDArray[np.float32]
Distance: TypeAlias = Callable[[Array, Array, Array], Array]

EDGE_MM = 0.6  # a boundary's coverage rises over about one fine voxel


@dataclass(frozen=True, eq=False)
class Grid:
    """A fine grid of slices (z) and pixels (y, x); every slice is sampled on `planes` planes.

    x, y, z    pixel and slice centres in mm (LPS)
    planes     planes averaged into one slice
    """

    x: Array
    y: Array
    z: Array
    planes: int

    @property
    def pixel_mm(self) -> float:
        return float(self.x[1] - self.x[0])

    @property
    def slice_mm(self) -> float:
        return float(self.z[1] - self.z[0])

    @property
    def voxel_mm3(self) -> float:
        return self.pixel_mm**2 * self.slice_mm

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.z), len(self.y), len(self.x)

    def box(self, low: ArrayLike, high: ArrayLike) -> Box | None:
        """The voxels that may touch the region from `low` to `high` (x, y, z in mm); None when there are none."""
        ranges = []
        for axis, a, b, margin in zip(
            (self.x, self.y, self.z),
            np.asarray(low),
            np.asarray(high),
            (self.pixel_mm, self.pixel_mm, self.slice_mm),
            strict=True,
        ):
            first, last = np.searchsorted(axis, (a - margin, b + margin))
            if first >= last:
                return None
            ranges.append(slice(int(first), int(last)))
        return ranges[2], ranges[1], ranges[0]

    def points(self, box: Box) -> tuple[Array, Array, Array]:
        """Coordinates x, y, z of the box's planes and pixels, ready to broadcast to (planes, rows, columns)."""
        steps = (np.arange(self.planes) - (self.planes - 1) / 2) * (self.slice_mm / self.planes)
        z = (self.z[box[0]][:, None] + steps).astype(np.float32).ravel()
        return self.x[box[2]][None, None, :], self.y[box[1]][None, :, None], z[:, None, None]

    def slices(self, values: Array) -> Array:
        """Mean over each slice's planes: (planes x n, rows, columns) to (n, rows, columns)."""
        return values.reshape(-1, self.planes, *values.shape[1:]).mean(axis=1)


def soft_edge(distance_mm: NDArray) -> NDArray:
    """Share of a voxel inside a surface at this signed distance (negative inside), to first order."""
    return np.clip(0.5 - distance_mm / EDGE_MM, 0, 1)


def coverage(grid: Grid, box: Box, distance: Distance, *, points: int = 3) -> Array:
    """Share of every voxel of the box inside a shape: points^3 samples per plane and pixel near the surface.

    `distance(x, y, z)` is negative inside and must not overstate how far the surface is by more than 2 times.
    """
    x, y, z = np.broadcast_arrays(*grid.points(box))
    middle = distance(x, y, z)
    share = (middle < 0).astype(np.float32)
    reach = np.hypot(grid.pixel_mm, grid.slice_mm / grid.planes)
    near = np.abs(middle) < reach
    steps = (np.arange(points) - (points - 1) / 2) / points
    dz, dy, dx = np.meshgrid(
        steps * (grid.slice_mm / grid.planes), steps * grid.pixel_mm, steps * grid.pixel_mm, indexing="ij"
    )
    around = [(values[near][:, None] + d.ravel()).astype(np.float32) for values, d in ((x, dx), (y, dy), (z, dz))]
    share[near] = (distance(*around) < 0).mean(axis=1)
    return grid.slices(share)


def bumpy(
    x: Array, y: Array, z: Array, half: NDArray, chance: np.random.Generator, *, heights: Sequence[float], each: int
) -> Array:
    """Signed distance in mm, to first order, to an ellipsoid about 0 with low waves on its surface; negative inside.

    half     mm of its axes along x, y and z
    heights  spread of the waves of orders 1, 2, ..., as a share of the radius; of each order there are `each`
    """
    waves = []
    for order, height in enumerate(heights, start=1):
        for _ in range(each):
            way = chance.standard_normal(3)
            way *= order * np.pi / np.linalg.norm(way)
            phase = float(chance.uniform(0, 2 * np.pi))
            waves.append((*map(float, way), phase, float(height * chance.standard_normal())))
    a, b, c = map(float, half)
    apart = np.empty(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
    planes = zip(*(np.broadcast_to(p, (len(apart), *p.shape[1:])) for p in (x, y, z)), strict=True)
    for plane, (px, py, pz) in zip(apart, planes, strict=True):  # what is made of a plane stays in the cache
        u, v, w = px / a, py / b, pz / c
        radius = np.sqrt(u**2 + v**2 + w**2) + 1e-4
        u, v, w = u / radius, v / radius, w / radius
        surface = sum(size * np.cos(p * u + q * v + r * w + phase) for p, q, r, phase, size in waves)
        plane[...] = (radius - (1 + surface)) * min(a, b, c)
    return apart


def capsule_distance(start: Array, end: Array, radii: tuple[float, float]) -> Distance:
    """Signed distance to a strand from `start` to `end` (x, y, z) whose radius runs from radii[0] to radii[1]."""
    along = end - start
    length2 = float(along @ along)

    def distance(x: Array, y: Array, z: Array) -> Array:
        px, py, pz = x - start[0], y - start[1], z - start[2]
        t = np.clip((px * along[0] + py * along[1] + pz * along[2]) / length2, 0, 1)
        gap = (px - t * along[0]) ** 2 + (py - t * along[1]) ** 2 + (pz - t * along[2]) ** 2
        return np.sqrt(gap) - (radii[0] + t * (radii[1] - radii[0]))

    return distance


def capsule(grid: Grid, start: Array, end: Array, radii: tuple[float, float]) -> tuple[Box, Array] | None:
    """Box and coverage of a strand (a vessel, a spicule); None when it lies outside the grid."""
    widest = max(radii)
    box = grid.box(np.minimum(start, end) - widest, np.maximum(start, end) + widest)
    if box is None:
        return None
    return box, grid.slices(soft_edge(capsule_distance(start, end, radii)(*grid.points(box))))


def lay(volume: Array, box: Box, share: Array, hu: float | Array) -> None:
    """Replace the covered share of the voxels of the box by `hu`, in place."""
    part = volume[box]
    shares, values = (np.broadcast_to(np.asarray(of, np.float32), part.shape) for of in (share, hu))
    for here, covered, value in zip(part, shares, values, strict=True):  # a slice stays in the cache
        here += covered * (value - here)


def lay_strands(volume: Array, grid: Grid, strands: NDArray[np.float64], hu: float) -> None:
    """Replace what strands (n, 8) cover by `hu`, in place: start and end (x, y, z), radius at both, in mm."""
    for row in strands.astype(np.float32):
        drawn = capsule(grid, row[:3], row[3:6], (float(row[6]), float(row[7])))
        if drawn is not None:
            lay(volume, *drawn, hu)
