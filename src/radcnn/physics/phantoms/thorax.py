"""One side of a chest: chest wall with ribs, spine, heart, and a lung with its vessels, airways and scars.

x to the patient's left, y to the back, z to the head (LPS, mm); z = 0 is the hilum. The lung is an ellipsoid inside the
rib cage; vessels and airways branch by Murray's law (r^3 = r1^3 + r2^3; J Gen Physiol 1926;9:835), and a branch of the
airways is about three times as long as wide (Weibel, Morphometry of the Human Lung, 1963). CT numbers are the
textbook's (Hounsfield units at 120 kVp). Fissures and the diaphragm are not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radcnn.physics.phantoms.shapes import Array, Box, Grid, capsule, lay, soft_edge

FAT_HU, MUSCLE_HU, HEART_HU, BLOOD_HU, BONE_HU, MARROW_HU = -100.0, 50.0, 42.0, 45.0, 650.0, 180.0
FAT_MM, WALL_MM = (3.0, 16.0), (16.0, 21.0)  # thickness under the skin, and of muscle and ribs to the lung, at the side
RIB_PERIOD_MM, RIB_RADIUS_MM, RIB_SLOPE_MM = (
    26.0,
    5.0,
    45.0,
)  # distance along z, half thickness, fall from back to front
SMALLEST_VESSEL_MM = 0.65  # radius; smaller vessels are part of the parenchyma's texture
SMALLEST_AIRWAY_MM = 0.9  # radius of the lumen
LUMEN_HU, WALL_HU, AIRWAY_WALL = -980.0, 20.0, (0.35, 0.16)  # thickness: millimetres and a share of the radius
TRACHEA_MM, CARINA_MM, LARYNX_MM = 8.5, (0.0, 12.0, 34.0), 175.0  # radius; where it forks; height of its upper end
SCARS, SCAR_HU = 0.9, (-350.0, 20.0)  # of a lung, on average; their CT numbers

Segments: TypeAlias = NDArray[np.float64]
Tissue: TypeAlias = Literal["trunk", "left lung", "right lung", "heart", "spine", "ribs", "airways", "vessels"]
NONE = np.zeros((0, 8))


@dataclass(frozen=True, eq=False)
class Thorax:
    """A drawn chest.

    side        +1: the left lung is imaged, -1: the right
    body_mm     semi-axes (x, y) of the trunk
    rings       where muscle begins, ribs lie and the lungs end, as shares of the way from the trunk's axis to the skin
    lung_mm     semi-axes (x, y, z) of the lung
    lung_x_mm   distance of the lung's centre from the midline
    heart       centre (x, y, z) and semi-axes of the heart, 6 numbers in mm
    lung_hu     CT number of the parenchyma
    rib_mm      place of the ribs along z
    vessels     (n, 8): start and end (x, y, z), radius at both, in mm
    airways     (n, 8): the same of the lumen, from the trachea
    scars       (n, 9): the same of fibrous strands, and their CT number
    """

    side: int
    body_mm: tuple[float, float]
    rings: tuple[float, float, float]
    lung_mm: tuple[float, float, float]
    lung_x_mm: float
    heart: tuple[float, float, float, float, float, float]
    lung_hu: float
    rib_mm: float
    vessels: Segments
    airways: Segments
    scars: Segments

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
        return -self.outside_mm(*points.T)

    def outside_mm(self, x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        """The same, positive outside, for coordinates that broadcast."""
        lung = _ring_distance(x - self.centre_mm[0], y, self.lung_mm[0], self.lung_mm[1], self._height(z))
        cage = _ring_distance(x, y, *self.body_mm, self.rings[2])
        heart = _ring_distance(x - self.heart[0], y - self.heart[1], self.heart[3], self.heart[4], self._heart_at(z))
        return np.maximum(np.maximum(lung, cage), -heart)

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
    muscle = 1 - chance.uniform(*FAT_MM) / a
    cage = muscle - chance.uniform(*WALL_MM) / a
    rings = (muscle, cage + 0.45 * (muscle - cage), cage)
    lung = (57 * scale * chance.uniform(0.92, 1.0), 80 * scale * chance.uniform(0.95, 1.0), chance.uniform(110, 140))
    heart_x = 42 if side > 0 else 12  # the heart reaches further into the left side
    heart = (heart_x * scale, -0.36 * b, -45.0, 40 * scale, 40 * scale, 60.0)
    hu, rib = chance.uniform(-880, -830), chance.uniform(0, RIB_PERIOD_MM)
    bare = Thorax(side, (a, b), rings, lung, 71 * scale, heart, hu, rib, NONE, NONE, np.zeros((0, 9)))
    return _filled(bare, chance)


def other_side(thorax: Thorax, chance: np.random.Generator) -> Thorax:
    """The other lung of the same chest, with vessels, airways and scars of its own."""
    return _filled(replace(thorax, side=-thorax.side), chance)


def _filled(bare: Thorax, chance: np.random.Generator) -> Thorax:
    """The chest with what branches in its lung, drawn anew."""
    return replace(bare, vessels=_vessel_tree(bare, chance), airways=_airways(bare, chance), scars=_scars(bare, chance))


@dataclass(frozen=True, eq=False)
class Stroke:
    """Share (0 to 1) of the voxels of a box that a tissue covers, and its CT number there."""

    tissue: Tissue
    box: Box
    share: Array
    hu: float | Array


def paint_thorax(thorax: Thorax, grid: Grid, *others: Thorax) -> Array:
    """CT numbers (slices, rows, columns) of the chest on the grid, float32, without nodules, blur or noise.

    others  the other side, where it is to have a lung, too
    """
    volume = np.full(grid.shape, -1000, np.float32)
    for stroke in strokes(grid, thorax, *others):
        lay(volume, stroke.box, stroke.share, stroke.hu)
    return volume


def strokes(grid: Grid, thorax: Thorax, *others: Thorax) -> Iterator[Stroke]:
    """The chest, from outside inwards: what comes later covers what came before."""
    both = (thorax, *others)
    x, y = np.meshgrid(grid.x, grid.y)
    whole = (slice(None), slice(None), slice(None))
    for ring, hu in ((1.0, FAT_HU), (thorax.rings[0], MUSCLE_HU)):
        yield Stroke("trunk", whole, soft_edge(_ring_distance(x, y, *thorax.body_mm, ring))[None], hu)
    for each in both:
        yield from _lung(each, grid)
    yield from _bones(thorax, grid, x, y)
    yield from _strands("vessels", grid, np.concatenate([each.vessels for each in both]), BLOOD_HU)
    airways = np.concatenate([each.airways for each in both])
    yield from _strands("trunk", grid, walled(airways), WALL_HU)  # all walls before any lumen: none closes another
    yield from _strands("airways", grid, airways, LUMEN_HU)
    for row in np.concatenate([each.scars for each in both]):
        yield from _strands("trunk", grid, row[None, :8], float(row[8]))


def _strands(tissue: Tissue, grid: Grid, segments: Segments, hu: float) -> Iterator[Stroke]:
    for row in segments.astype(np.float32):
        drawn = capsule(grid, row[:3], row[3:6], (float(row[6]), float(row[7])))
        if drawn is not None:
            yield Stroke(tissue, *drawn, hu)


def walled(airways: Segments) -> Segments:
    """The outer surface of airways (n, 8)."""
    made = airways.copy()
    made[:, 6:] += AIRWAY_WALL[0] + AIRWAY_WALL[1] * airways[:, 6:]
    return made


def _ring_distance(x: NDArray, y: NDArray, a: float, b: float, ring: float | NDArray[np.float64]) -> NDArray:
    """Distance to the ellipse (x / a)^2 + (y / b)^2 = ring^2 to first order; negative inside."""
    level = np.sqrt((x / a) ** 2 + (y / b) ** 2) + 1e-6
    slope = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2) / level + 1e-6
    return (level - ring) / slope


def _lung(thorax: Thorax, grid: Grid) -> Iterator[Stroke]:
    """Heart, and lung within the cage about it; denser towards the back, where a lying patient's blood pools."""
    lung, around = np.array(thorax.lung_mm), np.array([*thorax.centre_mm, 0.0])
    box = grid.box(around - lung, around + lung)
    hx, hy, hz, ha, hb, hc = thorax.heart
    if box is not None:
        x, y = grid.x[box[2]][None, :], grid.y[box[1]][:, None]
        cage = soft_edge(_ring_distance(x, y, *thorax.body_mm, thorax.rings[2]))
        hu = (thorax.lung_hu + 0.3 * y).astype(np.float32)
        for k in range(box[0].start, box[0].stop):
            size, heart = (float(at(grid.z[k])) for at in (thorax._height, thorax._heart_at))
            share = cage * soft_edge(_ring_distance(x - around[0], y, *thorax.lung_mm[:2], size))
            if heart > 0:
                share = share * (1 - soft_edge(_ring_distance(x - hx, y - hy, ha, hb, heart)))
            name: Tissue = "left lung" if thorax.side > 0 else "right lung"
            yield Stroke(name, (slice(k, k + 1), *box[1:]), share[None], hu)
    if (box := grid.box((hx - ha, hy - hb, hz - hc), (hx + ha, hy + hb, hz + hc))) is not None:
        x, y = grid.x[box[2]][None, :], grid.y[box[1]][:, None]
        for k in range(box[0].start, box[0].stop):
            share = soft_edge(_ring_distance(x - hx, y - hy, ha, hb, float(thorax._heart_at(grid.z[k]))))
            share = share * soft_edge(_ring_distance(x, y, *thorax.body_mm, thorax.rings[2]))
            yield Stroke("heart", (slice(k, k + 1), *box[1:]), share[None], HEART_HU)


def _bones(thorax: Thorax, grid: Grid, x: Array, y: Array) -> Iterator[Stroke]:
    """Ribs running down from back to front, and a vertebral body: marrow in a cortex."""
    b = thorax.body_mm[1]
    around = _ring_distance(x, y, *thorax.body_mm, thorax.rings[1])
    near = np.abs(around) < RIB_RADIUS_MM + 1
    fall = (RIB_SLOPE_MM * y / b)[near]
    for k, z in enumerate(grid.z):
        along = (z - thorax.rib_mm - fall) % RIB_PERIOD_MM - RIB_PERIOD_MM / 2
        distance = np.hypot(around[near], 0.8 * along) - RIB_RADIUS_MM
        for inwards, hu in ((0.0, BONE_HU), (1.6, MARROW_HU)):
            share = np.zeros_like(around)
            share[near] = soft_edge(distance + inwards)
            yield Stroke("ribs", (slice(k, k + 1), slice(None), slice(None)), share[None], hu)
    for inwards, hu in ((0.0, BONE_HU - 250), (1.5, MARROW_HU)):
        share = soft_edge(_ring_distance(x, y - 0.62 * b, 19, 16, 1.0) + inwards)
        yield Stroke("spine", (slice(None), slice(None), slice(None)), share[None], hu)


def _vessel_tree(thorax: Thorax, chance: np.random.Generator) -> Segments:
    """Vessels from the hilum, fanned out from front to back."""
    roots = _roots(thorax, np.linspace(-2.2, 2.2, 7), (2.5, 4.0), chance)
    return _grown(thorax, roots, lambda radius: radius**0.7 * chance.uniform(5.5, 12.0), SMALLEST_VESSEL_MM, chance)


def _airways(thorax: Thorax, chance: np.random.Generator) -> Segments:
    """The trachea, the main bronchus of this side and the bronchi of its lung, by the radius of their lumen."""
    trachea, main = TRACHEA_MM * chance.uniform(0.85, 1.1), TRACHEA_MM * chance.uniform(0.6, 0.75)
    carina = np.array(CARINA_MM)
    hilum = thorax.hilum_mm + np.array([0.0, 4.0, 3.0])  # behind and above the vessels
    lead = [[*CARINA_MM[:2], LARYNX_MM, *carina, trachea, trachea], [*carina, *hilum, main, 0.85 * main]]
    roots = [(hilum, aim, radius) for _, aim, radius in _roots(thorax, np.array([-1.2, 0.0, 1.2]), (2.4, 3.4), chance)]
    tree = _grown(thorax, roots, lambda radius: radius * chance.uniform(4.5, 7.5), SMALLEST_AIRWAY_MM, chance)
    return np.concatenate([np.array(lead), tree])


Branch = tuple[NDArray[np.float64], NDArray[np.float64], float]


def _roots(
    thorax: Thorax, slopes: NDArray[np.float64], radii: tuple[float, float], chance: np.random.Generator
) -> list[Branch]:
    """Branches that leave the hilum: start, direction and radius."""
    found = []
    for slope in slopes:
        aim = np.array([thorax.side * 0.9, slope + chance.normal(0, 0.3), chance.normal(0, 0.9)])
        found.append((thorax.hilum_mm, aim / np.linalg.norm(aim), chance.uniform(*radii)))
    return found


def _grown(
    thorax: Thorax,
    growing: list[Branch],
    length: Callable[[float], float],
    smallest: float,
    chance: np.random.Generator,
) -> Segments:
    """Segments (n, 8) of trees that branch until the smallest radius or the lung's surface."""
    segments: list[NDArray[np.float64]] = []
    while growing:
        start, aim, radius = growing.pop()
        end = start + aim * length(radius)
        if thorax.depth_mm(end[None])[0] < 2 * radius:
            continue
        share = chance.uniform(0.25, 0.5)  # of the cubed radius, to the thinner daughter
        daughters = radius * share ** (1 / 3), radius * (1 - share) ** (1 / 3)
        segments.append(np.array([*start, *end, radius, max(daughters)]))
        for daughter in daughters:
            if daughter >= smallest:
                turned = aim + chance.normal(0, 0.45 if daughter < radius * 0.75 else 0.22, 3)
                growing.append((end, turned / np.linalg.norm(turned), daughter))
    return np.array(segments).reshape(-1, 8)


def _scars(thorax: Thorax, chance: np.random.Generator) -> Segments:
    """Fibrous bands (n, 9) from the pleura inwards, each of a few strands side by side; more of them near the apex."""
    strands = []
    for _ in range(chance.poisson(SCARS)):
        height = thorax.lung_mm[2] * (0.75 - 1.4 * chance.beta(1.3, 2.5))
        around = chance.uniform(0, 2 * np.pi)
        out = np.array([np.cos(around), np.sin(around), 0.0])
        middle = np.array([*thorax.centre_mm, height])
        steps = middle + np.arange(0, 90, 0.5)[:, None] * out
        wall = steps[int((thorax.depth_mm(steps) > 0).sum()) - 1]
        if thorax.depth_mm(wall[None])[0] < 0:  # the heart lies there
            continue
        hu, length, thick = chance.uniform(*SCAR_HU), chance.uniform(10, 28), chance.uniform(0.7, 1.5)
        along = np.cross(out, chance.standard_normal(3))
        along /= np.linalg.norm(along)
        for k in range(int(chance.integers(2, 6))):
            start = wall + 2.2 * thick * k * along
            end = start - out * length * chance.uniform(0.6, 1.1) + chance.normal(0, 2.0, 3)
            strands.append([*start, *end, thick * chance.uniform(0.8, 1.4), 0.4 * thick, hu])
    return np.array(strands).reshape(-1, 9)
