"""Neural tissue in serial-section electron microscopy: cells that touch, parted by thin dark membranes (P5).

Cells are the regions nearest to random points, by a distance that is longer along one direction than across it, in
coordinates that are bent so that no wall is straight. A membrane is 2 to 5 pixels wide and fades where the section cuts
it obliquely; organelles (mitochondria with walls and folds, vesicles) are as dark as membranes and part nothing. Grey
values are 8-bit levels with contrast, blur and noise that differ from section to section. The labels are those of the
ISBI challenge of 2012: 0 membrane, 255 cell (Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import SettingsError

SIZE = 512
CELL, MEMBRANE = 255, 0  # labels
AREA = (900.0, 3000.0)  # pixels of a usual cell, from section to section
BEND = ((40.0, 7.0), (12.0, 2.2))  # (correlation length, standard deviation) of displacements, in pixels
WIDTH = (2.0, 5.0)  # pixels of a membrane ...
MARGIN = 0.7  # ... and beside it on each side, that whoever labels it takes for it, too
CYTOPLASM, DARK = 0.68, 0.22  # mean levels
CORNER = 200  # pixels of a cell at the edge of the section, up to which it is not counted
BEYOND = 60  # pixels drawn on each side of the section, so that its edge cuts cells

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Section:
    """A section (rows, columns) in 8-bit levels, its labels (255 cell, 0 membrane), and how many cells it shows."""

    levels: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    cells: int


def sections(
    count: int, *, seed: int = 0, size: int = SIZE, told: Callable[[int, int], None] | None = None
) -> Iterator[Section]:
    """`count` sections, made by all cores; the same seed, the same images. Raises SettingsError for fewer than one."""
    if count < 1 or size < 64:
        raise SettingsError(f"sections need at least one, of 64 pixels a side, got {count} of {size}")
    yield from by_all_cores(lambda k: draw_section(generator(seed, "physics", "neuropil", k), size), count, told)


def draw_section(chance: np.random.Generator, size: int = SIZE) -> Section:
    """One section of tissue of its own."""
    whole = size + 2 * BEYOND
    rows, columns = _bent(whole, chance)
    nearest, apart = _cells(rows, columns, whole, chance)
    width = _between(WIDTH, _field(whole, 60.0, chance))
    inside = apart > width / 2 + MARGIN  # pixels to the middle of the membrane
    level = _cytoplasm(nearest, whole, chance)
    _organelles(level, (apart - width / 2).astype(np.float32), chance)
    # a wall that is cut obliquely is broad and pale
    pale = np.clip(0.5 + 0.9 * _field(whole, 25.0, chance), 0.0, 1.0)
    edge = np.clip((width / 2 + 0.5 + pale - apart) / (1 + pale), 0.0, 1.0)
    level += edge * (1 - 0.55 * pale * (pale > 0.75)) * (DARK - level)
    middle = slice(BEYOND, BEYOND + size)
    mask = np.where(inside[middle, middle], CELL, MEMBRANE).astype(np.uint8)
    return Section(_recorded(level[middle, middle], chance), mask, _shown(nearest[middle, middle]))


def _shown(nearest: NDArray[np.intp]) -> int:
    """How many cells show more than a corner."""
    return int(np.count_nonzero(np.bincount(nearest.ravel()) > CORNER))


def _field(size: int, length: float, chance: np.random.Generator) -> Array:
    """A smooth random field of mean 0 and standard deviation 1."""
    coarse = max(4, int(np.ceil(4 * size / length)))
    drawn = gaussian_filter(chance.standard_normal((coarse + 8, coarse + 8)), 4 / 2.35)
    drawn = (drawn - drawn.mean()) / drawn.std()
    at = np.linspace(3, coarse + 4, size)
    made: Array = map_coordinates(drawn, np.meshgrid(at, at, indexing="ij"), order=3).astype(np.float32)
    return made


def _between(bounds: tuple[float, float], field: Array) -> Array:
    """A field of standard deviation 1 as values between two bounds, most of them in the middle."""
    low, high = bounds
    return (low + (high - low) / (1 + np.exp(-1.7 * field))).astype(np.float32)


def _bent(size: int, chance: np.random.Generator) -> tuple[Array, Array]:
    """Row and column of each pixel, displaced by fields of two lengths."""
    rows, columns = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2, indexing="ij")
    for length, sd in BEND:
        rows = rows + sd * _field(size, length, chance)
        columns = columns + sd * _field(size, length, chance)
    return rows, columns


def _cells(rows: Array, columns: Array, size: int, chance: np.random.Generator) -> tuple[NDArray[np.intp], Array]:
    """The cell of each pixel, and how far the wall to the next one is in pixels, about."""
    area, angle, longer = chance.uniform(*AREA), chance.uniform(0, np.pi), chance.uniform(1.0, 2.2)
    across = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    across[0] /= longer
    points = chance.uniform(-20, size + 20, (round((size + 40) ** 2 / area), 2))
    kept = points[_apart(points @ across.T, 0.45 * np.sqrt(area / longer))]
    near, which = cKDTree(kept @ across.T).query(np.stack([rows, columns], -1).reshape(-1, 2) @ across.T, k=2)
    first, second = (kept[which[:, k]] for k in (0, 1))
    # the bisector of two points lies (d2^2 - d1^2) / (2 |p2 - p1|) away; |p2 - p1| as this distance sees its gradient
    gradient = np.linalg.norm((second - first) @ across.T @ across, axis=1)
    wall = (near[:, 1] ** 2 - near[:, 0] ** 2) / (2 * np.maximum(gradient, 1e-6))
    return which[:, 0].reshape(size, size), wall.reshape(size, size).astype(np.float32)


def _apart(points: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Which points to keep so that no two are closer than that: of a pair the first."""
    kept = np.ones(len(points), bool)
    for first, second in sorted(cKDTree(points).query_pairs(least)):
        if kept[first]:
            kept[second] = False
    return kept


def _cytoplasm(nearest: NDArray[np.intp], size: int, chance: np.random.Generator) -> Array:
    """Levels of the insides of cells: a shade for each, with a texture."""
    shades = CYTOPLASM + 0.05 * chance.standard_normal(int(nearest.max()) + 1)
    texture = 0.035 * _field(size, 5.0, chance) + 0.03 * _field(size, 30.0, chance)
    return (shades[nearest] + texture).astype(np.float32)


def _organelles(level: Array, room: Array, chance: np.random.Generator) -> None:
    """Mitochondria and vesicles, drawn where there is room for them in a cell."""
    size = len(level)
    wide = np.argwhere(room > 11)
    for row, column in wide[chance.permutation(len(wide))[: round(size**2 / 9000)]]:
        reach = min(float(room[row, column]) - 2, 26.0)
        half = reach * chance.uniform(0.45, 0.9), reach * chance.uniform(0.3, 0.6)
        _mitochondrion(level, row, column, half, chance)
    narrow = np.argwhere(room > 6)
    for row, column in narrow[chance.permutation(len(narrow))[: round(size**2 / 1600)]]:
        here, far = _box(level, row, column, 5), chance.uniform(1.8, 3.4)
        distance = np.hypot(*_offsets(here, row, column))
        ring = np.exp(-(((distance - far) / 0.9) ** 2))
        level[here] += 0.7 * ring * (DARK + 0.12 - level[here])


def _mitochondrion(level: Array, row: int, column: int, half: tuple[float, float], chance: np.random.Generator) -> None:
    """An ellipse with a dark wall and folds across it."""
    here, angle = _box(level, row, column, int(np.ceil(max(half))) + 2), chance.uniform(0, np.pi)
    down, right = _offsets(here, row, column)
    along, across = np.cos(angle) * right + np.sin(angle) * down, -np.sin(angle) * right + np.cos(angle) * down
    inside = (1 - np.hypot(along / half[0], across / half[1])) * min(half)  # pixels to the wall, about
    body = np.clip(inside + 0.5, 0, 1)
    wall = np.exp(-((inside / 1.3) ** 2))
    folds = 0.5 + 0.5 * np.sin(2 * np.pi * along / chance.uniform(4.5, 7.0) + 0.35 * across)
    dark = chance.uniform(0.36, 0.52) - 0.1 * folds
    level[here] += body * (dark - level[here])
    level[here] += 0.9 * wall * (DARK + 0.04 - level[here])


def _box(level: Array, row: int, column: int, reach: int) -> tuple[slice, slice]:
    size = len(level)
    return slice(max(0, row - reach), min(size, row + reach + 1)), slice(
        max(0, column - reach), min(size, column + reach + 1)
    )


def _offsets(here: tuple[slice, slice], row: int, column: int) -> tuple[Array, Array]:
    down = np.arange(here[0].start, here[0].stop, dtype=np.float32)[:, None] - row
    right = np.arange(here[1].start, here[1].stop, dtype=np.float32)[None, :] - column
    return down, right


def _recorded(level: Array, chance: np.random.Generator) -> NDArray[np.uint8]:
    """What the microscope and the film make of it: blur, uneven light, contrast, noise, 8 bits."""
    blurred = gaussian_filter(level, chance.uniform(0.6, 1.0))
    light = 1 + 0.06 * _field(len(level), 300.0, chance)
    noisy = blurred * light + 0.055 * gaussian_filter(chance.standard_normal(level.shape), 0.5) / 0.55
    contrast, middle = chance.uniform(0.8, 1.15), chance.uniform(0.45, 0.55)
    made: NDArray[np.uint8] = np.clip(np.rint(255 * (middle + contrast * (noisy - 0.55))), 0, 255).astype(np.uint8)
    return made
