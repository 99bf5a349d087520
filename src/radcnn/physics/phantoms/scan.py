"""A CT scan of a drawn chest: projection, noise in the sinogram and filtered back-projection at a site's dose.

The object covers the whole trunk on pixels half as large as those of the image, averaged over the slice's thickness;
it is projected, measured with quantum and electronic noise, and reconstructed with the site's kernel. A field may aim
at one lung, as a targeted reconstruction does: a nodule's spicules, 1 to 2 mm wide, are lost at the pixels that a whole
chest gets in the same number of bytes. The beam is of one energy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radcnn.core.cores import by_all_cores
from radcnn.core.errors import SettingsError
from radcnn.physics.attenuation import MU_WATER_PER_MM, hu_to_mu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.fourier_projection import aimed, fourier_project
from radcnn.physics.kernels import KERNELS, KernelName
from radcnn.physics.noise import Dose, noisy_sinogram
from radcnn.physics.phantoms.shapes import Array, Grid
from radcnn.physics.reconstruction import fbp

FINE = 2  # pixels of the object along a pixel of the image
TRUNK_MM = 164.0  # half the width of what is drawn: the widest trunk and a little air
ASIDE_MM = 80.0  # the most that a field's middle lies from that of the trunk
DETECTOR_MM = 0.7  # the least width of an element
PLANE_MM = 1.0  # distance of the planes averaged into a slice
LUNG_TEXTURE_HU, LUNG_GRAIN_MM = 25.0, 1.6  # vessels and airways too small to be drawn
TISSUE_TEXTURE_HU, TISSUE_GRAIN_MM = 8.0, 2.0


@dataclass(frozen=True)
class Site:
    """How a hospital scans.

    kernel     reconstruction kernel, by name
    photons    open-beam photons per detector element, view and millimetre of slice thickness
    slice_mm   slice thickness and distance, a multiple of 1 mm
    """

    name: str
    kernel: KernelName
    photons: float
    slice_mm: float


@dataclass(frozen=True)
class Field:
    """What is reconstructed: size x size pixels of pixel_mm over height_mm along z, from `views` views.

    aimed  at the lung on whose side the chest was drawn, instead of at the middle of the trunk
    """

    size: int = 144
    pixel_mm: float = 1.1
    height_mm: float = 96.0
    views: int = 240
    aimed: bool = True

    def __post_init__(self) -> None:
        if self.size < FINE or self.size % FINE or not min(self.pixel_mm, self.height_mm, self.views) > 0:
            raise SettingsError(f"a field has an even number of pixels, millimetres and views above 0, got {self}")

    @property
    def fine_mm(self) -> float:
        return self.pixel_mm / FINE

    def grid(self, site: Site) -> Grid:
        """The grid of the whole trunk on which the object is drawn."""
        half = int(np.ceil(TRUNK_MM / self.pixel_mm)) * FINE
        pixels = (np.arange(2 * half) - half + 0.5) * self.fine_mm
        slices = max(2, int(self.height_mm // site.slice_mm))
        z = (np.arange(slices) - (slices - 1) / 2) * site.slice_mm
        planes = max(1, round(site.slice_mm / PLANE_MM))
        return Grid(pixels.astype(np.float32), pixels.astype(np.float32), z.astype(np.float32), planes)

    def beam(self, *, aside_mm: float = 0.0) -> ParallelBeam:
        """The beam about the trunk's middle, as wide as the trunk and so far beyond it on both sides."""
        element = max(DETECTOR_MM, self.fine_mm)
        return ParallelBeam(
            self.views, 2 * int(np.ceil((TRUNK_MM + aside_mm) / element)), element, self.size, self.pixel_mm
        )


def scan(
    object_hu: Array, grid: Grid, site: Site, field: Field, aim_mm: tuple[float, float], chance: np.random.Generator
) -> NDArray[np.float32]:
    """The image (slices, size, size) in HU of an object on the field's grid, reconstructed about `aim_mm` (x, y)."""
    beam = field.beam()
    fine = replace(beam, size=len(grid.x), pixel_mm=grid.pixel_mm)
    grains, chances = _grains(grid, chance), chance.spawn(len(object_hu))
    dose = Dose(site.photons * site.slice_mm)
    wide = field.beam(aside_mm=ASIDE_MM) if field.aimed else beam
    beyond = (wide.detectors - beam.detectors) // 2  # elements with nothing but air before them, and hardly a noise

    def measured(k: int) -> NDArray[np.float32]:
        textured = object_hu[k] + _textured(object_hu[k], grains[:, k])
        integrals = fourier_project(hu_to_mu(np.maximum(textured, -1000)), fine)
        found = noisy_sinogram(integrals, dose, chances[k]).astype(np.float32)
        return aimed(np.pad(found, ((0, 0), (beyond, beyond))), wide, aim_mm)

    return image_hu(np.stack(list(by_all_cores(measured, len(object_hu)))), wide, site.kernel)


def image_hu(integrals: NDArray[np.float32], beam: ParallelBeam, kernel: KernelName) -> NDArray[np.float32]:
    """FBP in HU, (..., size, size), of line integrals (..., views, detectors)."""
    made: NDArray[np.float32] = fbp(torch.from_numpy(integrals), beam, KERNELS[kernel]).numpy()
    made *= np.float32(1000 / MU_WATER_PER_MM)
    made -= np.float32(1000)
    return made


def texture(hu: Array, grid: Grid, chance: np.random.Generator) -> Array:
    """What is too small to be drawn, in lung and in tissue, none in air and bone: on every second pixel, repeated."""
    grains = _grains(grid, chance)
    return np.stack([_textured(hu[k], grains[:, k]) for k in range(len(hu))])


def _grains(grid: Grid, chance: np.random.Generator) -> Array:
    """Texture of lung and of tissue (2, slices, rows / FINE, columns / FINE) in HU, as if all were lung, or tissue."""
    slices, rows, columns = grid.shape
    coarse_mm = FINE * grid.pixel_mm
    made = []
    for size, grain in ((LUNG_TEXTURE_HU, LUNG_GRAIN_MM), (TISSUE_TEXTURE_HU, TISSUE_GRAIN_MM)):
        white = chance.standard_normal((slices, rows // FINE, columns // FINE), dtype=np.float32)
        smooth = gaussian_filter(white, (grain / grid.slice_mm, grain / coarse_mm, grain / coarse_mm), truncate=2.5)
        made.append(smooth * np.float32(size / smooth.std()))
    return np.stack(made)


def _textured(hu: Array, grains: Array) -> Array:
    """Texture of one slice (rows, columns), from grains (2, rows / FINE, columns / FINE)."""
    lung = np.clip(-hu / 500 - np.float32(0.6), 0, 1) * (hu > -950)
    tissue = ((hu > -150) & (hu < 150)).astype(np.float32)
    squares = (grains.shape[1], FINE, grains.shape[2], FINE)
    made: Array = lung.reshape(squares) * grains[0][:, None, :, None]
    made += tissue.reshape(squares) * grains[1][:, None, :, None]
    textured: Array = made.reshape(hu.shape)
    return textured
