"""Are these slices one regular volume? highdicom's strict test decides; its refusal is explained in millimetres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.data.dicom.placing import Plane

SAME_PLACE_MM = 1e-3  # slices closer than this lie in the same place
WHOLE_GAP = 0.05  # a gap is "one slice missing" when it is a multiple of the spacing to 5 %
PERPENDICULAR_DEGREES = 2.6  # highdicom's tolerance of 1e-3 in the cosine, for the message


def ordered(folder: str, names: Sequence[str], planes: Sequence[Plane]) -> tuple[list[int], NDArray[np.float64]]:
    """The order of the slices along their normal, and the step (x, y, z) in mm from one to the next.

    Spacings may differ from their mean by 1 % and the stack may lean by 2.6 degrees against the normal (highdicom's
    defaults). The step leans with it, (last position - first) / (n - 1), so that the last slice is where its file says.
    Raises GeometryError naming the slices between which the volume breaks.
    """
    from highdicom.spatial import get_volume_positions

    first = planes[0]
    spacing, places = get_volume_positions([plane.position for plane in planes], [*first.right, *first.down], sort=True)
    depths = np.array([np.dot(first.normal, plane.position) for plane in planes])
    order = [int(i) for i in np.argsort(depths, kind="stable")]
    if spacing is None or places is None:
        raise GeometryError(_reason(folder, names, planes, order, depths))
    span = np.subtract(planes[order[-1]].position, planes[order[0]].position)
    return order, span / (len(order) - 1)


def _reason(
    folder: str, names: Sequence[str], planes: Sequence[Plane], order: list[int], depths: NDArray[np.float64]
) -> str:
    """Why the slices are no volume, and where."""
    start = f"the series in folder {folder} is no regular volume:"
    gaps = np.diff(depths[order])
    usual = float(np.median(gaps))
    if gaps.min() < SAME_PLACE_MM:
        at = int(np.argmin(gaps))
        pair = f"{names[order[at]]} and {names[order[at + 1]]}"
        return (
            f"{start} {pair} lie in the same place ({_at(depths[order[at]])}); if it holds several phases, echoes or "
            "acquisitions, put each into a folder of its own"
        )
    at = int(np.argmax(np.abs(gaps - usual)))
    between = f"between {_at(depths[order[at]])} and {_at(depths[order[at + 1]])}"
    missing = float(gaps[at] / usual) - 1
    if missing > WHOLE_GAP and abs(missing - round(missing)) < WHOLE_GAP:
        plural = "slice seems" if round(missing) == 1 else "slices seem"
        return (
            f"{start} {round(missing)} {plural} to be missing {between}, where the gap is {gaps[at]:.2f} mm and not "
            f"{usual:.2f} mm; export the whole series"
        )
    lean = _lean_degrees(planes, order)
    if lean > PERPENDICULAR_DEGREES and np.allclose(gaps, usual, rtol=0.01):
        return (
            f"{start} its slices are stacked {lean:.1f} degrees off their normal (gantry tilt); "
            "have it resampled at the scanner or in a viewer"
        )
    return (
        f"{start} the distance of its slices varies from {gaps.min():.2f} to {gaps.max():.2f} mm, most {between}; "
        "resample it to an even spacing"
    )


def _at(depth_mm: float) -> str:
    return f"{depth_mm:.1f} mm along the normal"


def _lean_degrees(planes: Sequence[Plane], order: list[int]) -> float:
    """The largest angle between the slices' normal and the line from the first to another slice."""
    start = np.array(planes[order[0]].position)
    spans = np.array([planes[i].position for i in order[1:]]) - start
    cosines = spans @ planes[0].normal / np.linalg.norm(spans, axis=1)
    return float(np.degrees(np.arccos(np.clip(cosines.min(), -1, 1))))
