"""A whole simulated chest (P1): both lungs with nodules of three kinds, scanned at a site, with the truth in masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.physics.phantoms.features import measure
from radcnn.physics.phantoms.lesions import Kind, Signs, draw_signs, shape_of
from radcnn.physics.phantoms.nodules import Drawn, Nodule, Placed, lay_nodule, placed
from radcnn.physics.phantoms.patient import index_of, on_the_table
from radcnn.physics.phantoms.readers import READERS, Reading, read
from radcnn.physics.phantoms.scan import FINE, Field, Site, scan
from radcnn.physics.phantoms.series import stored_hu
from radcnn.physics.phantoms.shapes import Grid
from radcnn.physics.phantoms.thorax import Thorax, Tissue, draw_thorax, other_side, paint_thorax, strokes

Status: TypeAlias = Literal["no nodules", "benign", "primary", "metastatic"]

CHEST = Field(size=256, pixel_mm=1.4, height_mm=256.0, views=500, aimed=False)
LABELS: MappingProxyType[Tissue, int] = MappingProxyType(
    {"left lung": 1, "right lung": 2, "heart": 3, "spine": 4, "ribs": 5, "airways": 6, "vessels": 7}
)
WALL_MM, HILUM_MM, END_MM, APART_MM = 3.0, 20.0, 12.0, 4.0  # of free nodules; between the surfaces of two
INTO_WALL = (0.2, 0.7)  # how deep the middle of a juxta-pleural nodule lies, in radii
TRIES, MOST_TRIES = 400, 60


@dataclass(frozen=True)
class ChestPlan:
    """What is decided before a chest is drawn: who, where, and the kind of every nodule."""

    patient: str
    site: Site
    status: Status
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Lesion:
    """A nodule as drawn: its signs, its place and size, what is measured in the image and what four readers say."""

    kind: Kind
    signs: Signs
    placed: Placed
    features: dict[str, float]
    readings: tuple[Reading | None, ...]


@dataclass(frozen=True, eq=False)
class ChestCase:
    """A scanned chest.

    hu          (slices, size, size), whole HU
    tissues     the same shape: numbers of LABELS, 0 elsewhere
    nodules     the same shape: 1 for the first nodule, 2 for the second ...; 0 elsewhere
    first_mm    centre of the first voxel (x, y, z; LPS)
    spacing_mm  between slices, rows, columns
    """

    plan: ChestPlan
    hu: NDArray[np.int16]
    tissues: NDArray[np.uint8]
    nodules: NDArray[np.uint8]
    first_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    lesions: tuple[Lesion, ...]


def simulate_chest(plan: ChestPlan, seed: int, field: Field = CHEST) -> ChestCase:
    """Draw and scan a chest; all chance comes from the seed and the patient's name."""
    chance = generator(seed, "physics", "chest", plan.patient)
    sides = [draw_thorax(chance)]
    sides.append(other_side(sides[0], chance))
    grid = field.grid(plan.site)
    volume = paint_thorax(sides[0], grid, sides[1])
    wanted = [(kind, draw_signs(kind, chance)) for kind in plan.kinds]
    shapes = [shape_of(kind, signs, chance) for kind, signs in wanted]
    taken: list[tuple[NDArray[np.float64], float]] = []
    drawn = []
    for (_, signs), shape in zip(wanted, shapes, strict=True):
        thorax = sides[int(chance.integers(2))]
        at = _place(signs, shape, thorax, grid, taken, chance)
        taken.append((at, shape.radius_mm))
        drawn.append(lay_nodule(volume, grid, shape, at, within=thorax.outside_mm))
    hu = stored_hu(scan(volume, grid, plan.site, field, (0.0, 0.0), chance))
    spacing = (grid.slice_mm, field.pixel_mm, field.pixel_mm)
    first, table_mm = on_the_table(field, grid, (0.0, 0.0), chance)
    lesions = []
    for (kind, signs), one in zip(wanted, drawn, strict=True):
        lies = placed(grid, one, kind != "benign").moved(table_mm)
        features = measure(hu, spacing, index_of(lies.centre_mm, first, spacing), lies.diameter_mm)
        readings = tuple(read(signs, lies.diameter_mm, reader, chance) for reader in READERS)
        lesions.append(Lesion(kind, signs, lies, features, readings))
    tissues = _tissues(sides, _image_grid(grid, field))
    return ChestCase(plan, hu, tissues, _numbered(drawn, grid, field), first, spacing, tuple(lesions))


def _place(
    signs: Signs, shape: Nodule, thorax: Thorax, grid: Grid, others: Sequence[tuple[NDArray[np.float64], float]],
    chance: np.random.Generator,
) -> NDArray[np.float64]:  # fmt: skip
    """Where a nodule with these signs may lie (x, y, z); wider and wider about its height until a place is found."""
    half_z = min(float(grid.z[-1]) - END_MM, 0.9 * thorax.lung_mm[2])
    height = (2 * signs.upper - 1) * half_z
    radius = shape.radius_mm
    vessels = thorax.vessels[thorax.vessels[:, 6] < 2.2]
    for attempt in range(MOST_TRIES):
        if signs.contact == "juxta-vascular":
            rows = vessels[chance.integers(len(vessels), size=TRIES)]
            at = rows[:, :3] + chance.random((TRIES, 1)) * (rows[:, 3:6] - rows[:, :3])
        else:
            reach = np.array([*thorax.lung_mm[:2], 4.0 + 3.0 * attempt])
            at = np.array([*thorax.centre_mm, height]) + chance.uniform(-1, 1, (TRIES, 3)) * reach
        depth = thorax.depth_mm(at)
        good = (np.abs(at[:, 2]) < half_z) & (np.abs(at[:, 2] - height) < 4.0 + 3.0 * attempt)
        if signs.contact == "juxta-pleural":
            good &= (depth > INTO_WALL[0] * radius) & (depth < INTO_WALL[1] * radius)
        else:
            wall = max(WALL_MM - 0.1 * attempt, 0)
            good &= depth > wall + radius
        good &= np.linalg.norm(at - thorax.hilum_mm, axis=1) > max(HILUM_MM - 0.4 * attempt, 0) + radius
        for other, size in others:
            good &= np.linalg.norm(at - other, axis=1) > size + radius + APART_MM
        if good.any():
            return at[int(good.argmax())]
    raise AssertionError(f"no lung holds a nodule of {2 * radius:.0f} mm among {len(others)} others")


def _image_grid(grid: Grid, field: Field) -> Grid:
    """The pixels of the image, on as many planes."""
    pixels = field.beam().pixels_mm.astype(np.float32)
    return Grid(pixels, pixels, grid.z, grid.planes)


def _tissues(sides: Sequence[Thorax], grid: Grid) -> NDArray[np.uint8]:
    """The tissue that covers at least half of each voxel."""
    made = np.zeros(grid.shape, np.uint8)
    for stroke in strokes(grid, *sides):
        part = made[stroke.box]
        np.copyto(part, LABELS.get(stroke.tissue, 0), where=np.broadcast_to(stroke.share >= 0.5, part.shape))
    return made


def _numbered(drawn: Sequence[Drawn], grid: Grid, field: Field) -> NDArray[np.uint8]:
    """Which nodule covers at least half of each voxel of the image; a smaller one has the voxel that it fills most."""
    made = np.zeros((len(grid.z), field.size, field.size), np.uint8)
    edge = (len(grid.x) - FINE * field.size) // 2  # fine pixels beyond the image
    for number, one in enumerate(drawn, start=1):
        slices, rows, columns = one.box
        low = [(part.start - edge) // FINE for part in (rows, columns)]
        high = [-((edge - part.stop) // FINE) for part in (rows, columns)]
        whole = np.zeros((len(one.share), *((h - b) * FINE for h, b in zip(high, low, strict=True))), np.float32)
        r, c = rows.start - edge - low[0] * FINE, columns.start - edge - low[1] * FINE
        whole[:, r : r + one.share.shape[1], c : c + one.share.shape[2]] = one.share
        shares = whole.reshape(len(whole), high[0] - low[0], FINE, high[1] - low[1], FINE).mean(axis=(2, 4))
        part = made[slices, low[0] : high[0], low[1] : high[1]]
        np.copyto(part, number, where=shares >= min(0.5, float(shares.max())))
    return made
