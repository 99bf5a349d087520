"""A Mask: whole numbers on the grid of an image, 0 being background, and what the file calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import InputError, ReadError
from radcnn.core.volume import Volume

LARGEST = 2**31 - 1  # a label that needs more than 32 bits is none
ROUNDING = 1e-3  # that a label of a scaled file may be off
REORDERED = "the mask's axes were put into the order of the image's; no voxel was moved or resampled"
NO_PLACES = "places were not compared, only sizes: neither mask nor image says where in the patient it lies"
OVERLAP = "labels overlap in {} voxels, where the higher number was taken"
COUNTED_AT_ONCE = 1 << 24  # voxels; counting needs eight bytes for each


@dataclass(frozen=True, eq=False)
class Mask:
    """Labels on an image's grid.

    volume  (1, D, H, W) or (1, H, W) of the image's size, affine and frame, units "mask"; uint8, uint16 or int32
    names   what the file calls its labels, by number; free text of a header, so it is kept out of every message
    notes   what was noticed while reading: what was turned, left out or could not be compared
    overlapping  voxels that the file gives several labels, of which the highest was taken
    """

    volume: Volume
    names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    notes: tuple[str, ...] = ()
    overlapping: int = 0

    @property
    def doubts(self) -> tuple[str, ...]:
        """Those of the notes that say that something was left out or could not be compared; overlaps are counted."""
        return tuple(
            note for note in self.notes if note not in (REORDERED, NO_PLACES, OVERLAP.format(self.overlapping))
        )

    def counts(self) -> dict[int, int]:
        """Voxels of each label that occurs, background (0) not counted.

        >>> Mask(Volume(np.array([[[0, 2], [2, 1]]], np.uint8), None, "mask")).counts()
        {1: 1, 2: 2}
        """
        total: dict[int, int] = {}
        flat = self.volume.voxels.reshape(-1)
        for start in range(0, flat.size, COUNTED_AT_ONCE):
            for label, n in _counted(flat[start : start + COUNTED_AT_ONCE]):
                total[label] = total.get(label, 0) + n
        return {label: total[label] for label in sorted(total) if label != 0}


def on_grid(
    labels: NDArray, like: Volume, names: Mapping[int, str], notes: Iterable[str], overlapping: int = 0
) -> Mask:
    """A Mask of labels (D, H, W) on the grid of the image `like`, of which a 2D one has a single slice."""
    voxels = labels[None] if like.rank == 3 else labels
    volume = Volume(np.ascontiguousarray(voxels), like.affine, "mask", like.frame)
    return Mask(volume, MappingProxyType(dict(names)), tuple(dict.fromkeys(notes)), overlapping)


def as_labels(name: str, voxels: NDArray) -> NDArray:
    """Voxels of any type as whole numbers in the smallest of uint8, uint16 and int32 that holds them.

    Raises ReadError when one of them is further from a whole number than the rounding of a scale (a NIfTI file's slope)
    explains, or needs more than 32 bits.

    >>> as_labels("a.nii", np.array([0.0, 299.9999]))
    array([  0, 300], dtype=uint16)
    """
    if voxels.dtype.kind == "f":
        whole = np.rint(voxels)
        uneven = ~((voxels >= whole - ROUNDING) & (voxels <= whole + ROUNDING))  # NaN as well
        if uneven.any():
            raise ReadError(
                f"{name} is no mask: labels must be whole numbers, and {int(uneven.sum())} of its {uneven.size} voxels "
                "are not; probabilities need a threshold, and a resampled mask needs nearest neighbours"
            )
        voxels = whole
    lowest, highest = float(voxels.min()), float(voxels.max())
    if lowest < -LARGEST or highest > LARGEST:
        raise ReadError(f"{name} is no mask: its values reach beyond 32-bit whole numbers; give the mask of the image")
    return voxels.astype(smallest(lowest, highest), copy=False)


def smallest(lowest: float, highest: float) -> type[np.uint8] | type[np.uint16] | type[np.int32]:
    """The smallest type for labels from `lowest` to `highest`."""
    if lowest < 0 or highest > np.iinfo(np.uint16).max:
        return np.int32
    return np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16


def chosen(name: str, names: Mapping[int, str], segment: int | str | None) -> tuple[int, ...]:
    """The numbers of the labels that are meant: all of them, or the one of this number or name.

    Names are compared as they stand, then without regard to capitals. Raises InputError listing the numbers (never the
    names) when there is none or the name is not unique.
    """
    if segment is None:
        return tuple(names)
    if isinstance(segment, int):
        found = [number for number in names if number == segment]
    else:
        found = [number for number, label in names.items() if label.strip() == segment.strip()]
        found = found or [n for n, label in names.items() if label.strip().casefold() == segment.strip().casefold()]
    if len(found) == 1:
        return (found[0],)
    numbers = ", ".join(str(number) for number in names) or "none"
    came = "no label of the number or name asked for" if not found else f"{len(found)} labels of the name asked for"
    raise InputError(f"{name} has {came}; choose one by its number (segment): {numbers}")


def labels_meant(
    name: str, names: Mapping[int, str], segment: int | str | None, segments: Sequence[str] = ()
) -> dict[int, int]:
    """The label of each segment that is meant, by its number.

    names     of all segments, by number
    segment   the only one that is meant, which keeps its number; None for all
    segments  names or patterns (``*``, ``?``): label k is what fits the k-th, from 1 on, and all else is left out. A
              name that stands there as it is comes before patterns; capitals do not matter

    Raises InputError where `segment` is not there, or not unique.

    >>> labels_meant("a.dcm", {4: "Liver", 7: "Lesion 1", 9: "Lesion 2", 2: "Bowel"}, None, ["liver", "lesion*"])
    {4: 1, 7: 2, 9: 2}
    """
    if not segments:
        return {number: number for number in chosen(name, names, segment)}
    patterns = [pattern.strip().casefold() for pattern in segments]
    made = {}
    for number, called in names.items():
        plain = called.strip().casefold()
        fits = [k for k, one in enumerate(patterns) if one == plain] or [
            k for k, one in enumerate(patterns) if fnmatchcase(plain, one)
        ]
        if fits:
            made[number] = fits[0] + 1
    return made


def names_kept(names: Mapping[int, str], labels: Mapping[int, int], segments: Sequence[str]) -> dict[int, str]:
    """What labels are called: as the file calls them, or as they were asked for."""
    return {label: segments[label - 1] if segments else names[number] for number, label in labels.items()}


def _counted(labels: NDArray) -> list[tuple[int, int]]:
    if labels.dtype.kind == "u" and labels.dtype.itemsize <= 2:
        counts = np.bincount(labels)
        return [(int(label), int(counts[label])) for label in np.flatnonzero(counts)]
    values, numbers = np.unique(labels, return_counts=True)
    return [(int(value), int(n)) for value, n in zip(values, numbers, strict=True)]
