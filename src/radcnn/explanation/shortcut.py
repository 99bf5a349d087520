"""Whether a network looks where no anatomy is: how much of a map lies at the border, outside the body, at a marker.

A share says little by itself: a frame of a tenth of each side is 36 % of an image. It stands beside the share of the
image that the place takes up, and their ratio is 1 for a map that does not care where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.errors import InputError, SettingsError
from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Floats, clustered_mean, linearised, patient_codes
from radcnn.metrics.components import components

FRAME = 0.1  # of each side: markers, labels and collimator edges lie within; anatomy mostly begins behind it

DARK = 0.05  # of an image's range above its lowest value: noise about clipped air


@dataclass(frozen=True)
class Attribution:
    """How much of the maps lies at a place; every interval is by patient.

    where   the place: "border", "outside the body", "marker"
    share   mean share of |map| there
    area    mean share of the voxels there
    ratio   mean share over mean area: 1 without preference, above 1 where the network looks there more than elsewhere
    empty   cases left out since their map is zero everywhere
    n       cases that count
    """

    where: str
    share: Estimate
    area: Estimate
    ratio: Estimate
    empty: int
    n: int


def border_frame(size: Sequence[int], *, width: float = FRAME) -> NDArray[np.bool_]:
    """The voxels (*size) within a share of each side from its two ends, at least one voxel; of rows and columns alone.

    Slices of a volume begin and end inside the body, so that the first and the last are no border.

    >>> int(border_frame((4, 5)).sum()), int(border_frame((2, 4, 5)).sum())
    (14, 28)
    """
    if not 0 < width < 0.5:
        raise SettingsError(f"width of a border frame must be a share of a side between 0 and 0.5, got {width}")
    if len(size) not in (2, 3):
        raise SettingsError(f"a border frame is of images or volumes of 2 or 3 axes, got {len(size)}")
    rims = [max(1, round(width * n)) for n in size[-2:]]
    rows, columns = (slice(rim, n - rim) for rim, n in zip(rims, size[-2:], strict=True))
    frame = np.ones(tuple(size), dtype=np.bool_)
    frame[..., rows, columns] = False
    return frame


def outside_body(images: ArrayLike) -> NDArray[np.bool_]:
    """Dark voxels that hang together with the edge of their image or slice, (B, *size): air about the patient.

    images  (B, *size) of one channel, bright where tissue is (not a radiograph stored inverted)

    Dark is within a twentieth of the image's range from its lowest value: a window clips air to that, noise aside.
    Lungs do not reach the edge and stay inside. An image that the patient fills has no such voxel.

    >>> image = np.zeros((1, 5, 5)); image[0, 1:4, 1:4] = 1.0; image[0, 2, 2] = 0.0
    >>> int(outside_body(image).sum())
    16
    """
    shown = np.asarray(images, dtype=np.float64)
    flat = shown.reshape(len(shown), -1)
    lowest, highest = (end(flat, axis=1).reshape(-1, *(1,) * (shown.ndim - 1)) for end in (np.min, np.max))
    # an image of one value shows no patient, and nothing of it can be called outside
    dark = (shown <= lowest + DARK * (highest - lowest)) & (highest > lowest)
    planes = dark.reshape(-1, *dark.shape[-2:])
    return np.stack([_at_the_edge(plane) for plane in planes]).reshape(dark.shape)


def _at_the_edge(dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of a plane that touch its edge."""
    labels = components(dark, connectivity=4).labels
    touching = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, touching[touching > 0])


def attribution(
    where: str, maps: ArrayLike, places: ArrayLike, patients: Sequence[str], *, level: float = 0.95
) -> Attribution:
    """The share of |maps| at places beside the places' share of the image.

    maps    (B, *size), of any sign
    places  (*size) or (B, *size) of bool: `border_frame`, voxels outside the body, a marker's mask

    Cases without the place count with shares of zero in both. Raises InputError where shapes differ.

    >>> maps = np.zeros((2, 4, 4)); maps[:, 0, 0] = 1.0
    >>> attribution("border", maps, border_frame((4, 4)), ["a", "b"]).share.value
    1.0
    """
    weight, inside = np.abs(np.asarray(maps, dtype=np.float64)), np.asarray(places, dtype=np.bool_)
    if inside.shape not in (weight.shape, weight.shape[1:]) or len(weight) != len(patients):
        raise InputError(
            f"places must be {weight.shape[1:]} as the maps or one for each of {len(weight)}, with a patient each; got "
            f"{inside.shape} and {len(patients)} patients"
        )
    inside = np.broadcast_to(inside, weight.shape).reshape(len(weight), -1)
    weight = weight.reshape(len(weight), -1)
    total = weight.sum(axis=1)
    kept = total > 0
    people = np.asarray(patients)[kept]
    share = (weight * inside).sum(axis=1)[kept] / total[kept]
    area = inside.mean(axis=1)[kept]
    return Attribution(
        where,
        clustered_mean(share, people, level=level),
        clustered_mean(area, people, level=level),
        ratio_of(share, area, people, level=level),
        int((~kept).sum()),
        int(kept.sum()),
    )


def ratio_of(share: Floats, area: Floats, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean share (n,) over mean area (n,), with an interval by patient on the logarithm's scale."""
    if not len(share):
        return Estimate.missing("no map has a voxel that is not zero")
    codes = patient_codes(patients)
    mean = float(area.mean())
    if not mean > 0:
        return Estimate.missing("no image has this place", len(share), int(np.unique(codes).size))
    ratio = float(share.mean()) / mean
    influence = (share - ratio * area) / (len(share) * mean)
    return linearised(ratio, influence, codes, level=level, scale="log", what="ratio of means")
