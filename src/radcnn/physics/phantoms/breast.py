"""A breast with fibroglandular tissue and specks, seen by few views without noise.

After the AAPM DL-sparse-view challenge (Sidky and Pan, Med Phys 2022;49:4935, doi:10.1002/mp.15489): what has to be
found are specks of a fraction of a millimetre in tissue that is random, from 128 views. Tissue is a random field of
power-law spectrum, cut at a level (Reiser and Nishikawa 2010, doi:10.1118/1.3447738); numbers are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter

from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import SettingsError
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.fourier_projection import fourier_project
from radcnn.physics.reconstruction import fbp

FIELD_MM = 180.0
FINE = 2  # pixels of the object along a pixel of the image
VIEWS = 128
FAT, GLAND, SKIN, SPECK = 0.0194, 0.0233, 0.0233, 0.06  # attenuation per mm
SKIN_MM = 1.5
HALF_AXES_MM = ((62.0, 80.0), (55.0, 75.0))
SLOPE = 3.0  # power falls with frequency^-3
GLAND_SHARE = (0.15, 0.45)  # of the breast
SPECKS = (4, 20)
SPECK_MM = (0.15, 0.45)  # standard deviation


@dataclass(frozen=True, eq=False)
class BreastImage:
    """One breast: (size, size) float32 of 128 views by FBP, and as it is, in attenuation per mm."""

    few: NDArray[np.float32]
    truth: NDArray[np.float32]


def breast_beam(size: int) -> ParallelBeam:
    """The beam of an image of `size` pixels; raises SettingsError for fewer than 64."""
    if size < 64:
        raise SettingsError(f"images of breasts need at least 64 pixels a side, got {size}")
    pixel = FIELD_MM / size
    return ParallelBeam(VIEWS, int(np.ceil(1.05 * size * FINE)), pixel / FINE, size, pixel)


def draw_breast(chance: np.random.Generator, beam: ParallelBeam) -> NDArray[np.float32]:
    """The object (FINE size, FINE size), in attenuation per mm."""
    n, pixel = FINE * beam.size, beam.pixel_mm / FINE
    x = (np.arange(n) - (n - 1) / 2) * pixel
    a, b = (chance.uniform(*span) for span in HALF_AXES_MM)
    inside = 1 - np.hypot(x[None, :] / a, x[:, None] / b)
    depth = inside * min(a, b)  # from the skin, to first order
    breast = np.clip(depth / pixel + 0.5, 0, 1)
    within = np.clip((depth - SKIN_MM) / pixel + 0.5, 0, 1)
    field = _power_law(n, chance)
    level = np.quantile(field[within > 0.5], 1 - chance.uniform(*GLAND_SHARE))
    gland = gaussian_filter((field > level).astype(np.float64), 0.8) * np.clip(depth / 6 - 1, 0, 1)
    made = SKIN * breast + (FAT - SKIN) * within + (GLAND - FAT) * gland * within
    for _ in range(int(chance.integers(SPECKS[0], SPECKS[1] + 1))):
        row, column = (chance.uniform(-0.6, 0.6) * half for half in (b, a))
        size = chance.uniform(*SPECK_MM)
        near = np.exp(-0.5 * ((x[None, :] - column) ** 2 + (x[:, None] - row) ** 2) / size**2)
        made += (SPECK - FAT) * near * within
    return made.astype(np.float32)


def _power_law(n: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """A random field (n, n) whose power falls with frequency^-3."""
    f = np.hypot(fft.fftfreq(n)[:, None], fft.rfftfreq(n)[None, :])
    f[0, 0] = 1 / n
    spectrum = fft.rfft2(chance.standard_normal((n, n))) * f ** (-SLOPE / 2)
    made: NDArray[np.float64] = fft.irfft2(spectrum, s=(n, n))
    return made


def breast_images(
    count: int, *, size: int = 256, seed: int = 0, told: Callable[[int, int], None] | None = None
) -> Iterator[BreastImage]:
    """`count` breasts, made by all cores; the same seed, the same images."""
    beam = breast_beam(size)
    fine = ParallelBeam(VIEWS, beam.detectors, beam.detector_mm, FINE * size, beam.pixel_mm / FINE)

    def one(index: int) -> BreastImage:
        drawn = draw_breast(generator(seed, "physics", "breast", index), beam)
        few = fbp(torch.from_numpy(fourier_project(drawn, fine)), beam).numpy()
        truth = drawn.reshape(size, FINE, size, FINE).mean(axis=(1, 3))
        return BreastImage(few, truth)

    yield from by_all_cores(one, count, told)
