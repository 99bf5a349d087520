"""One side of a chest: chest wall with ribs, spine, heart, and a lung with a branching tree of vessels.

x to the patient's left, y to the back, z to the head (LPS, mm); z = 0 is the hilum. The lung is an ellipsoid inside the
rib cage, vessels branch by Murray's law (r^3 = r1^3 + r2^3; J Gen Physiol 1926;9:835). CT numbers are the textbook's
(Hounsfield units at 120 kVp). Airways other than what the parenchyma's texture stands for, fissures and the diaphragm
are not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcnn.physics.attenuation import hu_to_mu
from radcnn.physics.ellipses import Ellipse
from radcnn.physics.phantoms.shapes import Array, Grid, capsule, lay, soft_edge

FAT_HU, MUSCLE_HU, HEART_HU, BLOOD_HU, BONE_HU, MARROW_HU = -100.0, 50.0, 42.0, 45.0, 650.0, 180.0
RIB_RING = 0.885  # the ribs' mean place between the body's axis (0) and the skin (1)
CAGE_RING = 0.83  # inner surface of the chest wall
RIB_PERIOD_MM, RIB_RADIUS_MM, RIB_SLOPE_MM = (
    26.0,
    5.0,
    45.0,
)  # distance along z, half thickness, fall from back to front
ROOTS = 7  # branches that leave the hilum
SMALLEST_VESSEL_MM = 0.65  # radius; smaller vessels are part of the parenchyma's texture


@dataclass(frozen=True, eq=False)
class Thorax:
    """A drawn chest.

    side        +1: the left lung is imaged, -1: the right
    body_mm     semi-axes (x, y) of the trunk
    lung_mm     semi-axes (x, y, z) of the lung
    lung_x_mm   distance of the lung's centre from the midline
    heart       centre (x, y, z) and semi-axes of the heart, 6 numbers in mm
    lung_hu     CT number of the parenchyma
    rib_mm      place of the ribs along z
    vessels     (n, 8): start and end (x, y, z), radius at both, in mm
    """

    side: int
    body_mm: tuple[float, float]
    lung_mm: tuple[float, float, float]
    lung_x_mm: float
    heart: tuple[float, float, float, float, float, float]
    lung_hu: float
    rib_mm: float
    vessels: NDArray[np.float64]

    @property
    def centre_mm(self) -> tuple[float, float]:
        """Centre (x, y) of the lung: the centre of a targeted reconstruction."""
        return self.side * self.lung_x_mm, 0.0

    @property
    def hilum_mm(self) -> NDArray[np.float64]:
        """Where the vessels enter the lung (x, y, z)."""
        return np.array([self.side * (self.lung_x_mm - 0.72 * self.lung_mm[0]), 6.0, 0.0])

    def depth_mm(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of points (n, 3) from the surface of the lung, to first order; negative outside or in the heart."""
        x, y, z = points.T
        k = self._height(z)
        lung = _ring_distance(x - self.centre_mm[0], y, self.lung_mm[0], self.lung_mm[1], k)
        cage = _ring_distance(x, y, *self.body_mm, CAGE_RING)
        heart = _ring_distance(x - self.heart[0], y - self.heart[1], self.heart[3], self.heart[4], self._heart_at(z))
        return -np.maximum(np.maximum(lung, cage), -heart)

    def sections(self, z_mm: float) -> list[Ellipse]:
        """The slice at z as ellipses of attenuation around the lung's centre, both lungs, without ribs and vessels."""
        cx, k, heart = self.centre_mm[0], float(self._height(z_mm)), float(self._heart_at(z_mm))
        water, lung = hu_to_mu(0.0), hu_to_mu(self.lung_hu) - hu_to_mu(0.0)
        bone = hu_to_mu(MARROW_HU) - water
        lungs = [Ellipse(s * self.lung_x_mm - cx, 0, k * self.lung_mm[0], k * self.lung_mm[1], lung) for s in (-1, 1)]
        x, y, _, a, b, _ = self.heart
        solid = [Ellipse(x - cx, y, 0.6 * heart * a, 0.6 * heart * b, -lung)] if heart > 0 and self.side > 0 else []
        spine = Ellipse(-cx, 0.62 * self.body_mm[1], 19, 16, bone)
        return [Ellipse(-cx, 0, *self.body_mm, water), spine, *(lungs if k > 0 else []), *solid]

    def _height(self, z: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """In-plane size of the lung at z, as a share of its largest."""
        return np.sqrt(np.maximum(1 - (np.asarray(z) / self.lung_mm[2]) ** 2, 0))

    def _heart_at(self, z: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """In-plane size of the heart at z, as a share of its largest."""
        return np.sqrt(np.maximum(1 - ((np.asarray(z) - self.heart[2]) / self.heart[5]) ** 2, 0))


def draw_thorax(chance: np.random.Generator) -> Thorax:
    """A chest of random size, side and vessels."""
    side = int(chance.choice([-1, 1]))
    scale = chance.uniform(0.94, 1.03)
    a, b = 155 * scale, 106 * scale * chance.uniform(0.94, 1.05)
    lung = (57 * scale, 80 * scale * chance.uniform(0.95, 1.0), chance.uniform(110, 140))
    heart_x = 42 if side > 0 else 12  # the heart reaches further into the left side
    heart = (heart_x * scale, -0.36 * b, -45.0, 40 * scale, 40 * scale, 60.0)
    hu, rib = chance.uniform(-880, -830), chance.uniform(0, RIB_PERIOD_MM)
    bare = Thorax(side, (a, b), lung, 71 * scale, heart, hu, rib, np.zeros((0, 8)))
    return Thorax(side, (a, b), lung, 71 * scale, heart, hu, rib, _vessel_tree(bare, chance))


def other_side(thorax: Thorax, chance: np.random.Generator) -> Thorax:
    """The other lung of the same chest, with vessels of its own."""
    bare = replace(thorax, side=-thorax.side, vessels=np.zeros((0, 8)))
    return replace(bare, vessels=_vessel_tree(bare, chance))


def paint_thorax(thorax: Thorax, grid: Grid, *others: Thorax) -> Array:
    """CT numbers (slices, rows, columns) of the chest on the grid, float32, without nodules, blur or noise.

    others  the other side, where it is to have a lung, too
    """
    x, y = np.meshgrid(grid.x, grid.y)
    plane = np.full(x.shape, -1000, np.float32)
    for ring, hu in ((1.0, FAT_HU), (0.95, MUSCLE_HU)):
        share = soft_edge(_ring_distance(x, y, *thorax.body_mm, ring))
        plane += share * (hu - plane)
    volume = np.repeat(plane[None], len(grid.z), axis=0)
    for each in (thorax, *others):
        _lay_lung(volume, each, grid, x, y)
    _lay_bones(volume, thorax, grid, x, y)
    for row in np.concatenate([each.vessels for each in (thorax, *others)]).astype(np.float32):
        drawn = capsule(grid, row[:3], row[3:6], (float(row[6]), float(row[7])))
        if drawn is not None:
            lay(volume, *drawn, BLOOD_HU)
    return volume


def _ring_distance(x: NDArray, y: NDArray, a: float, b: float, ring: float | NDArray[np.float64]) -> NDArray:
    """Distance to the ellipse (x / a)^2 + (y / b)^2 = ring^2 to first order; negative inside."""
    level = np.sqrt((x / a) ** 2 + (y / b) ** 2) + 1e-6
    slope = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2) / level + 1e-6
    return (level - ring) / slope


def _lay_lung(volume: Array, thorax: Thorax, grid: Grid, x: Array, y: Array) -> None:
    """The lung inside the cage without the heart; denser towards the back, where a lying patient's blood pools."""
    cage = soft_edge(_ring_distance(x, y, *thorax.body_mm, CAGE_RING))
    hu = (thorax.lung_hu + 0.3 * y).astype(np.float32)
    hx, hy, _, ha, hb, _ = thorax.heart
    for k, z in enumerate(grid.z):
        size, heart = float(thorax._height(z)), float(thorax._heart_at(z))
        lung = soft_edge(_ring_distance(x - thorax.centre_mm[0], y, thorax.lung_mm[0], thorax.lung_mm[1], size))
        outside = 1 - soft_edge(_ring_distance(x - hx, y - hy, ha, hb, heart)) if heart > 0 else 1
        volume[k] += (lung * cage * outside) * (hu - volume[k])


def _lay_bones(volume: Array, thorax: Thorax, grid: Grid, x: Array, y: Array) -> None:
    """Ribs running down from back to front, and a vertebral body: marrow in a cortex."""
    b = thorax.body_mm[1]
    around = _ring_distance(x, y, *thorax.body_mm, RIB_RING)
    near = np.abs(around) < RIB_RADIUS_MM + 1
    fall = (RIB_SLOPE_MM * y / b)[near]
    for k, z in enumerate(grid.z):
        along = (z - thorax.rib_mm - fall) % RIB_PERIOD_MM - RIB_PERIOD_MM / 2
        distance = np.hypot(around[near], 0.8 * along) - RIB_RADIUS_MM
        row = volume[k]
        row[near] += soft_edge(distance) * (BONE_HU - row[near])
        row[near] += soft_edge(distance + 1.6) * (MARROW_HU - row[near])
    spine = _ring_distance(x, y - 0.62 * b, 19, 16, 1.0)
    for share, hu in ((soft_edge(spine), BONE_HU - 250), (soft_edge(spine + 1.5), MARROW_HU)):
        volume += share * (np.float32(hu) - volume)


def _vessel_tree(thorax: Thorax, chance: np.random.Generator) -> NDArray[np.float64]:
    """Segments (n, 8) of a tree from the hilum, branching until the smallest radius or the lung's surface."""
    segments: list[NDArray[np.float64]] = []
    growing = []
    for slope in np.linspace(-2.2, 2.2, ROOTS):  # fanned out from front to back
        aim = np.array([thorax.side * 0.9, slope + chance.normal(0, 0.3), chance.normal(0, 0.9)])
        growing.append((thorax.hilum_mm, aim / np.linalg.norm(aim), chance.uniform(2.5, 4.0)))
    while growing:
        start, aim, radius = growing.pop()
        end = start + aim * radius**0.7 * chance.uniform(4.5, 9.0)
        if thorax.depth_mm(end[None])[0] < 2 * radius:
            continue
        share = chance.uniform(0.25, 0.5)  # of the cubed radius, to the thinner daughter
        daughters = radius * share ** (1 / 3), radius * (1 - share) ** (1 / 3)
        segments.append(np.array([*start, *end, radius, max(daughters)]))
        for daughter in daughters:
            if daughter >= SMALLEST_VESSEL_MM:
                turned = aim + chance.normal(0, 0.45 if daughter < radius * 0.75 else 0.22, 3)
                growing.append((end, turned / np.linalg.norm(turned), daughter))
    return np.array(segments).reshape(-1, 8)
