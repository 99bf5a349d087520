"""What a DICOM RTSTRUCT says, as plain facts: its regions of interest and the points of their contours (LPS, mm).

Everything here looks at a stranger's bytes and runs in a bounded child; what it returns is plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.data.dicom.header import text
from radcnn.data.dicom.refusing import refusing

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
MAX_ROIS = 4_096  # a plan has a few dozen
MAX_CONTOURS = 200_000  # a hundred organs on a thousand slices, twice
MAX_POINTS = 10_000_000  # of all contours; a plan has some hundred thousand
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
KINDS = (*CLOSED, "OPEN_PLANAR", "OPEN_NONPLANAR", "POINT")
UNKNOWN = "unknown"  # a kind that DICOM does not define

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Roi:
    """A region of interest: its number, what the file calls it (free text, never to be printed), and its frame."""

    number: int
    label: str = field(repr=False)
    frame_of_reference: str = field(repr=False)


@dataclass(frozen=True)
class Contours:
    """A DICOM RTSTRUCT without its points.

    name    of the file, for messages
    rois    in the order of the file
    roi_of  for each contour, which of `rois` it outlines
    kinds   ContourGeometricType of each contour, or "unknown"
    ends    where the points of each contour end; they begin where those of the one before end
    """

    name: str
    rois: tuple[Roi, ...]
    roi_of: tuple[int, ...]
    kinds: tuple[str, ...]
    ends: tuple[int, ...]


def rtstruct_contours(name: str, dataset: Any) -> tuple[Contours, Points]:
    """A DICOM RTSTRUCT as plain facts and the points (n, 3) of its contours.

    Raises ReadError when it is damaged or too large.
    """
    with refusing(name):
        rois = _rois(name, dataset)
        roi_of, kinds, points = _contours(name, dataset, rois)
    ends = tuple(int(end) for end in np.cumsum([len(each) for each in points]))
    together = np.concatenate([*points, np.empty((0, 3))])
    return Contours(name, rois, tuple(roi_of), tuple(kinds), ends), together


def _rois(name: str, dataset: Any) -> tuple[Roi, ...]:
    listed = dataset.get("StructureSetROISequence") or []
    if len(listed) > MAX_ROIS:
        raise ReadError(f"{name} claims {len(listed)} regions of interest; read are {MAX_ROIS}")
    whole = _reference_of_all(dataset)
    found = tuple(
        Roi(int(item.ROINumber), text(item, "ROIName"), text(item, "ReferencedFrameOfReferenceUID") or whole)
        for item in listed
    )
    if len({roi.number for roi in found}) < len(found):
        raise ReadError(f"{name} gives two regions of interest one number; export it again")
    return found


def _reference_of_all(dataset: Any) -> str:
    """The frame of reference of the whole structure set, where it names one alone."""
    listed = dataset.get("ReferencedFrameOfReferenceSequence") or []
    said = {text(item, "FrameOfReferenceUID") for item in listed} | {text(dataset, "FrameOfReferenceUID")}
    said.discard("")
    return said.pop() if len(said) == 1 else ""


def _contours(name: str, dataset: Any, rois: tuple[Roi, ...]) -> tuple[list[int], list[str], list[Points]]:
    """For each contour its region, its kind and its points."""
    at = {roi.number: i for i, roi in enumerate(rois)}
    roi_of: list[int] = []
    kinds: list[str] = []
    points: list[Points] = []
    total = 0
    for number, item in _items(dataset):
        if number not in at:
            raise ReadError(f"{name} has contours of a region of interest that it does not list; export it again")
        found = _points(name, item)
        total += len(found)
        if len(points) >= MAX_CONTOURS or total > MAX_POINTS:
            raise ReadError(
                f"{name} has more than {MAX_CONTOURS:,} contours or {MAX_POINTS:,} points; export fewer regions at once"
            )
        kind = text(item, "ContourGeometricType")
        roi_of.append(at[number])
        kinds.append(kind if kind in KINDS else UNKNOWN)
        points.append(found)
    return roi_of, kinds, points


def _items(dataset: Any) -> Iterator[tuple[int, Any]]:
    for region in dataset.get("ROIContourSequence") or []:
        number = int(region.ReferencedROINumber)
        yield from ((number, item) for item in region.get("ContourSequence") or [])


def _points(name: str, item: Any) -> Points:
    """ContourData as points (n, 3); text is read at once, not number by number as pydicom would."""
    element = item.get_item("ContourData")
    value = None if element is None else element.value
    if isinstance(value, bytes):
        parts: Any = value.decode("ascii").rstrip(" \0").split("\\")
    else:
        parts = [] if value is None else value if hasattr(value, "__len__") and not isinstance(value, str) else [value]
    numbers = np.array([] if list(parts) in ([], [""]) else parts, dtype=np.float64)
    if numbers.size % 3 or not np.isfinite(numbers).all():
        raise ReadError(f"{name} has a contour whose points are not x, y, z in mm; export it again")
    return numbers.reshape(-1, 3)
