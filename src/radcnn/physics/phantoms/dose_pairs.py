"""One chest, scanned at two doses or more (P2): the same object, noise of its own in every scan.

The object is painted on pixels half as large as those of the image, projected, and its line integrals are measured and
reconstructed at each dose: what is reconstructed never was on the grid of the image. Both lungs, heart, spine, ribs and
vessels are those of `thorax`; tissue has a texture of its own, so that smooth is not always right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from radcnn.core.errors import SettingsError
from radcnn.physics.attenuation import MU_WATER_PER_MM, hu_to_mu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, ellipse_sinogram
from radcnn.physics.fourier_projection import fourier_project
from radcnn.physics.kernels import KernelName
from radcnn.physics.noise import Dose, noisy_sinogram
from radcnn.physics.phantoms.scan import FINE, image_hu, texture
from radcnn.physics.phantoms.shapes import Grid
from radcnn.physics.phantoms.thorax import draw_thorax, other_side, paint_thorax

FIELD_MM = 358.4  # holds the widest chest
VIEWS = 600
PLANES = 3  # of the object, averaged into a slice
ARMS_MM = 40.0  # slices lie within so much of the middle of the lung
WIDE, DEEP, ASIDE_MM, TURNED_DEG = (0.84, 1.0), (0.84, 1.08), 12.0, 10.0  # of a chest, and how it lies
FULL_DOSE = 2e5  # photons per detector element and view


@dataclass(frozen=True)
class ChestField:
    """What is reconstructed: slices of size x size pixels, so many millimetres apart."""

    size: int = 256
    slices: int = 6
    slice_mm: float = 3.0

    def __post_init__(self) -> None:
        if self.size < 64 or self.slices < 1 or not self.slice_mm > 0:
            raise SettingsError(f"a chest needs at least 64 pixels and a slice of some thickness, got {self}")

    @property
    def pixel_mm(self) -> float:
        return FIELD_MM / self.size

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        return self.slice_mm, self.pixel_mm, self.pixel_mm

    def beam(self) -> ParallelBeam:
        """The beam that scans it: elements as wide as the object's pixels, wide enough for its corners."""
        fine = self.pixel_mm / FINE
        detectors = int(np.ceil(np.sqrt(2) * FIELD_MM / fine)) + 2
        return ParallelBeam(VIEWS, detectors, fine, self.size, self.pixel_mm)

    def object_beam(self) -> ParallelBeam:
        """The same rays through the object's pixels."""
        return replace(self.beam(), size=FINE * self.size, pixel_mm=self.pixel_mm / FINE)


@dataclass(frozen=True, eq=False)
class Chest:
    """A chest that lies in the scanner.

    integrals  (slices, views, detectors) float32: exact of the painted object, without noise
    tissue     (slices, size, size) bool: even soft tissue, a centimetre from anything else
    """

    field: ChestField
    integrals: NDArray[np.float32]
    tissue: NDArray[np.bool_]

    def scanned(
        self, dose: Dose, chance: np.random.Generator, *, kernel: KernelName = "soft", lesion: NDArray | None = None
    ) -> NDArray[np.float32]:
        """The chest at a dose, (slices, size, size) in HU.

        lesion  line integrals (slices, views, detectors) of something that is added to it
        """
        integrals = self.integrals if lesion is None else self.integrals + lesion
        measured = noisy_sinogram(integrals, dose, chance).astype(np.float32)
        return image_hu(measured, self.field.beam(), kernel)

    def noiseless(self, *, kernel: KernelName = "soft") -> NDArray[np.float32]:
        """What the chest tends to at a dose without an end, (slices, size, size) in HU."""
        return image_hu(self.integrals, self.field.beam(), kernel)


def draw_chest(chance: np.random.Generator, field: ChestField = ChestField()) -> Chest:
    """A chest of random size, with random vessels; slices lie about the middle of the lungs."""
    thorax = draw_thorax(chance)
    beam = field.object_beam()
    middle = chance.uniform(-ARMS_MM, ARMS_MM)
    z = middle + (np.arange(field.slices) - (field.slices - 1) / 2) * field.slice_mm
    # people differ in more than size: how wide and deep they are, where and how they lie
    x, y = (_across(beam.pixels_mm, span, chance) for span in (WIDE, DEEP))
    grid = Grid(x, y, z.astype(np.float32), PLANES) if field.slices > 1 else _one_slice(x, y, z, field)
    hu = paint_thorax(thorax, grid, other_side(thorax, chance))[: field.slices]
    hu += texture(hu, grid, chance)
    turned = np.rad2deg(beam.angles) + chance.uniform(-TURNED_DEG, TURNED_DEG)
    lying = replace(beam, angles_deg=tuple(float(angle) for angle in turned))
    integrals = fourier_project(hu_to_mu(np.maximum(hu, -1000)), lying).astype(np.float32)
    return Chest(field, integrals, _tissue(image_hu(integrals, field.beam(), "soft"), field.pixel_mm))


def _across(
    pixels_mm: NDArray[np.float64], span: tuple[float, float], chance: np.random.Generator
) -> NDArray[np.float32]:
    """Where pixels lie in a chest that is so many times as wide, a little aside."""
    aside, wide = chance.uniform(-ASIDE_MM, ASIDE_MM), chance.uniform(*span)
    return ((pixels_mm - aside) / wide).astype(np.float32)


def _one_slice(x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.floating], field: ChestField) -> Grid:
    """A grid knows how thick its slices are from two of them."""
    return Grid(x, y, np.array([z[0], z[0] + field.slice_mm], np.float32), PLANES)


def _tissue(hu: NDArray[np.float32], pixel_mm: float) -> NDArray[np.bool_]:
    side = 2 * round(10 / pixel_mm) + 1
    low, high = (f(hu, (1, side, side)) for f in (minimum_filter, maximum_filter))
    even: NDArray[np.bool_] = (low > -30) & (high < 110)
    return even


def disc_integrals(chest: Chest, row: float, column: float, diameter_mm: float, hu: float) -> NDArray[np.float32]:
    """Line integrals (views, detectors) of a disc that adds `hu` to what lies there, at a place in pixels."""
    field, beam = chest.field, chest.field.beam()
    x, y = ((at - (field.size - 1) / 2) * field.pixel_mm for at in (column, row))
    value = hu / 1000 * MU_WATER_PER_MM
    return ellipse_sinogram([Ellipse(x, y, diameter_mm / 2, diameter_mm / 2, value)], beam).astype(np.float32)
