"""Pulmonary nodules whose class is decided by shape: smooth or lobulated (benign), spiculated (malignant).

Spiculation is the sign with the highest odds ratio for malignancy after size (McWilliams, NEJM 2013;369:910). Size and
density are drawn from distributions that overlap almost fully, so that no single number tells the classes apart, and
the classes meet: some malignant nodules have few short spicules, some benign ones have vessels and scars attached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcnn.physics.phantoms.shapes import Array, Box, Distance, Grid, capsule, coverage, lay, lay_strands

LEAST_MM, LARGEST_MM = 5.0, 25.0  # diameter of the core
STRAND_HU = 0.0
HALO_MM = 2.5  # ground glass fades over this distance
MOST_SPICULES = 70
NO_STRANDS, NO_FOCI = np.zeros((0, 8)), np.zeros((0, 5))


@dataclass(frozen=True, eq=False)
class Nodule:
    """A nodule around its own origin.

    radius_mm   radius of the core before lobes
    stretch     (3,) factors along x, y, z
    lobes       (n, 5): direction (3), height as a share of the radius, sharpness
    spicules    (n, 8): start, end, radius at both
    strands     (n, 8): attached vessels and scars
    halo        opacity of the ground glass around the core at its surface, 0 to 1
    hu          CT number of the core
    calcified   (n, 5): centre (3), radius, CT number of calcified foci
    solid       radius of a solid part in the middle of the core, as a share of the core's; 0 for none
    solid_hu    its CT number
    """

    malignant: bool
    radius_mm: float
    stretch: NDArray[np.float64]
    lobes: NDArray[np.float64]
    spicules: NDArray[np.float64]
    strands: NDArray[np.float64]
    halo: float
    hu: float
    calcified: NDArray[np.float64]
    solid: float = 0.0
    solid_hu: float = 25.0

    @property
    def reach_mm(self) -> float:
        """Radius of a ball that holds the core."""
        return self.radius_mm * float(self.stretch.max()) * (1 + float(self.lobes[:, 3].clip(0).sum()))


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a nodule covers of the voxels of a box, 0 to 1: its core."""

    box: Box
    share: Array


@dataclass(frozen=True)
class Placed:
    """Where a nodule lies in the volume: centroid (x, y, z; LPS mm), equivalent diameter and class."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    malignant: bool

    def moved(self, along_mm: float) -> Placed:
        """The same, so many millimetres further along z."""
        x, y, z = self.centre_mm
        return replace(self, centre_mm=(x, y, z + along_mm))


def draw_nodule(malignant: bool, chance: np.random.Generator) -> Nodule:
    """A nodule of the given class; diameters are log-normal within 5 to 25 mm."""
    median = 11.5 if malignant else 11.0
    diameter = float(np.clip(np.exp(chance.normal(np.log(median), 0.33)), LEAST_MM, LARGEST_MM - 3))
    radius = diameter / 2
    lobes = bumps(int(chance.integers(2, 6)), chance.uniform(0.03, 0.22), (3.0, 8.0), chance)
    if malignant:
        rough = bumps(int(chance.integers(8, 20)), chance.uniform(0.05, 0.15), (18.0, 40.0), chance)
        lobes = np.concatenate([lobes, rough])
    area = np.pi * diameter**2
    count = min(chance.poisson(chance.uniform(0.5, 1.0) * (13 + 0.08 * area)), MOST_SPICULES) if malignant else 0
    longest = chance.uniform(6.0, 12.0)
    subsolid = chance.random() < 0.12
    return Nodule(
        malignant=malignant,
        radius_mm=radius,
        stretch=np.exp(chance.normal(0, 0.12, 3)),
        lobes=lobes,
        spicules=spread_strands(count, radius, (0.5 * longest, longest), (1.3, 0.5), chance),
        strands=spread_strands(chance.poisson(0.8 if malignant else 1.6), radius, (5.0, 16.0), (1.4, 1.0), chance),
        halo=float(chance.uniform(0.05, 0.45)) if chance.random() < (0.25 if malignant else 0.6) else 0.0,
        hu=float(chance.uniform(-380, -180) if subsolid else chance.normal(25, 22)),
        calcified=_calcification(malignant, radius, chance),
    )


def lay_nodule(
    volume: Array, grid: Grid, nodule: Nodule, at_mm: NDArray[np.float64], within: Distance | None = None
) -> Drawn:
    """Draw a nodule into CT numbers (slices, rows, columns) in place; returns what its core covers.

    within  signed distance to the lung (negative inside), where a nodule must not grow over the pleura
    """
    at = at_mm.astype(np.float32)
    core = _core_distance(nodule, at)
    if within is not None:
        core = _both(core, within)
    reach = nodule.reach_mm + 3 * HALO_MM
    wide, box = grid.box(at - reach, at + reach), grid.box(at - nodule.reach_mm, at + nodule.reach_mm)
    assert wide is not None, "nodules are placed inside the grid"
    assert box is not None, "nodules are placed inside the grid"
    if nodule.halo > 0:
        fading = np.exp(-np.maximum(core(*grid.points(wide)), 0) / HALO_MM)
        if within is not None:
            fading *= within(*grid.points(wide)) < 0
        lay(volume, wide, nodule.halo * grid.slices(fading), STRAND_HU)
    lay_strands(volume, grid, _moved(nodule.strands, at), STRAND_HU)
    lay_strands(volume, grid, _moved(nodule.spicules, at), nodule.solid_hu if nodule.solid else nodule.hu)
    share = coverage(grid, box, core)
    lay(volume, box, share, nodule.hu)
    if nodule.solid:
        inner = replace(nodule, radius_mm=nodule.radius_mm * nodule.solid)
        lay(volume, box, coverage(grid, box, _both(_core_distance(inner, at), core)), nodule.solid_hu)
    for row in nodule.calcified.astype(np.float32):
        focus = capsule(grid, row[:3] + at, row[:3] + at + np.float32(0.01), (float(row[3]), float(row[3])))
        if focus is not None:
            lay(volume, *focus, float(row[4]))
    return Drawn(box, share)


def placed(grid: Grid, drawn: Drawn, malignant: bool) -> Placed:
    """Centroid and equivalent diameter (6 V / pi)^(1/3) of a core as drawn.

    Spiculations are left out of a nodule's size (Bankier, Radiology 2017;285:584).
    """
    box, share = drawn.box, drawn.share
    volume_mm3 = float(share.sum(dtype=np.float64)) * grid.voxel_mm3
    axes = (grid.z[box[0]], grid.y[box[1]], grid.x[box[2]])
    sums = (share.sum(axis=(1, 2)), share.sum(axis=(0, 2)), share.sum(axis=(0, 1)))
    z, y, x = (float(axis @ weight / weight.sum()) for axis, weight in zip(axes, sums, strict=True))
    return Placed((x, y, z), (6 * volume_mm3 / np.pi) ** (1 / 3), malignant)


def _both(first: Distance, second: Distance) -> Distance:
    """Distance to what lies in both."""
    return lambda x, y, z: np.maximum(first(x, y, z), second(x, y, z))


def _moved(strands: NDArray[np.float64], at: Array) -> NDArray[np.float64]:
    """Strands (n, 8) about another origin."""
    made = strands.copy()
    made[:, :6] += np.tile(at, 2)
    return made


def _core_distance(nodule: Nodule, at: Array) -> Distance:
    """Distance along the radius to the surface r(u) = R (1 + sum of lobes a exp(k (u . d - 1))); negative inside."""
    stretch = nodule.stretch.astype(np.float32)

    def distance(x: Array, y: Array, z: Array) -> Array:
        px, py, pz = (x - at[0]) / stretch[0], (y - at[1]) / stretch[1], (z - at[2]) / stretch[2]
        length = np.sqrt(px**2 + py**2 + pz**2) + np.float32(1e-6)
        surface = np.ones_like(length)
        for dx, dy, dz, height, sharpness in nodule.lobes.astype(np.float32):
            cosine = (px * dx + py * dy + pz * dz) / length
            surface += height * np.exp(sharpness * (cosine - 1))
        return length - nodule.radius_mm * surface

    return distance


def _directions(n: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """n unit vectors, uniform on the sphere."""
    drawn = chance.standard_normal((n, 3))
    unit: NDArray[np.float64] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def bumps(n: int, height: float, sharpness: tuple[float, float], chance: np.random.Generator) -> NDArray[np.float64]:
    """Lobes (n, 5) of about this height, a share of the radius."""
    heights = height * chance.uniform(0.5, 1.5, (n, 1))
    return np.concatenate([_directions(n, chance), heights, chance.uniform(*sharpness, (n, 1))], axis=1)


def spread_strands(
    n: int, radius: float, length: tuple[float, float], radii: tuple[float, float], chance: np.random.Generator
) -> NDArray[np.float64]:
    """Strands (n, 8) from inside the core outwards, slightly off the radius, tapering."""
    out = _directions(n, chance)
    start = 0.8 * radius * out
    aim = out + chance.normal(0, 0.22, (n, 3))
    aim /= np.linalg.norm(aim, axis=1, keepdims=True)
    end = start + aim * (0.2 * radius + chance.uniform(*length, (n, 1)))
    return np.concatenate([start, end, np.asarray(radii) * chance.uniform(0.8, 1.25, (n, 1))], axis=1)


def _calcification(malignant: bool, radius: float, chance: np.random.Generator) -> NDArray[np.float64]:
    """Central or popcorn in a quarter of benign nodules, one eccentric focus in some malignant ones."""
    if chance.random() > (0.14 if malignant else 0.26):
        return NO_FOCI
    n = 1 if malignant else int(chance.integers(1, 5))
    return calcified_foci(n, 0.5 if malignant or n > 1 else 0.1, radius, chance)


def calcified_foci(n: int, off: float, radius: float, chance: np.random.Generator) -> NDArray[np.float64]:
    """Calcified foci (n, 5), so far off the middle as a share of the radius."""
    size = radius * chance.uniform(0.15, 0.35, (n, 1))
    return np.concatenate([off * radius * _directions(n, chance), size, chance.uniform(200, 600, (n, 1))], axis=1)
