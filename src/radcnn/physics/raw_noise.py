"""The rays through a part of a CT slice, and how noisy each is at a stated dose: for changes made in raw data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.physics.attenuation import MU_WATER_PER_MM
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.fourier_projection import aimed
from radcnn.physics.kernels import Kernel
from radcnn.physics.lower_dose import line_integrals, whole_beam
from radcnn.physics.noise import Dose, noise_variance

SOFT_PER_MM = 0.5  # where a soft kernel ends
BESIDE = 2  # pixels about the part whose rays are taken, too
HU_PER_MU = 1000 / MU_WATER_PER_MM


@dataclass(frozen=True, eq=False)
class PartOfScan:
    """Rays through a rectangle of slices, which are reconstructed onto its own grid.

    beam    as seen from the rectangle's middle; its square holds the rectangle
    kernel  soft, and ends where the grid's pixels do
    sd      (slices, views, detectors) noise sd of the line integrals, without a unit
    size    rows and columns of the rectangle
    """

    beam: ParallelBeam
    kernel: Kernel
    sd: NDArray[np.float32]
    size: tuple[int, int]

    @property
    def corner(self) -> tuple[int, int]:
        """Where in the beam's square the rectangle begins: row, column."""
        return (self.beam.size - self.size[0]) // 2, (self.beam.size - self.size[1]) // 2


def part_of_scan(
    slices: NDArray[np.float32],
    pixel_mm: float,
    middle: tuple[float, float],
    *,
    size: tuple[int, int],
    part_mm: float,
    dose: Dose,
) -> PartOfScan:
    """The rays through a part of whole slices, and their noise behind all that the slices hold.

    slices    (n, rows, columns) in HU, all of the body that the rays pass
    middle    (row, column) of the part's middle, in pixels
    size      rows and columns of the part's own grid, whose pixels are `part_mm` wide
    """
    whole = whole_beam(slices.shape[1:], pixel_mm)
    rays = line_integrals(slices, whole)
    away = [(at - (n - 1) / 2) * pixel_mm for at, n in zip(middle, slices.shape[1:], strict=True)]
    seen = np.maximum(aimed(rays, whole, (away[1], away[0])), 0)
    reach = np.hypot(*size) * part_mm / 2 + BESIDE * part_mm
    cut = max(0, int(whole.detectors / 2 - reach / pixel_mm))
    kept = seen[..., cut : whole.detectors - cut]
    beam = ParallelBeam(whole.views, kept.shape[-1], pixel_mm, max(size), part_mm)
    kernel = Kernel("hann", min(SOFT_PER_MM, 0.5 / part_mm))
    return PartOfScan(beam, kernel, np.sqrt(noise_variance(kept, dose)).astype(np.float32), size)
