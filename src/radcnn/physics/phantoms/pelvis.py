"""A male pelvis in T2-weighted MR: a prostate between bladder, rectum and muscle, in thick slices (P4).

x to the patient's left, y to the back, z to the head (LPS, mm); the prostate's middle is the origin. Signal is relative
to that of urine. A surface coil makes it fall with depth, magnitudes of complex noise are Rician (Gudbjartsson and Patz
1995, doi:10.1002/mrm.1910340618), slices are a mean over their thickness. Sizes are textbook ones; contrast, gain and
coil differ from site to site. Where the prostate ends at its apex and base is as unclear as in life: muscle and the
bladder's neck look like it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import SettingsError

PIXEL_MM, SLICE_MM = 0.8, 3.6
SIZE, SLICES = 160, 26
PLANES = 4  # of which a slice is the mean
FAT, MUSCLE, BONE, URINE, WALL = 0.72, 0.22, 0.5, 1.0, 0.3
HARMONICS = 4  # orders of the bumps of a surface
SITES = {  # exponent of the contrast, fall of the coil's signal per mm, spread of the noise
    "north": (1.0, 0.004, 0.035),
    "south": (1.25, 0.009, 0.05),
    "west": (0.85, 0.013, 0.04),
}

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PelvisImage:
    """A volume (slices, rows, columns) uint16 in arbitrary units, its mask (1 the prostate) and where it was made."""

    values: NDArray[np.uint16]
    mask: NDArray[np.uint8]
    site: str
    volume_ml: float


def pelvis_images(
    count: int, *, seed: int = 0, told: Callable[[int, int], None] | None = None
) -> Iterator[PelvisImage]:
    """`count` pelves, made by all cores; the same seed, the same images. Raises SettingsError for fewer than one."""
    if count < 1:
        raise SettingsError(f"a study of pelves needs at least 1 patient, got {count}")
    yield from by_all_cores(lambda k: draw_pelvis(generator(seed, "physics", "pelvis", k)), count, told)


def spacing_mm() -> tuple[float, float, float]:
    """Of the slices, the rows and the columns."""
    return SLICE_MM, PIXEL_MM, PIXEL_MM


def draw_pelvis(chance: np.random.Generator) -> PelvisImage:
    """One patient."""
    site = list(SITES)[int(chance.integers(len(SITES)))]
    x = ((np.arange(SIZE) - (SIZE - 1) / 2) * PIXEL_MM).astype(np.float32)[None, None, :]
    y = x.reshape(1, -1, 1)
    fine = SLICES * PLANES
    z = ((np.arange(fine) - (fine - 1) / 2) * (SLICE_MM / PLANES)).astype(np.float32).reshape(-1, 1, 1)
    shift = chance.uniform((-6, -6, -5), (6, 6, 5))  # the prostate is not in the middle of every scan
    px, py, pz = x - shift[0], y - shift[1], z - shift[2]
    signal = np.full((fine, SIZE, SIZE), FAT, np.float32)
    half = chance.uniform((20, 14, 17), (31, 22, 27))
    gland = _bumpy(px, py, pz, half, chance, rough=0.055)
    _around(signal, px, py, pz, half, chance)
    _prostate(signal, px, py, pz, half, gland, chance)
    mask = _thick((gland < 0).astype(np.float32)) >= 0.5
    clean = _thick(signal)
    ml = float((gland < 0).sum()) * PIXEL_MM**2 * SLICE_MM / PLANES / 1000
    return PelvisImage(_measured(clean, x, y, site, chance), mask.astype(np.uint8), site, ml)


def _around(signal: Array, x: Array, y: Array, z: Array, half: NDArray, chance: np.random.Generator) -> None:
    """Muscles, bones, bladder and rectum about the prostate, in place; what comes later covers what came before."""
    texture = 0.05 * _smooth(signal.shape, 2.0, chance)
    signal += texture
    for side in (-1, 1):
        wide, tall = chance.uniform(16, 22), chance.uniform(34, 46)
        muscle = np.hypot((x - side * chance.uniform(50, 56)) / wide, (y + 4) / tall) - 1
        _lay(signal, muscle * wide, MUSCLE + texture)
        sling = np.hypot((x - side * (half[0] + 7)) / 4.0, (y - 4) / (half[1] + 12)) - 1
        _lay(signal, sling * 4.0 + 0 * z, MUSCLE + texture)
    pubis = np.sqrt((x / 26) ** 2 + ((y + half[1] + 26) / 12) ** 2 + (z / 26) ** 2) - 1
    _lay(signal, pubis * 12, 0.06)
    _lay(signal, pubis * 12 + 2.0, BONE)
    tail = np.hypot(x / 14, (y - 58) / 10) - 1
    _lay(signal, tail * 10 + 0 * z, BONE)
    height, wide = chance.uniform(14, 26), chance.uniform(26, 40)
    top = half[2] + 0.95 * height
    bladder = np.sqrt((x / wide) ** 2 + ((y + 6) / (0.8 * wide)) ** 2 + ((z - top) / height) ** 2) - 1
    _lay(signal, bladder * height - 2.5, WALL)
    _lay(signal, bladder * height, URINE)
    bend = 5 * np.sin(z / 24 + chance.uniform(0, 6))
    radius = chance.uniform(9, 16) * (1 + 0.18 * np.sin(z / 11 + chance.uniform(0, 6)))
    rectum = np.hypot(x - bend, y - (half[1] + radius + 4.5)) - radius
    _lay(signal, rectum - 2.5, WALL)
    _lay(signal, rectum, 0.03 if chance.random() < 0.5 else chance.uniform(0.35, 0.6))
    for side in (-1, 1):
        along = np.clip((side * x - 4) / 26, 0, 1)
        vesicle = np.sqrt((y - half[1] * 0.8 - 3 * along) ** 2 + (z - half[2] * 0.9 - 9 * along) ** 2)
        beyond = np.maximum(4 - side * x, side * x - 30)
        bright = 0.72 + 0.2 * _smooth(signal.shape, 0.9, chance)
        _lay(signal, np.maximum(vesicle - 5.5, beyond), bright)


def _prostate(
    signal: Array, x: Array, y: Array, z: Array, half: NDArray, gland: Array, chance: np.random.Generator
) -> None:
    """A bright peripheral zone about a mottled central gland, dark lesions, and a thin capsule, in place."""
    zone = chance.uniform(0.58, 0.85)
    _lay(signal, gland - 0.7, 0.2)
    _lay(signal, gland + 0.5, zone + 0.06 * _smooth(signal.shape, 1.5, chance))
    inner = half * chance.uniform((0.72, 0.66, 0.7), (0.86, 0.8, 0.9))
    central = _bumpy(x, y + 0.2 * half[1], z - 0.12 * half[2], inner, chance, rough=0.08)
    central = np.maximum(central, gland + 2.0)
    level = chance.uniform(0.32, 0.5)
    mottled = level + 0.09 * _smooth(signal.shape, 2.5, chance)
    for _ in range(int(chance.integers(4, 14))):  # nodules of benign hyperplasia
        at, size = chance.uniform(-0.7, 0.7, 3) * inner, chance.uniform(2.5, 7.0)
        nodule = np.sqrt((x - at[0]) ** 2 + (y + 0.2 * half[1] - at[1]) ** 2 + (z - at[2]) ** 2) - size
        _lay(mottled, nodule, chance.uniform(0.22, 0.75))
    _lay(signal, central, mottled)
    _lay(signal, np.abs(central) - 0.5, 0.22)
    for _ in range(int(chance.integers(0, 3))):  # lesions of the peripheral zone
        angle = chance.uniform(0.15, np.pi - 0.15)
        at = 0.84 * half * np.array([np.cos(angle), np.sin(angle), chance.uniform(-0.5, 0.5)])
        lesion = np.sqrt((x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2) - chance.uniform(2.5, 6.0)
        _lay(signal, np.maximum(lesion, gland + 0.5), chance.uniform(0.22, 0.36))


def _bumpy(x: Array, y: Array, z: Array, half: NDArray, chance: np.random.Generator, *, rough: float) -> Array:
    """Signed distance in mm, to first order, to an ellipsoid with low bumps: negative inside, (fine, rows, columns)."""
    u, v, w = x / half[0], y / half[1], z / half[2]
    radius = np.sqrt(u**2 + v**2 + w**2) + np.float32(1e-4)
    bumps = np.zeros(radius.shape, np.float32)
    for order in range(1, HARMONICS + 1):
        for _ in range(3):
            way = chance.standard_normal(3)
            way /= np.linalg.norm(way)
            phase, size = chance.uniform(0, 2 * np.pi), rough / order**2 * chance.standard_normal()
            bumps += (size * np.cos(order * np.pi * (way[0] * u + way[1] * v + way[2] * w) / radius + phase)).astype(
                np.float32
            )
    apart: Array = ((radius - (1 + bumps)) * np.float32(float(half.min()))).astype(np.float32)
    return apart


def _lay(signal: Array, distance: NDArray, value: float | NDArray) -> None:
    """Replace by a value what lies inside a surface at this signed distance in mm, softly over a pixel, in place."""
    share = np.clip(0.5 - distance / PIXEL_MM, 0, 1).astype(np.float32)
    signal += share * (np.asarray(value, np.float32) - signal)


def _smooth(shape: tuple[int, ...], mm: float, chance: np.random.Generator) -> Array:
    """Noise of unit spread that is smooth over some mm."""
    sigma = (mm / (SLICE_MM / PLANES), mm / PIXEL_MM, mm / PIXEL_MM)
    made = gaussian_filter(chance.standard_normal(shape).astype(np.float32), sigma)
    return made / made.std()


def _thick(values: Array) -> Array:
    """The mean over each slice's planes."""
    made: Array = values.reshape(SLICES, PLANES, SIZE, SIZE).mean(axis=1)
    return made


def _measured(clean: Array, x: Array, y: Array, site: str, chance: np.random.Generator) -> NDArray[np.uint16]:
    """What a scanner of a site makes of it: contrast, coil, blur, Rician noise, gain."""
    contrast, fall, noise = {"north": (1.0, 0.004, 0.035), "south": (1.25, 0.012, 0.05), "west": (0.85, 0.02, 0.04)}[
        site
    ]
    signal = np.clip(clean, 0, None) ** contrast
    tilt = chance.uniform(-0.003, 0.003, 2)
    coil = np.exp(-fall * (y + 20) * chance.uniform(0.5, 1.2) + tilt[0] * x + tilt[1] * y)
    signal = gaussian_filter(signal * coil, (0, 0.55, 0.55))
    real = signal + noise * chance.standard_normal(signal.shape)
    magnitude = np.hypot(real, noise * chance.standard_normal(signal.shape))
    gain = chance.uniform(250, 900)
    made: NDArray[np.uint16] = np.clip(np.rint(gain * magnitude), 0, 65535).astype(np.uint16)
    return made
