"""One simulated patient: a chest with nodules, scanned at a site, as an image in HU and a list of what is in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.physics.phantoms.features import measure
from radcnn.physics.phantoms.nodules import Nodule, Placed, draw_nodule, lay_nodule, placed
from radcnn.physics.phantoms.scan import Field, Site, scan
from radcnn.physics.phantoms.series import stored_hu
from radcnn.physics.phantoms.shapes import Grid
from radcnn.physics.phantoms.thorax import Thorax, draw_thorax, other_side, paint_thorax

APART_MM = 40.0  # wished distance between nodules, so that a patch shows one; shrinks where the lung is full
WALL_MM = 3.0  # least distance of a nodule's core from the pleura
HILUM_MM = 20.0  # and from the hilum, where large vessels would hide it
END_MM = 20.0  # distance of nodules from the first and the last slice, so that patches of 40 mm are filled
SHRINK, TRIES_PER_STEP = 0.9, 200


@dataclass(frozen=True)
class Plan:
    """What is decided before a patient is drawn: who, where, and the class of every nodule."""

    patient: str
    site: Site
    malignant: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class Patient:
    """A scanned patient.

    hu           (slices, size, size), whole HU
    first_mm     centre of the first voxel (x, y, z; LPS)
    spacing_mm   between slices, rows, columns
    nodules      in the order of the plan, in patient coordinates
    features     of every nodule, measured in the image
    """

    plan: Plan
    hu: NDArray[np.int16]
    first_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    nodules: tuple[Placed, ...]
    features: tuple[dict[str, float], ...]


def simulate_patient(plan: Plan, field: Field, seed: int) -> Patient:
    """Draw and scan a patient; all chance comes from the seed and the patient's name."""
    chance = generator(seed, "physics", "nodule study", plan.patient)
    thorax = draw_thorax(chance)
    grid = field.grid(plan.site)
    volume = paint_thorax(thorax, grid, other_side(thorax, chance))
    drawn = [draw_nodule(malignant, chance) for malignant in plan.malignant]
    at = places(drawn, thorax, grid, chance)
    found = [
        placed(grid, lay_nodule(volume, grid, one, where), one.malignant) for one, where in zip(drawn, at, strict=True)
    ]
    aim = thorax.centre_mm if field.aimed else (0.0, 0.0)
    hu = stored_hu(scan(volume, grid, plan.site, field, aim, chance))
    spacing = (grid.slice_mm, field.pixel_mm, field.pixel_mm)
    first, table_mm = on_the_table(field, grid, aim, chance)
    moved = [p.moved(table_mm) for p in found]
    features = tuple(measure(hu, spacing, index_of(p.centre_mm, first, spacing), p.diameter_mm) for p in moved)
    return Patient(plan, hu, first, spacing, tuple(moved), features)


def on_the_table(
    field: Field, grid: Grid, aim_mm: tuple[float, float], chance: np.random.Generator
) -> tuple[tuple[float, float, float], float]:
    """Centre of the first voxel (x, y, z; LPS mm) of an image about `aim_mm`, and where along z the table stood."""
    table_mm = float(np.round(chance.uniform(-300, -100)))
    half = (field.size - 1) / 2 * field.pixel_mm
    x, y = (round(c - half, 4) for c in aim_mm)
    return (x, y, round(float(grid.z[0]) + table_mm, 4)), table_mm


def index_of(
    centre: tuple[float, float, float], first: tuple[float, float, float], spacing: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Fractional index (slice, row, column) of a point (x, y, z)."""
    x, y, z = ((c - f) / s for c, f, s in zip(centre, first, spacing[::-1], strict=True))
    return z, y, x


def places(nodules: list[Nodule], thorax: Thorax, grid: Grid, chance: np.random.Generator) -> list[NDArray[np.float64]]:
    """Centres (x, y, z) inside the lung, apart from each other and from the ends of the scan."""
    half_z = max(float(grid.z[-1]) - END_MM, 1.0)
    reach = np.array([thorax.lung_mm[0], thorax.lung_mm[1], half_z])
    middle = np.array([*thorax.centre_mm, 0.0])
    found: list[NDArray[np.float64]] = []
    for nodule in nodules:
        apart, wall = APART_MM, WALL_MM + nodule.radius_mm
        while True:
            at = middle + chance.uniform(-1, 1, (TRIES_PER_STEP, 3)) * reach
            good = (thorax.depth_mm(at) > wall) & (np.linalg.norm(at - thorax.hilum_mm, axis=1) > wall + HILUM_MM)
            for other in found:
                good &= np.linalg.norm(at - other, axis=1) > apart
            if good.any():
                found.append(at[good.argmax()])
                break
            apart *= SHRINK
    return found
