"""How much two segmentations share, structure by structure, and what is said where one of them is empty.

The rules for empty masks, which no average leaves out:

    reference and prediction empty   nothing was there and nothing was said: Dice and IoU 1, volume difference 0
    one of them empty                a miss, or an invention: Dice and IoU 0; distances are the image's diagonal
    volume difference in per cent    has no meaning without a reference: NaN, and the millilitres are given
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.metrics.clustered import Floats
from radcnn.metrics.distance import as_spacing
from radcnn.metrics.surfaces import SurfaceDistances, surface_distances


@dataclass(frozen=True)
class Counts:
    """Voxels of one structure in the reference, in the prediction and in both."""

    reference: int
    prediction: int
    both: int

    @property
    def dice(self) -> float:
        """2 |A and B| / (|A| + |B|)."""
        total = self.reference + self.prediction
        return 2 * self.both / total if total else 1.0

    @property
    def iou(self) -> float:
        """|A and B| / |A or B|, the Jaccard index; 1 - it is the volumetric overlap error (VOE)."""
        union = self.reference + self.prediction - self.both
        return self.both / union if union else 1.0

    @property
    def relative_volume_difference(self) -> float:
        """(|B| - |A|) / |A| of prediction B and reference A: positive where too much was marked."""
        if not self.reference:
            return math.nan if self.prediction else 0.0
        return (self.prediction - self.reference) / self.reference

    @property
    def sensitivity(self) -> float:
        """The share of the reference that was found; NaN where there is none."""
        return self.both / self.reference if self.reference else math.nan

    @property
    def precision(self) -> float:
        """The share of the prediction that is right; NaN where there is none."""
        return self.both / self.prediction if self.prediction else math.nan


def counts_of(reference: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> Counts:
    """Counts of two masks of one size; raises GeometryError where they differ.

    >>> counts_of(np.array([1, 1, 0]) > 0, np.array([0, 1, 1]) > 0).dice
    0.5
    """
    if reference.shape != prediction.shape:
        raise GeometryError(f"both masks must have one size, got {reference.shape} and {prediction.shape}")
    return Counts(
        int(np.count_nonzero(reference)), int(np.count_nonzero(prediction)),
        int(np.count_nonzero(reference & prediction)),
    )  # fmt: skip


@dataclass(frozen=True)
class Distances:
    """Distances between two surfaces, in mm or, where a voxel's size is unknown, in voxels.

    mean, rms  over both surfaces; `maximum` is the Hausdorff distance, `most` its 95 % form
    dice       the surface Dice coefficient at a tolerance
    """

    mean: float
    rms: float
    maximum: float
    most: float
    dice: float


def distances_of(
    reference: NDArray[np.bool_], prediction: NDArray[np.bool_], spacing: Sequence[float] | Floats, *, tolerance: float
) -> Distances:
    """Distances between two masks of one grid, by the rules for empty ones.

    spacing    distances of voxel centres along each axis, in mm or in voxels
    tolerance  of the surface Dice coefficient, in the same unit

    Raises GeometryError where the masks differ in size or the spacing does not fit.
    """
    steps = as_spacing(spacing, reference.ndim)
    found = surface_distances(reference, prediction, steps)
    if found.undefined:
        return Distances(0.0, 0.0, 0.0, 0.0, 1.0)
    if not (found.first_mm.size and found.second_mm.size):
        worst = float(np.linalg.norm(np.array(reference.shape) * steps))
        return Distances(worst, worst, worst, worst, 0.0)
    return Distances(
        found.mean(), _rms(found), found.hausdorff(), found.hausdorff(percentile=95), found.dice(tolerance_mm=tolerance)
    )


def _rms(found: SurfaceDistances) -> float:
    squares = np.append(found.first_mm, found.second_mm) ** 2
    sizes = np.append(found.first_sizes, found.second_sizes)
    return math.sqrt(float(squares @ sizes / sizes.sum()))


@dataclass(frozen=True)
class Lesions:
    """How many separate lesions of the reference were found, and how many were made up.

    found   components of the reference that a component of the prediction matches
    missed  the others
    made_up  components of the prediction that match none
    """

    found: int
    missed: int
    made_up: int

    @property
    def there(self) -> int:
        """Lesions of the reference."""
        return self.found + self.missed

    @property
    def sensitivity(self) -> float:
        """The share of lesions that were found; NaN where there is none."""
        return self.found / self.there if self.there else math.nan

    @property
    def f1(self) -> float:
        """2 found / (2 found + missed + made up); 1 where no lesion is there and none was marked."""
        total = 2 * self.found + self.missed + self.made_up
        return 2 * self.found / total if total else 1.0


@dataclass(frozen=True, eq=False)
class LesionMatches:
    """Which lesions of the reference were found, and which lesions of the prediction match one of them.

    reference, prediction  (n,) and (m,) voxels of each
    found, matching        (n,) and (m,) bool
    """

    reference: NDArray[np.int64]
    prediction: NDArray[np.int64]
    found: NDArray[np.bool_]
    matching: NDArray[np.bool_]

    def counted(self, least: float = 0.0, below: float = math.inf) -> Lesions:
        """How many there are of `least` to `below` voxels: those made up by the size that was marked."""
        ours, theirs = ((least <= sizes) & (sizes < below) for sizes in (self.reference, self.prediction))
        found = int((ours & self.found).sum())
        return Lesions(found, int(ours.sum()) - found, int((theirs & ~self.matching).sum()))


def match_lesions(
    reference: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
    *,
    overlap: float = 0.1,
    connectivity: int | None = None,
) -> LesionMatches:
    """Which components of two masks of one size (2 or 3 axes) overlap, each matching one other at most.

    overlap       the least IoU of a component and the one that matches it; pairs are matched from the largest IoU on
    connectivity  see `metrics.components.components`, whose errors are raised

    >>> there = np.zeros((9, 9), bool)
    >>> there[1:3, 1:3] = there[6:8, 6:8] = True
    >>> said = np.zeros((9, 9), bool)
    >>> said[1:3, 1:4] = said[1, 7] = True
    >>> match_lesions(there, said).counted()
    Lesions(found=1, missed=1, made_up=1)
    """
    from radcnn.metrics.components import components

    ours, theirs = (components(mask, connectivity=connectivity) for mask in (reference, prediction))
    both = (ours.labels > 0) & (theirs.labels > 0)
    pairs, shared = np.unique(
        ours.labels[both].astype(np.int64) * (len(theirs.sizes) + 1) + theirs.labels[both], return_counts=True
    )
    first, second = (numbers - 1 for numbers in np.divmod(pairs, len(theirs.sizes) + 1))
    iou = shared / (ours.sizes[first] + theirs.sizes[second] - shared)
    found, matching = (np.zeros(len(one.sizes), bool) for one in (ours, theirs))
    for k in np.argsort(-iou, kind="stable"):
        if iou[k] >= overlap and not found[first[k]] and not matching[second[k]]:
            found[first[k]] = matching[second[k]] = True
    return LesionMatches(ours.sizes, theirs.sizes, found, matching)
