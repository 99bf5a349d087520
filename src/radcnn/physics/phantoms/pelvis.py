"""A male pelvis in T2-weighted MR: a prostate between bladder, rectum and muscle, in thick slices (P4).

x to the patient's left, y to the back, z to the head (LPS, mm); the prostate's middle is the origin. What a scanner
makes of it is in `mr_grid`. Sizes are textbook ones; contrast, gain and coil differ from site to site. Where the
prostate ends at its apex and base is as unclear as in life: muscle and the bladder's neck look like it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from radcnn.physics.phantoms.mr_grid import SITES, Array, MRGrid, MRImage, bumpy_organ, measured, mr_images

GRID = MRGrid(pixel_mm=0.8, slice_mm=3.6, size=160, slices=26)
FAT, MUSCLE, BONE, URINE, WALL = 0.72, 0.22, 0.5, 1.0, 0.3


def pelvis_images(count: int, *, seed: int = 0, told: Callable[[int, int], None] | None = None) -> Iterator[MRImage]:
    """`count` pelves of men; see `mr_grid.mr_images`."""
    return mr_images(draw_pelvis, "pelvis", count, seed, told)


def draw_pelvis(chance: np.random.Generator) -> MRImage:
    """One patient."""
    site = list(SITES)[int(chance.integers(len(SITES)))]
    z, y, x = GRID.places()
    shift = chance.uniform((-6, -6, -5), (6, 6, 5))  # the prostate is not in the middle of every scan
    px, py, pz = x - shift[0], y - shift[1], z - shift[2]
    signal = np.full(GRID.shape, FAT, np.float32)
    half = chance.uniform((20, 14, 17), (31, 22, 27))
    gland = bumpy_organ(px, py, pz, half, chance, rough=0.055)
    _around(signal, px, py, pz, half, chance)
    _prostate(signal, px, py, pz, half, gland, chance)
    mask, ml = GRID.masked(gland)
    return MRImage(measured(GRID.thick(signal), x, y, site, chance), mask, site, ml)


def _around(signal: Array, x: Array, y: Array, z: Array, half: NDArray, chance: np.random.Generator) -> None:
    """Muscles, bones, bladder and rectum about the prostate, in place; what comes later covers what came before."""
    texture = 0.05 * GRID.smooth(2.0, chance)
    signal += texture
    for side in (-1, 1):
        wide, tall = chance.uniform(16, 22), chance.uniform(34, 46)
        muscle = np.hypot((x - side * chance.uniform(50, 56)) / wide, (y + 4) / tall) - 1
        GRID.lay(signal, muscle * wide, MUSCLE + texture)
        sling = np.hypot((x - side * (half[0] + 7)) / 4.0, (y - 4) / (half[1] + 12)) - 1
        GRID.lay(signal, sling * 4.0 + 0 * z, MUSCLE + texture)
    pubis = np.sqrt((x / 26) ** 2 + ((y + half[1] + 26) / 12) ** 2 + (z / 26) ** 2) - 1
    GRID.lay(signal, pubis * 12, 0.06)
    GRID.lay(signal, pubis * 12 + 2.0, BONE)
    tail = np.hypot(x / 14, (y - 58) / 10) - 1
    GRID.lay(signal, tail * 10 + 0 * z, BONE)
    height, wide = chance.uniform(14, 26), chance.uniform(26, 40)
    top = half[2] + 0.95 * height
    bladder = np.sqrt((x / wide) ** 2 + ((y + 6) / (0.8 * wide)) ** 2 + ((z - top) / height) ** 2) - 1
    GRID.lay(signal, bladder * height - 2.5, WALL)
    GRID.lay(signal, bladder * height, URINE)
    bend = 5 * np.sin(z / 24 + chance.uniform(0, 6))
    radius = chance.uniform(9, 16) * (1 + 0.18 * np.sin(z / 11 + chance.uniform(0, 6)))
    rectum = np.hypot(x - bend, y - (half[1] + radius + 4.5)) - radius
    GRID.lay(signal, rectum - 2.5, WALL)
    GRID.lay(signal, rectum, 0.03 if chance.random() < 0.5 else chance.uniform(0.35, 0.6))
    for side in (-1, 1):
        along = np.clip((side * x - 4) / 26, 0, 1)
        vesicle = np.sqrt((y - half[1] * 0.8 - 3 * along) ** 2 + (z - half[2] * 0.9 - 9 * along) ** 2)
        beyond = np.maximum(4 - side * x, side * x - 30)
        bright = 0.72 + 0.2 * GRID.smooth(0.9, chance)
        GRID.lay(signal, np.maximum(vesicle - 5.5, beyond), bright)


def _prostate(
    signal: Array, x: Array, y: Array, z: Array, half: NDArray, gland: Array, chance: np.random.Generator
) -> None:
    """A bright peripheral zone about a mottled central gland, dark lesions, and a thin capsule, in place."""
    zone = chance.uniform(0.58, 0.85)
    GRID.lay(signal, gland - 0.7, 0.2)
    GRID.lay(signal, gland + 0.5, zone + 0.06 * GRID.smooth(1.5, chance))
    inner = half * chance.uniform((0.72, 0.66, 0.7), (0.86, 0.8, 0.9))
    central = bumpy_organ(x, y + 0.2 * half[1], z - 0.12 * half[2], inner, chance, rough=0.08)
    central = np.maximum(central, gland + 2.0)
    level = chance.uniform(0.32, 0.5)
    mottled = level + 0.09 * GRID.smooth(2.5, chance)
    for _ in range(int(chance.integers(4, 14))):  # nodules of benign hyperplasia
        at, size = chance.uniform(-0.7, 0.7, 3) * inner, chance.uniform(2.5, 7.0)
        nodule = np.sqrt((x - at[0]) ** 2 + (y + 0.2 * half[1] - at[1]) ** 2 + (z - at[2]) ** 2) - size
        GRID.lay(mottled, nodule, chance.uniform(0.22, 0.75))
    GRID.lay(signal, central, mottled)
    GRID.lay(signal, np.abs(central) - 0.5, 0.22)
    for _ in range(int(chance.integers(0, 3))):  # lesions of the peripheral zone
        angle = chance.uniform(0.15, np.pi - 0.15)
        at = 0.84 * half * np.array([np.cos(angle), np.sin(angle), chance.uniform(-0.5, 0.5)])
        lesion = np.sqrt((x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2) - chance.uniform(2.5, 6.0)
        GRID.lay(signal, np.maximum(lesion, gland + 0.5), chance.uniform(0.22, 0.36))
