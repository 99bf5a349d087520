"""A shift of acquisition: five amounts of one thing that scanners, protocols or patients do to an image.

A shift acts on the image as it was read, in HU or grey levels and on the scanner's own grid, before anything is
prepared for a network. The same seed draws the same noise, place or movement for every severity, so that severities
differ in the amount alone and an image lies the farther from itself the more severe it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator
from radcnn.core.errors import InputError, SettingsError
from radcnn.core.volume import Units, Volume

Modality = Literal["ct", "mr", "radiograph", "any"]
Floats = NDArray[np.float32]
Make = Callable[[Volume, float, np.random.Generator], NDArray[Any]]

SEVERITIES = (1, 2, 3, 4, 5)
LOWEST_HU, HIGHEST_HU = -1024.0, 3071.0  # what scanners store in 12 bits
AIR_HU = -900.0  # at the most: padding of a CT is lower than what was measured, or air
LEAST_PADDING = 0.01  # share of an image's voxels that must have its lowest value for this to be padding
UNITS_OF: dict[Modality, tuple[Units, ...]] = {
    "ct": ("HU", "arbitrary"),
    "mr": ("arbitrary", "grey"),
    "radiograph": ("grey", "arbitrary"),
    "any": ("HU", "arbitrary", "grey", "rgb", "PET"),
}
MODALITY_NAMES: dict[Modality, str] = {"ct": "CT", "mr": "MR", "radiograph": "radiographs", "any": "all images"}


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One thing that becomes worse in five steps.

    title     what it is called in tables and figures
    what      what is done to the image, in a sentence
    amount    the unit of the levels, as a format: "{:g} HU"
    levels    the amount at severities 1 to 5
    modality  images that it belongs to; CT in HU also takes images that do not say their unit, on the user's word
    ranks     2 for images, 3 for volumes
    make      (volume, amount, chance) -> voxels of the same size, float
    projected whether every slice is projected and reconstructed, which takes many times as long as anything else
    """

    title: str
    what: str
    amount: str
    levels: tuple[float, float, float, float, float]
    modality: Modality
    make: Make
    ranks: tuple[int, ...] = (2, 3)
    projected: bool = False

    def __post_init__(self) -> None:
        assert self.modality in get_args(Modality), "a known modality"
        assert len(self.levels) == len(SEVERITIES), "five severities"

    def words(self, severity: int, *, mm: bool = True) -> str:
        """The amount of a severity in words, in pixels where millimetres are not known; "as it was" for 0."""
        if not severity:
            return "as it was"
        said = self.amount.format(self.levels[severity - 1])
        return said if mm else said.replace(" mm", " px")

    def refusal(self, volume: Volume) -> str:
        """Why it makes no sense for this image, or an empty string."""
        if volume.units not in UNITS_OF[self.modality]:
            return f"{self.title} is a shift of {MODALITY_NAMES[self.modality]}, and this image is in {volume.units}"
        if volume.rank not in self.ranks:
            return f"{self.title} needs volumes with several slices, and this is a single image"
        if volume.rank == 3 and self.ranks == (3,) and volume.size[0] < 2:
            return f"{self.title} needs volumes with several slices, and this one has a single slice"
        return ""


def shifted(volume: Volume, shift: Shift, severity: int, *, seed: int = 0, path: tuple[str | int, ...] = ()) -> Volume:
    """The image at a severity, 0 to 5, on its own grid and in its own unit; 0 is the image itself.

    seed, path  of the chance that is drawn: the same for every severity of one image

    Values stay within what a scanner stores, and padding stays as it was. Raises SettingsError for another severity,
    InputError or GeometryError where the shift makes no sense for the image.
    """
    if severity not in (0, *SEVERITIES):
        raise SettingsError(f"a severity must be 0 (the image as it is) to {SEVERITIES[-1]}, got {severity}")
    if reason := shift.refusal(volume):
        raise InputError(reason)
    if severity == 0:
        return volume
    given = replace(volume, units="HU") if shift.modality == "ct" else volume
    made = shift.make(given, shift.levels[severity - 1], generator(seed, "shift", shift.title, *path))
    return volume.with_voxels(within_range(given, np.asarray(made, np.float32)))


def within_range(volume: Volume, made: Floats) -> Floats:
    """Voxels of a shifted image (C, *size) held within what the scanner stores, with the padding of the given image."""
    low, high = stored_range(volume)
    held = np.clip(made, low, high)
    there = padding(volume)
    return held if there is None else np.where(there, volume.voxels.astype(np.float32), held)


def stored_range(volume: Volume) -> tuple[float, float]:
    """The lowest and highest value that the image could have had.

    HU: the 12 bits of scanners, or what the image has beyond; whole numbers without a sign: all of their bits in use;
    other numbers: from the image's own minimum on, without an upper end.
    """
    least, most = float(volume.voxels.min()), float(volume.voxels.max())
    if volume.units == "HU":
        return min(least, LOWEST_HU), max(most, HIGHEST_HU)
    if volume.voxels.dtype.kind == "u":
        bits = 8 if volume.voxels.dtype.itemsize == 1 else max(8, int(most).bit_length())
        return 0.0, float(2**bits - 1)
    return least, np.inf


def padding(volume: Volume) -> NDArray[np.bool_] | None:
    """Voxels (C, *size) that hold no measurement: those of the lowest value, if a corner and one in a hundred have it.

    None where there are none: for radiographs and photographs, whose black is measured, for a CT whose lowest value is
    above that of air, and for images of one value.
    """
    least = float(volume.voxels.min())
    if volume.units not in ("HU", "arbitrary", "PET") or (volume.units == "HU" and least > AIR_HU):
        return None
    if least == volume.voxels.max():
        return None
    lowest = volume.voxels == least
    corners = lowest[(slice(None), *(slice(None, None, max(1, n - 1)) for n in volume.size))]
    return lowest if corners.any() and lowest.mean() >= LEAST_PADDING else None


def in_plane_mm(volume: Volume) -> tuple[float, float]:
    """The distances of rows and of columns in mm; 1 and 1, pixels, where they are unknown."""
    if volume.spacing_mm is None:
        return 1.0, 1.0
    return volume.spacing_mm[-2], volume.spacing_mm[-1]
