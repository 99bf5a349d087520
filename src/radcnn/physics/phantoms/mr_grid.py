"""What simulated MR images share: a grid of thick slices, surfaces laid softly into it, and what a scanner makes of it.

Signal is relative to that of urine. A surface coil makes it fall with depth; magnitudes of complex noise are Rician
(Gudbjartsson and Patz 1995, doi:10.1002/mrm.1910340618); slices are a mean over their thickness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radcnn.core.chance import generator
from radcnn.core.cores import by_all_cores
from radcnn.core.errors import SettingsError
from radcnn.physics.phantoms.shapes import bumpy

HARMONICS = 4  # orders of the bumps of a surface
SITES: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"north": (1.0, 0.004, 0.035), "south": (1.25, 0.012, 0.05), "west": (0.85, 0.02, 0.04)}
)  # exponent of the contrast, fall of the coil's signal per mm, spread of the noise
BLUR = 0.55  # pixels, standard deviation

Array = NDArray[np.float32]


@dataclass(frozen=True)
class MRGrid:
    """Slices of square planes; what is drawn has several planes to a slice.

    pixel_mm, slice_mm  distances of voxel centres
    size, slices        pixels a side, and planes of the image
    planes              that are drawn for each slice, which is their mean
    """

    pixel_mm: float
    slice_mm: float
    size: int
    slices: int
    planes: int = 4

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Of the slices, the rows and the columns."""
        return self.slice_mm, self.pixel_mm, self.pixel_mm

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what is drawn: planes, rows and columns."""
        return self.slices * self.planes, self.size, self.size

    def places(self) -> tuple[Array, Array, Array]:
        """Where planes, rows and columns lie (mm from the middle), each along its own axis."""
        along = ((np.arange(self.size) - (self.size - 1) / 2) * self.pixel_mm).astype(np.float32)
        fine = self.slices * self.planes
        through = ((np.arange(fine) - (fine - 1) / 2) * (self.slice_mm / self.planes)).astype(np.float32)
        return through.reshape(-1, 1, 1), along.reshape(1, -1, 1), along.reshape(1, 1, -1)

    def thick(self, values: Array) -> Array:
        """The mean over each slice's planes."""
        made: Array = values.reshape(self.slices, self.planes, self.size, self.size).mean(axis=1)
        return made

    def lay(self, signal: Array, distance: NDArray, value: float | NDArray) -> None:
        """Replace by a value what lies inside a surface at this signed distance in mm, softly over a pixel."""
        share = np.clip(0.5 - distance / self.pixel_mm, 0, 1).astype(np.float32)
        signal += share * (np.asarray(value, np.float32) - signal)

    def masked(self, distance: NDArray) -> tuple[NDArray[np.uint8], float]:
        """Of a surface at this signed distance in mm the mask of the slices, and the volume within it in ml."""
        inside = distance < 0
        ml = float(inside.sum()) * self.pixel_mm**2 * self.slice_mm / self.planes / 1000
        return (self.thick(inside.astype(np.float32)) >= 0.5).astype(np.uint8), ml

    def smooth(self, mm: float, chance: np.random.Generator) -> Array:
        """Noise of unit spread that is smooth over some mm."""
        sigma = (mm / (self.slice_mm / self.planes), mm / self.pixel_mm, mm / self.pixel_mm)
        made = gaussian_filter(chance.standard_normal(self.shape).astype(np.float32), sigma)
        return made / made.std()


@dataclass(frozen=True, eq=False)
class MRImage:
    """A volume (slices, rows, columns) in arbitrary units, its mask (1 the organ), and where it was made.

    volume_ml  of the organ
    disorder   what is wrong with it
    """

    values: NDArray[np.uint16]
    mask: NDArray[np.uint8]
    site: str
    volume_ml: float
    disorder: str = ""


def mr_images(
    draw: Callable[[np.random.Generator], MRImage], name: str, count: int, seed: int,
    told: Callable[[int, int], None] | None,
) -> Iterator[MRImage]:  # fmt: skip
    """`count` patients, made by all cores; the same seed, the same images. Raises SettingsError for fewer than one."""
    if count < 1:
        raise SettingsError(f"a study needs at least 1 patient, got {count}")
    yield from by_all_cores(lambda k: draw(generator(seed, "physics", name, k)), count, told)


def bumpy_organ(x: Array, y: Array, z: Array, half: NDArray, chance: np.random.Generator, *, rough: float) -> Array:
    """Signed distance in mm to an ellipsoid about 0 whose waves become lower with the square of their order."""
    return bumpy(x, y, z, half, chance, heights=[rough / order**2 for order in range(1, HARMONICS + 1)], each=3)


def measured(clean: Array, across: Array, depth: Array, site: str, chance: np.random.Generator) -> NDArray[np.uint16]:
    """What a scanner of a site makes of an image: contrast, coil, blur, Rician noise, gain.

    across, depth  mm from the middle, sideways and away from the coil
    """
    contrast, fall, noise = SITES[site]
    signal = np.clip(clean, 0, None) ** contrast
    tilt = chance.uniform(-0.003, 0.003, 2)
    coil = np.exp(-fall * (depth + 20) * chance.uniform(0.5, 1.2) + tilt[0] * across + tilt[1] * depth)
    signal = gaussian_filter(signal * coil, (0, BLUR, BLUR))
    real = signal + noise * chance.standard_normal(signal.shape)
    magnitude = np.hypot(real, noise * chance.standard_normal(signal.shape))
    gain = chance.uniform(250, 900)
    made: NDArray[np.uint16] = np.clip(np.rint(gain * magnitude), 0, 65535).astype(np.uint16)
    return made
