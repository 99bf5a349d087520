"""Prepared pairs: an image and its reference on one grid, in their own unit, kept whole in a store on the disk.

Nothing is resampled, scaled or cropped: a restoration's result goes back where its image came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from radcnn.core.case import Case
from radcnn.core.errors import GeometryError, InputError
from radcnn.core.volume import Volume
from radcnn.data.prepared.building import Said, Told
from radcnn.data.prepared.whole import PreparedWhole, Whole, prepare_whole
from radcnn.data.read import read_noted
from radcnn.data.units import in_unit

EDITION = 2  # raised when the same files would be prepared to other numbers, or refused
SAME_PLACE = 0.01  # voxels between corners of grids that are one
SAME_HU = 200.0  # between the medians of one body at two doses; a forgotten intercept of -1024 lies far beyond
LOOKED_AT = 100_000  # voxels, at most, by which medians are told

Lower = Callable[[Volume, Case], Volume]


def prepare_pairs(
    cases: Sequence[Case],
    cache: Path,
    *,
    hu: bool = False,
    lowered: tuple[str, Lower] | None = None,
    told: Told | None = None,
    said: Said | None = None,
) -> PreparedWhole:
    """The pairs (2, *size) of these cases from a store in `cache`; what is not there is read and compared.

    hu       take the values of files that do not say so (NIfTI, MetaImage) for HU
    lowered  how the image is made of its reference where there is no other, and a word for that way

    Raises ReadError, GeometryError or InputError, naming the case, for pairs that do not fit together.
    """
    about = {"pairs": EDITION, "hu": hu, "made": lowered[0] if lowered else None}
    return prepare_whole(
        cases, lambda case: case.reference, about, cache, lambda case: _pair(case, hu, lowered), told, said
    )


def _pair(case: Case, hu: bool, lowered: tuple[str, Lower] | None) -> Whole:
    """The image and its reference (2, *size) in their unit, and where they lie."""
    assert case.reference is not None, "a pair has a reference"
    wanted = in_unit(read_noted(case.reference).volume, hu)
    if lowered is not None:
        given = lowered[1](wanted, case)
    else:
        given = in_unit(read_noted(case.source).volume, hu)
        refuse_unlike(given, wanted)
    both = np.concatenate([one_channel(given).voxels, one_channel(wanted).voxels]).astype(np.float32)
    return Whole(both, wanted.affine)


def one_channel(volume: Volume) -> Volume:
    """The volume; raises InputError where it has several channels."""
    if volume.channels != 1:
        raise InputError(f"a restoration takes images of one channel, got {volume.channels}")
    return volume


def refuse_unlike(image: Volume, reference: Volume) -> None:
    """Raises GeometryError where an image and its reference lie on different grids, InputError for different units.

    Values that are both said to be HU and lie far apart in the median are not in one unit either.
    """
    if image.size != reference.size:
        raise GeometryError(
            f"the image has {' x '.join(map(str, image.size))} voxels and its reference "
            f"{' x '.join(map(str, reference.size))}; a pair must lie on one grid"
        )
    if (image.affine is None) != (reference.affine is None):
        raise GeometryError("one of the pair says where it lies and the other does not; a pair must lie on one grid")
    if image.affine is not None and reference.affine is not None:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in image.size], indexing="ij")).reshape(image.rank, -1).T
        apart = np.linalg.norm(image.world(corners) - reference.world(corners), axis=1).max()
        spacing = min(image.spacing_mm or (1.0,))
        if apart > SAME_PLACE * spacing:
            raise GeometryError(
                f"the image and its reference lie up to {apart:.3g} mm apart; a pair must lie on one grid "
                "(resample one onto the other first)"
            )
    if image.units != reference.units:
        raise InputError(
            f"the image is in {image.units} and its reference in {reference.units}; a pair must have one unit "
            "(--hu says that files which do not say their unit hold HU)"
        )
    if image.units == "HU":
        apart_hu = _median(image) - _median(reference)
        if abs(apart_hu) > SAME_HU:
            raise InputError(
                f"the image lies {abs(apart_hu):,.0f} HU {'above' if apart_hu > 0 else 'below'} its reference in the "
                "median; a pair must show one body in one unit (is one stored with an offset, as raw values are?)"
            )


def _median(volume: Volume) -> float:
    values = volume.voxels.reshape(-1)
    return float(np.median(values[:: max(1, values.size // LOOKED_AT)]))
