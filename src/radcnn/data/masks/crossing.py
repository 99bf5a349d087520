"""DICOM masks read in a bounded child: what it says is tested before anything is done with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError, SettingsError
from radcnn.core.settings import from_plain
from radcnn.data.bounded import Refused, each, one
from radcnn.data.masks.contours import Contours
from radcnn.data.masks.segments import MAX_SEGMENTS, NOWHERE, SegFrames

PLANE = {"position": 3, "right": 3, "down": 3, "spacing": 2}  # numbers of each


def dicom_mask(path: Path) -> tuple[SegFrames | Contours, NDArray] | None:
    """A DICOM SEG with its pixels, or an RTSTRUCT with its points (n, 3); None when the file is another DICOM object.

    Raises ReadError when it is damaged or takes more than its size explains, GeometryError when a place is impossible.
    """
    answer = one("dicom mask", path, {})
    try:
        (said,) = answer.items
        if said is None:
            return None
        return _seg(path.name, said["seg"], answer.rooms) if "seg" in said else _contours(path.name, said, answer.rooms)
    except (SettingsError, KeyError, TypeError, ValueError):
        raise ReadError(f"the mask {path.name} could not be read; export it again") from None


def frame_of_reference_of(files: Sequence[Path]) -> str:
    """FrameOfReferenceUID of the DICOM files that an image's slices come from (`Reading.files`); "" where none has one.

    The slices of a volume share one, or are refused. Raises ReadError when the file is damaged.
    """
    if not files:
        return ""
    (said,) = each("dicom frames of reference", files[:1])
    if isinstance(said, Refused):
        raise said.error
    return str(said)


def _seg(name: str, said: Any, rooms: Sequence[NDArray]) -> tuple[SegFrames, NDArray]:
    """Raises an error of Python, or SettingsError, when it is anything but a SEG."""
    found = from_plain(SegFrames, {**said, "name": name}, name)
    lengths = {key: {len(getattr(plane, key)) for plane in found.planes} for key in PLANE}
    numbers = [segment.number for segment in found.segments]
    fine = found.rows > 0 and found.columns > 0 and len(found.plane_of) == len(found.numbers) > 0
    fine = fine and all(n == {PLANE[key]} for key, n in lengths.items() if n)
    fine = fine and all(NOWHERE <= i < len(found.planes) for i in found.plane_of)
    if not (fine and all(0 < number <= MAX_SEGMENTS for number in numbers)):
        raise ValueError("no SEG")
    return found, rooms[0].view(found.dtype).reshape(found.shape)


def _contours(name: str, said: Any, rooms: Sequence[NDArray]) -> tuple[Contours, NDArray]:
    """Raises an error of Python, or SettingsError, when it is anything but an RTSTRUCT."""
    found = from_plain(Contours, {**said["contours"], "name": name}, name)
    points = rooms[0].view(np.float64).reshape(-1, 3) if rooms else np.empty((0, 3))
    ends = (0, *found.ends)
    fine = len(found.roi_of) == len(found.kinds) == len(found.ends) and ends[-1] == len(points)
    fine = fine and all(0 <= roi < len(found.rois) for roi in found.roi_of) and list(ends) == sorted(ends)
    if not (fine and np.isfinite(points).all()):
        raise ValueError("no RTSTRUCT")
    return found, points
