"""Whether maps find what was outlined: pointing, ranking and overlap with masks, beside what other patients' masks get.

A map that lights up the middle of every image finds much of what lies in the middle of most. Chance is therefore the
same map against the outlines of all other patients: of their size and place, but not of this image (Arun et al. 2021,
doi:10.1148/ryai.2021200267, hold saliency maps of radiographs against such figures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.errors import InputError
from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Floats, clustered_mean, patient_codes
from radcnn.metrics.proportions import proportion

FIGURES = ("pointing", "auprc", "iou")
ONE_PATIENT = "all outlined cases are of one patient, so that there are no other patients' outlines to compare with"


@dataclass(frozen=True)
class Located:
    """How well the maps of a method find what was outlined; every interval is by patient.

    method        that made the maps
    pointing      share of maps whose maximum lies inside the mask (the pointing game, Zhang et al. 2016,
                  arXiv:1608.00507); of several equal maxima, the share of those inside
    auprc         mean area under precision and recall of a map's values, voxel by voxel
    iou           mean intersection over union of the mask and as many of the map's highest voxels as the mask has
    *_chance      the same maps against the masks of all other patients
    above_chance  pointing, auprc, iou -> the mean difference to chance, case by case
    n             cases with a mask; only these count
    """

    method: str
    pointing: Estimate
    pointing_chance: Estimate
    auprc: Estimate
    auprc_chance: Estimate
    iou: Estimate
    iou_chance: Estimate
    above_chance: Mapping[str, Estimate]
    n: int


class Standing(NamedTuple):
    """Where each voxel (v,) of a map stands: voxels with a higher value, and with its own or a higher one."""

    above: Floats
    reached: Floats


def located(method: str, maps: ArrayLike, masks: ArrayLike, patients: Sequence[str], *, level: float = 0.95) -> Located:
    """The figures of maps against masks; cases with an empty mask are left out.

    maps   (B, *size), higher where more speaks for the class
    masks  (B, *size) of bool
    patients  B names

    Masks are shared by the maps they are compared with by chance; the intervals of chance do not know that. Raises
    InputError where the shapes differ or a map holds NaN.

    >>> masks = np.zeros((3, 4, 4), bool)
    >>> masks[0, 0, :2] = masks[1, 2, :2] = masks[2, 3, 2:] = True
    >>> str(located("perfect", masks.astype(float), masks, ["a", "b", "c"]).auprc)
    '1.000 (no interval, n=3)'
    """
    shown, inside = np.asarray(maps, dtype=np.float64), np.asarray(masks, dtype=np.bool_)
    _agreeing(shown, inside, patients)
    kept = np.flatnonzero(inside.reshape(len(inside), -1).any(axis=1))
    own, chance = _against(shown[kept], inside[kept], patient_codes(np.asarray(patients)[kept]))
    people = np.asarray(patients)[kept]
    pointing_chance, auprc_chance, iou_chance = (_mean(one, people, level) for one in chance.T)
    return Located(
        method=method,
        pointing=_shares(own[:, 0], people, level),
        pointing_chance=pointing_chance,
        auprc=_mean(own[:, 1], people, level),
        auprc_chance=auprc_chance,
        iou=_mean(own[:, 2], people, level),
        iou_chance=iou_chance,
        above_chance=MappingProxyType(
            {name: _mean(one, people, level) for name, one in zip(FIGURES, (own - chance).T, strict=True)}
        ),
        n=len(kept),
    )


def standing_of(shown: Floats) -> Standing:
    """How high each voxel of a map (v,) stands among all.

    >>> standing_of(np.array([0.5, 2.0, 0.5]))
    Standing(above=array([1., 0., 1.]), reached=array([3., 1., 3.]))
    """
    _, rung, sizes = np.unique(-shown, return_inverse=True, return_counts=True)
    reached = np.cumsum(sizes)
    return Standing((reached - sizes)[rung].astype(np.float64), reached[rung].astype(np.float64))


def figures_of(standing: Standing, inside: NDArray[np.intp]) -> tuple[float, float, float]:
    """Pointing, AUPRC and IoU of a map against the voxels of a mask, by their numbers; equal values are shared out.

    AUPRC is the mean over the mask's voxels of the precision among all voxels that are as high or higher; the IoU takes
    the share of a rung that is needed to have as many voxels as the mask, as if drawn by lot.
    """
    above, reached = standing.above[inside], standing.reached[inside]
    size = len(inside)
    pointing = float(np.sum((above == 0) / reached))
    ordered = np.sort(reached)
    auprc = float(np.mean(np.searchsorted(ordered, ordered, side="right") / ordered))
    shared = float(np.clip((size - above) / (reached - above), 0, 1).sum())
    return pointing, auprc, shared / (2 * size - shared)


def _against(maps: Floats, masks: NDArray[np.bool_], codes: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """The figures (B, 3) of maps against their own masks, and their mean over those of other patients."""
    own, chance = np.zeros((len(maps), 3)), np.full((len(maps), 3), np.nan)
    voxels = [np.flatnonzero(mask) for mask in masks]
    for case, shown in enumerate(maps):
        standing = standing_of(shown.ravel())
        own[case] = figures_of(standing, voxels[case])
        others = np.flatnonzero(codes != codes[case])
        if len(others):
            chance[case] = np.mean([figures_of(standing, voxels[other]) for other in others], axis=0)
    return own, chance


def _shares(values: Floats, patients: NDArray[np.str_], level: float) -> Estimate:
    """The mean of zeros and ones, whose interval is not lost where all are equal; of shares between them, as others."""
    if len(values) and np.isin(values, (0.0, 1.0)).all():
        return proportion(values, patients, level=level)
    return _mean(values, patients, level)


def _mean(values: Floats, patients: NDArray[np.str_], level: float) -> Estimate:
    if not len(values):
        return Estimate.missing("no case has an outline")
    if np.isnan(values).any():
        return Estimate.missing(ONE_PATIENT, len(values), 1)
    return clustered_mean(values, patients, level=level)


def _agreeing(maps: Floats, masks: NDArray[np.bool_], patients: Sequence[str]) -> None:
    if maps.shape != masks.shape or len(maps) != len(patients):
        raise InputError(
            f"maps and masks must be of one shape (B, *size) with a patient each, got {maps.shape}, {masks.shape} and "
            f"{len(patients)} patients"
        )
    if np.isnan(maps).any():
        raise InputError("a map holds NaN, so that its voxels cannot be ranked; make it anew in float32")
