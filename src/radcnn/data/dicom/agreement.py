"""Do images of one series belong to one volume? What they must share, and the two that do not are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from radcnn.core.errors import GeometryError
from radcnn.data.dicom.attributes import Value
from radcnn.data.dicom.keys import CONTENT, NEVER_TWO
from radcnn.data.dicom.placing import ORTHONORMAL
from radcnn.data.dicom.slices import Slice

SPACING_TOLERANCE_MM = 1e-3  # between the PixelSpacing of two slices: rounding of decimal text
SAME_NUMBER = 0.01  # of an echo time or b-value, that slices of one volume may differ by


def refuse_no_slices(slices: Sequence[Slice], whose: str) -> None:
    """Raise GeometryError when images of a series have no place, an impossible one, or are there twice."""
    for found in slices:
        if found.fault:
            raise GeometryError(found.fault)
        if found.film:
            raise GeometryError(
                f"the series in {whose} has several files, and {found.name} holds {found.frames} frames"
            )
        if found.plane is None:
            raise GeometryError(
                f"the series in {whose} is no volume: {found} lacks its position, orientation or pixel spacing; "
                "give its images one by one"
            )
    _refuse_copies(slices, whose)


def _refuse_copies(slices: Sequence[Slice], whose: str) -> None:
    seen: dict[object, Slice] = {}
    for found in slices:
        # anonymisers give all slices one SOPInstanceUID, so it says "the same image" only together with the place
        twin = seen.setdefault((found.instance_uid, found.number, found.plane), found)
        if twin is not found and twin.keys == found.keys:
            raise GeometryError(f"the series in {whose} holds one image twice ({twin} and {found}); remove the copy")


def difference(slices: Sequence[Slice]) -> tuple[str, Slice] | None:
    """What one of the slices does not share with the first, and which; None when they all agree."""
    first = slices[0]
    for what, differs in DIFFERENCES.items():
        other = next((found for found in slices if differs(first, found)), None)
        if other is not None:
            return what, other
    for what, values, tolerance in (
        ("pixel spacing", [found.placed.spacing for found in slices], SPACING_TOLERANCE_MM),
        ("orientation", [found.placed.right + found.placed.down for found in slices], ORTHONORMAL),
    ):
        off = np.abs(np.array(values) - np.array(values[0])).max(axis=1) > tolerance
        if off.any():
            return what, slices[int(np.argmax(off))]
    return None


DIFFERENCES: dict[str, Callable[[Slice, Slice], bool]] = {
    "rows and columns": lambda a, b: a.rows != b.rows or a.columns != b.columns,
    "the unit of their values": lambda a, b: a.units != b.units,
    "their frame of reference": lambda a, b: a.frame_of_reference != b.frame_of_reference,
}


def says_more_than_one_thing(slices: Sequence[Slice]) -> bool:
    """Whether an attribute that can have one value in a volume has several."""
    first = slices[0].keys
    return any(found.keys.get(keyword) != first.get(keyword) for keyword in CONTENT for found in slices)


def refuse_mixture(slices: Sequence[Slice], whose: str) -> None:
    """Raise GeometryError when slices that could not be told apart differ in what they must share."""
    found = difference(slices) or _two_contents(slices)
    if found is not None:
        what, other = found
        raise GeometryError(
            f"the series in {whose} is no volume: {slices[0]} and {other} differ in {what}; "
            "put images that do not belong together into folders of their own"
        )


def _two_contents(slices: Sequence[Slice]) -> tuple[str, Slice] | None:
    for keyword in NEVER_TWO:
        said = slices[0].keys.get(keyword)
        for found in slices:
            if said is not None and not _same(said, found.keys.get(keyword)):
                return keyword, found
    return None


def _same(a: Value, b: Value | None) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= SAME_NUMBER * abs(a)
    return b is None or a == b
