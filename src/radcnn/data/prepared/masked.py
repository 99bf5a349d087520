"""Prepared images with their masks, on the grid that a network of structures looks at, kept in a store on the disk.

Axes are put into the patient's order, spacings are brought to one where they are known, and labels become places in a
list: a mask is read once, and one that does not fit its image or holds an unknown label is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.case import Case
from radcnn.core.errors import InputError
from radcnn.core.settings import to_plain
from radcnn.core.volume import Volume
from radcnn.data.masks.read import image_and_mask
from radcnn.data.prepared.building import Said, Told
from radcnn.data.prepared.whole import PreparedWhole, Whole, prepare_whole
from radcnn.data.store.places import UNLABELLED
from radcnn.transforms.intensity import Intensity, linear_map
from radcnn.transforms.orientation import Plane, towards_patient_axes
from radcnn.transforms.resampling import known_spacing, resample

EDITION = 4  # raised when the same files would be prepared to other numbers
MOST_VALUES = 254
NEARLY = 0.05  # share by which an image's spacing may differ from the grid's before it is resampled


@dataclass(frozen=True)
class MaskedGrid:
    """How an image and its mask are brought to the network.

    channels    of the images
    spacing_mm  of the grid, slices first, 0 where an axis stays as it is; None: all do. Rows and columns alone are for
                slices, and of an image of one slice only theirs are asked. An axis whose spacing is the grid's to 5 %
                stays, too: interpolation would cost more than it mends
    intensity   how values are mapped
    values      numbers that masks may hold, 0 first
    unlabelled  the number that says "nobody looked here", or None
    plane       of the slices: axial, sagittal or coronal
    region      labels beyond which nothing is asked, so that the same is said there; those of them that are no values
                are background; empty: everything is asked about
    """

    channels: int
    spacing_mm: tuple[float, ...] | None
    intensity: Intensity
    values: tuple[int, ...]
    unlabelled: int | None = None
    region: tuple[int, ...] = ()
    plane: Plane = "axial"

    def image(self, volume: Volume) -> Volume:
        """The image on the network's grid, (channels, *size) float32, knowing where it lies.

        Raises InputError for another number of channels, GeometryError where a spacing is needed and not known.
        """
        if volume.channels != self.channels:
            raise InputError(f"this network takes images of {self.channels} channels, got {volume.channels}")
        mapped = linear_map(self.intensity, volume.voxels)
        placed = self.placed(volume)
        return placed.with_voxels(mapped(placed.voxels))

    def placed(self, volume: Volume) -> Volume:
        """An image or a mask in the patient's axes and on the grid's spacing."""
        upright = self.upright(volume)
        spacing = self.spacing_of(upright)
        return upright if spacing is None else resample(upright, spacing_mm=spacing)

    def upright(self, volume: Volume) -> Volume:
        """An image or a mask with its axes as the network sees them; nothing is interpolated."""
        return towards_patient_axes(volume, self.plane)

    def coded(self, labels: NDArray) -> NDArray[np.uint8]:
        """Stored labels (*size) of a mask on the grid; raises InputError naming one that was not declared."""
        if not self.region:
            return coded(labels, self.values, self.unlabelled)
        others = [label for label in self.region if label not in self.values]
        stored = coded(np.where(np.isin(labels, others), 0, labels), self.values, self.unlabelled)
        return np.where(np.isin(labels, self.region), stored, np.uint8(UNLABELLED))

    def spacing_of(self, upright: Volume) -> tuple[float, ...] | None:
        """What an image is resampled to, None where it stays as it is.

        Raises GeometryError where a spacing is needed and the image's is not known.
        """
        if self.spacing_mm is None:
            return None
        own = known_spacing(upright, "spacing_mm of this network's grid")
        asked = (0.0, *self.spacing_mm)[-upright.rank :]
        wanted = tuple(
            had if abs(had - new) <= NEARLY * new or not new else new for new, had in zip(asked, own, strict=True)
        )
        return None if wanted == own else wanted


def prepare_masked(
    cases: Sequence[Case], grid: MaskedGrid, cache: Path, *, told: Told | None = None, said: Said | None = None
) -> PreparedWhole:
    """The images and masks (*size) uint8 of these cases from a store in `cache`; what is not there is read.

    Raises ReadError, GeometryError or InputError, naming the case, for masks that do not fit or hold unknown labels.
    """
    about = {"masked": EDITION, "grid": to_plain(grid)}
    return prepare_whole(cases, lambda case: case.mask, about, cache, lambda case: _both(case, grid), told, said)


def _both(case: Case, grid: MaskedGrid) -> Whole:
    volume, mask = image_and_mask(case)
    placed = grid.placed(mask.volume)
    image = grid.image(volume)
    return Whole(image.voxels, image.affine, grid.coded(placed.voxels[0]))


def coded(labels: NDArray, values: Sequence[int], unlabelled: int | None = None) -> NDArray[np.uint8]:
    """Labels as places in a list of numbers, those that say "nobody looked here" as UNLABELLED.

    Raises InputError naming a label that is not in the list.

    >>> coded(np.array([0, 4, 2, 9]), (0, 2, 4), 9).tolist()
    [0, 2, 1, 255]
    """
    assert len(values) <= MOST_VALUES, "places are stored in one byte"
    made = np.full(labels.shape, UNLABELLED, np.uint8)
    known = np.zeros(labels.shape, bool) if unlabelled is None else labels == unlabelled
    for place, value in enumerate(values):
        here = labels == value
        made[here] = place
        known |= here
    if not known.all():
        declared = ", ".join(str(value) for value in values[1:])
        raise InputError(f"the mask holds the label {int(labels[~known][0])}, which was not declared ({declared} are)")
    return made
