"""An abdomen in contrast-enhanced CT: a liver with lesions among organs of overlapping HU (P3), by projection.

x to the patient's left, y to the back, z to the head (LPS, mm). The liver is two lobes with low bumps; spleen, kidneys,
stomach and bowel have CT numbers that overlap its own, so that no threshold finds it. Lesions are metastases (darker,
often with a rim), cysts, and haemangiomas that have filled in; some are hardly darker than the liver. Everything is
drawn on pixels half as large as the image's, projected, measured with noise and reconstructed (`phantoms.scan`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.errors import SettingsError
from radcnn.physics.phantoms.scan import FINE, Field, Site, scan
from radcnn.physics.phantoms.series import stored_hu
from radcnn.physics.phantoms.shapes import Array, Box, Grid, bumpy, capsule_distance, lay, soft_edge

FIELD = Field(size=160, pixel_mm=2.0, height_mm=176.0, views=360, aimed=False)
SITES = (
    Site("north", kernel="soft", photons=9e4, slice_mm=4.0),
    Site("south", kernel="soft", photons=5e4, slice_mm=4.0),
    Site("west", kernel="sharp", photons=12e4, slice_mm=5.0),
)
FAT, MUSCLE, BONE, MARROW, GAS = -100.0, 60.0, 600.0, 200.0, -900.0
LIVER_HU, SPLEEN_HU, KIDNEY_HU, VESSEL_HU = (92.0, 122.0), (95.0, 130.0), (120.0, 185.0), (130.0, 165.0)
LESION_MM = (8.0, 45.0)  # diameters
MOST_LESIONS = 6
HEIGHTS = (0.06, 0.03, 0.02)  # of the waves on organs and lesions, by their order
LABELS = {"liver": 1, "lesion": 2}

LesionKind = Literal["metastasis", "cyst", "haemangioma"]
Told = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class AbdomenImage:
    """A scan (slices, rows, columns) in whole HU, its mask (1 liver, 2 lesion), spacing, site and number of lesions."""

    hu: NDArray[np.int16]
    mask: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]
    site: str
    lesions: int


def abdomen_images(
    count: int, *, seed: int = 0, field: Field = FIELD, told: Told | None = None
) -> Iterator[AbdomenImage]:
    """`count` abdomens; the same seed, the same images. Raises SettingsError for fewer than one."""
    if count < 1:
        raise SettingsError(f"a study of abdomens needs at least 1 patient, got {count}")
    for k in range(count):  # each uses all cores
        yield draw_abdomen(generator(seed, "physics", "abdomen", k), field)
        if told is not None:
            told(k + 1, count)


def draw_abdomen(chance: np.random.Generator, field: Field = FIELD) -> AbdomenImage:
    """One patient, scanned."""
    site = SITES[int(chance.integers(len(SITES)))]
    grid = field.grid(site)
    volume = np.full(grid.shape, -1000.0, np.float32)
    scale = chance.uniform(0.9, 1.03)
    body = (150 * scale, 108 * scale * chance.uniform(0.92, 1.05))
    _trunk(volume, grid, body, chance)
    _neighbours(volume, grid, body, chance)
    liver = _liver(volume, grid, body, chance)
    lesions, count = _lesions(volume, grid, liver, chance)
    hu = stored_hu(scan(volume, grid, site, field, (0.0, 0.0), chance))
    mask = np.where(_on_image(liver, grid, field) >= 0.5, np.uint8(1), np.uint8(0))
    mask[_on_image(lesions, grid, field) >= 0.5] = 2
    spacing = (grid.slice_mm, field.pixel_mm, field.pixel_mm)
    return AbdomenImage(hu, mask, spacing, site.name, count)


def _trunk(volume: Array, grid: Grid, body: tuple[float, float], chance: np.random.Generator) -> None:
    """Skin and fat, muscle, the cavity's fat, spine and ribs, in place."""
    x, y = np.meshgrid(grid.x, grid.y)
    whole = (slice(None), slice(None), slice(None))
    wall = chance.uniform(8, 26)
    for a, b, hu in ((0, 0, FAT), (wall, wall, MUSCLE), (wall + 12, wall + 14, FAT)):
        lay(volume, whole, soft_edge(_oval(x, y, body[0] - a, body[1] - b))[None], hu)
    back = body[1] - wall - 26
    for side in (-1, 1):  # muscles beside the spine
        lay(volume, whole, soft_edge(_oval(x - side * 32, y - back - 4, 26, 18))[None], MUSCLE)
    lay(volume, whole, soft_edge(_oval(x, y - back + 8, 20, 16))[None], BONE)
    lay(volume, whole, soft_edge(_oval(x, y - back + 8, 17, 13))[None], MARROW)
    phase = chance.uniform(0, 26)
    for k in range(len(grid.z)):
        for j in range(14):  # ribs cut by the slice: they fall to the front
            angle = j * 2 * np.pi / 14 + 0.4 * np.sin((float(grid.z[k]) + phase) / 26 * 2 * np.pi)
            at = ((body[0] - wall - 6) * np.cos(angle), (body[1] - wall - 7) * np.sin(angle))
            if at[1] < -0.5 * body[1]:
                continue
            lay(volume, (slice(k, k + 1), *whole[1:]), soft_edge(_oval(x - at[0], y - at[1], 7, 4))[None], BONE)


def _neighbours(volume: Array, grid: Grid, body: tuple[float, float], chance: np.random.Generator) -> None:
    """Spleen, kidneys, stomach, bowel, aorta and vena cava, in place; their CT numbers overlap the liver's."""
    spleen = (0.62 * body[0], 0.35 * body[1], chance.uniform(25, 45))
    _organ(volume, grid, spleen, (32, 24, chance.uniform(38, 55)), chance.uniform(*SPLEEN_HU), chance)
    for side in (-1, 1):
        middle = (side * 62, 0.42 * body[1], -38 + 8 * side)
        _organ(volume, grid, middle, (26, 22, 50), chance.uniform(*KIDNEY_HU), chance)
        _organ(volume, grid, middle, (9, 8, 22), chance.uniform(-60, 20), chance)
    stomach = (0.38 * body[0], -0.25 * body[1], chance.uniform(20, 40))
    half = (chance.uniform(34, 50), chance.uniform(28, 40), chance.uniform(34, 50))
    _organ(volume, grid, stomach, half, 70.0, chance)
    _organ(volume, grid, stomach, tuple(n - 5 for n in half), chance.uniform(5, 95), chance)
    _organ(volume, grid, (stomach[0], stomach[1] - 0.5 * half[1], stomach[2]), (20, 8, 20), GAS, chance)
    for _ in range(int(chance.integers(10, 18))):  # loops of bowel below
        at = chance.uniform((-90, -70, -85), (90, 20, -20))
        size = chance.uniform(9, 17)
        _organ(volume, grid, tuple(at), (size * 1.6, size, size), chance.uniform(20, 110), chance)
        if chance.random() < 0.4:
            _organ(volume, grid, (at[0], at[1] - 0.3 * size, at[2]), (size, 0.4 * size, 0.6 * size), GAS, chance)
    for x, radius in ((8.0, 10.0), (-16.0, 12.0)):
        box = grid.box((x - 16, 14, -200), (x + 16, 50, 200))
        if box is not None:
            px, py, pz = grid.points(box)
            share = grid.slices(soft_edge(np.hypot(px - x - 4 * np.sin(pz / 40), py - 32) - radius))
            lay(volume, box, share, chance.uniform(*VESSEL_HU))


def _liver(volume: Array, grid: Grid, body: tuple[float, float], chance: np.random.Generator) -> Array:
    """The share of each voxel (slices, rows, columns) that is liver, laid into the volume with its vessels."""
    scale = chance.uniform(0.85, 1.08)
    right = np.array([-0.48 * body[0], 0.02 * body[1], chance.uniform(10, 28)])
    left = right + np.array([68, -0.30 * body[1], 12]) * scale
    halves = (np.array([68, 62, 72]) * scale, np.array([58, 30, 34]) * scale * chance.uniform(0.7, 1.2))
    share = np.zeros(volume.shape, np.float32)
    for middle, half in zip((right, left), halves, strict=True):
        box = grid.box(middle - 1.25 * half, middle + 1.25 * half)
        if box is None:
            continue
        covered = grid.slices(soft_edge(_bumpy(box, grid, middle, half, chance)))
        part = share[box]
        np.maximum(part, covered, out=part)
    x, y = np.meshgrid(grid.x, grid.y)
    cavity = soft_edge(_oval(x, y, body[0] - 34, body[1] - 36))[None]
    share *= cavity
    hu = chance.uniform(*LIVER_HU) if chance.random() > 0.15 else chance.uniform(40, 70)  # some livers are fatty
    lay(volume, (slice(None),) * 3, share, hu)
    for _ in range(int(chance.integers(14, 24))):  # vessels from the hilum outwards
        start = right + np.array([30, 0, -8]) * scale
        way = chance.standard_normal(3) * (1, 0.8, 0.7)
        way /= np.linalg.norm(way)
        end = start + way * chance.uniform(35, 75) * scale
        low, high = np.minimum(start, end) - 6, np.maximum(start, end) + 6
        box = grid.box(low, high)
        if box is None:
            continue
        strand = capsule_distance(start.astype(np.float32), end.astype(np.float32), (4.0, 1.2))
        vessel = grid.slices(soft_edge(strand(*grid.points(box)))) * share[box]
        lay(volume, box, vessel, chance.uniform(*VESSEL_HU))
    return share


def _lesions(volume: Array, grid: Grid, liver: Array, chance: np.random.Generator) -> tuple[Array, int]:
    """The share of each voxel that is a lesion, and how many there are: laid into the volume, within the liver."""
    share = np.zeros(volume.shape, np.float32)
    inside = np.argwhere(liver > 0.99)
    wanted = int(chance.integers(0, MOST_LESIONS + 1))
    laid = 0
    for _ in range(wanted):
        if not len(inside):
            break
        k, row, column = inside[int(chance.integers(len(inside)))]
        middle = np.array([grid.x[column], grid.y[row], grid.z[k]], dtype=float)
        radius = 0.5 * float(np.exp(chance.uniform(*np.log(LESION_MM))))
        half = radius * chance.uniform(0.8, 1.2, 3)
        kind: LesionKind = chance.choice(np.array(["metastasis", "cyst", "haemangioma"]), p=(0.6, 0.25, 0.15))
        box = grid.box(middle - 1.4 * half, middle + 1.4 * half)
        if box is None:
            continue
        surface = _bumpy(box, grid, middle, half, chance)
        within = liver[box]
        around = float(volume[k, row, column])
        covered = grid.slices(soft_edge(surface)) * within
        if kind == "cyst":
            lay(volume, box, covered, chance.uniform(0, 18))
        elif kind == "haemangioma":
            lay(volume, box, covered, around + chance.uniform(15, 45))
        else:
            dark = around - chance.uniform(18, 55)
            if chance.random() < 0.5:
                lay(volume, box, covered, around + chance.uniform(0, 20))
                lay(volume, box, grid.slices(soft_edge(surface + 2.5)) * within, dark)
            else:
                lay(volume, box, covered, dark)
        part = share[box]
        np.maximum(part, covered, out=part)
        laid += 1
    return share, laid


def _organ(
    volume: Array,
    grid: Grid,
    middle: tuple[float, ...],
    half: tuple[float, ...],
    hu: float,
    chance: np.random.Generator,
) -> None:
    """A bumpy ellipsoid of one CT number, in place."""
    at, size = np.asarray(middle, dtype=float), np.asarray(half, dtype=float)
    box = grid.box(at - 1.25 * size, at + 1.25 * size)
    if box is not None:
        lay(volume, box, grid.slices(soft_edge(_bumpy(box, grid, at, size, chance))), hu)


def _bumpy(box: Box, grid: Grid, middle: NDArray, half: NDArray, chance: np.random.Generator) -> Array:
    """Signed distance in mm to an ellipsoid with low waves, at the points of a box."""
    x, y, z = (along - np.float32(at) for along, at in zip(grid.points(box), middle, strict=True))
    return bumpy(x, y, z, half, chance, heights=HEIGHTS, each=2)


def _oval(x: NDArray, y: NDArray, a: float, b: float) -> NDArray:
    """Distance in mm to an ellipse about 0, to first order; negative inside."""
    return (np.hypot(x / a, y / b) - 1) * min(a, b)


def _on_image(share: Array, grid: Grid, field: Field) -> Array:
    """Shares on the pixels of the image, which are FINE times as large, about the same middle."""
    edge = (len(grid.x) - FINE * field.size) // 2
    whole: Box = (slice(None), slice(edge, edge + FINE * field.size), slice(edge, edge + FINE * field.size))
    kept = share[whole]
    made: Array = kept.reshape(len(kept), field.size, FINE, field.size, FINE).mean(axis=(2, 4))
    return made
