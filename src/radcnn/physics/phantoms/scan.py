"""A CT scan of a drawn chest: a site's kernel, dose and slice thickness turn CT numbers into an image.

The reconstruction is targeted at one lung (a field of about 160 mm) because a nodule's spicules, 1 to 2 mm wide, are
lost at the 2.5 to 3 mm pixels a whole chest would get in the same number of bytes.

The clean image is the object averaged over the slice's thickness, times the in-plane MTF of the reconstruction: what
FBP of many noiseless views tends to. The noise is reconstructed by FBP from a sinogram with the object's own variance.
Streaks of too few views and beam hardening are therefore absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter

from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import ellipse_sinogram
from radcnn.physics.kernels import KERNELS, KernelName, transfer
from radcnn.physics.noise import Dose, noise_image
from radcnn.physics.phantoms.shapes import Array, Grid
from radcnn.physics.phantoms.thorax import Thorax

FINE = 2  # fine pixels per pixel along each axis
MARGIN = 8  # fine pixels around the field, which absorb the wrap-around of the blur
PLANE_MM = 1.0  # distance of the planes averaged into a slice
DETECTOR_MM = 0.7
TEXTURE_HU = 16.0  # sd of the parenchyma's texture: vessels and airways too small to be drawn


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


SITES: tuple[Site, ...] = (
    Site("north", kernel="sharp", photons=6e3, slice_mm=2.0),
    Site("south", kernel="soft", photons=4e3, slice_mm=3.0),
)


@dataclass(frozen=True)
class Field:
    """What is reconstructed: size x size pixels of pixel_mm over height_mm along z, from `views` views."""

    size: int = 144
    pixel_mm: float = 1.1
    height_mm: float = 96.0
    views: int = 200

    @property
    def width_mm(self) -> float:
        return self.size * self.pixel_mm

    def grid(self, site: Site, centre_mm: tuple[float, float]) -> Grid:
        """The fine grid on which the object is drawn; every second pixel inside the margin is one of the image."""
        fine = self.pixel_mm / FINE
        pixels = np.arange(FINE * self.size + 2 * MARGIN) - MARGIN - FINE * (self.size - 1) / 2
        slices = int(self.height_mm // site.slice_mm)
        z = (np.arange(slices) - (slices - 1) / 2) * site.slice_mm
        x, y = (c + pixels * fine for c in centre_mm)
        planes = max(1, round(site.slice_mm / PLANE_MM))
        return Grid(x.astype(np.float32), y.astype(np.float32), z.astype(np.float32), planes)

    def beam(self) -> ParallelBeam:
        """The beam around the field's centre, wide enough for its corners."""
        detectors = int(np.ceil(np.sqrt(2) * self.width_mm / DETECTOR_MM)) + 8
        return ParallelBeam(self.views, detectors, DETECTOR_MM, self.size, self.pixel_mm)

    def pixels(self, fine: Array) -> Array:
        """The image's pixels of a fine image (..., rows, columns)."""
        last = MARGIN + FINE * self.size
        return fine[..., MARGIN:last:FINE, MARGIN:last:FINE]


def scan(
    object_hu: Array, thorax: Thorax, grid: Grid, site: Site, field: Field, chance: np.random.Generator
) -> NDArray[np.float32]:
    """The image (slices, size, size) in HU of an object drawn on the field's grid, with blur, texture and noise."""
    kernel = KERNELS[site.kernel]
    spectrum = fft.rfft2(object_hu) * _blur(site.kernel, grid.shape[1], grid.pixel_mm)
    lung = np.clip(-field.pixels(object_hu) / 500 - 0.6, 0, 1)
    image = field.pixels(fft.irfft2(spectrum, s=grid.shape[1:]))
    white = chance.standard_normal(image.shape, dtype=np.float32)
    texture = gaussian_filter(white, (2.0 / grid.slice_mm, 1.4, 1.4), truncate=2.5)
    beam = field.beam()
    dose = Dose(site.photons * site.slice_mm)
    integrals = np.stack([ellipse_sinogram(thorax.sections(float(z)), beam) for z in grid.z[::4]])
    per_slice = np.repeat(integrals, 4, axis=0)[: len(grid.z)].astype(np.float32)
    noise = noise_image(per_slice, beam, kernel, dose, chance)
    made: NDArray[np.float32] = image + (TEXTURE_HU / texture.std()) * texture * lung + noise
    return made


@lru_cache(maxsize=8)
def _blur(kernel: KernelName, size: int, pixel_mm: float) -> Array:
    """The in-plane MTF on the transform of (size, size) fine pixels."""
    f = np.hypot(fft.fftfreq(size, pixel_mm)[:, None], fft.rfftfreq(size, pixel_mm)[None, :])
    return transfer(KERNELS[kernel], f, DETECTOR_MM).astype(np.float32)
