"""Slices arranged: which images are the volume, in which order and where; and what is left to do once they are decoded.

    arrange(slices)      headers in, an Arrangement or a refusal out: no pixel is needed
    finished(voxels)     the decoded stack on its final grid: made upright, gaps filled in

Positions decide, never file names, InstanceNumber, SliceLocation or SliceThickness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError
from radcnn.core.volume import Frame, Units, Volume
from radcnn.data.dicom.agreement import refuse_mixture, refuse_no_slices
from radcnn.data.dicom.gaps import Filling, filled_in, filling_of
from radcnn.data.dicom.group import chosen_group
from radcnn.data.dicom.layout import MAX_VOXELS
from radcnn.data.dicom.noticed import filled, other_thickness, reason, tilted
from radcnn.data.dicom.placing import LONE_SLICE_MM, Plane
from radcnn.data.dicom.regularity import ROUNDING_MM, Stack, beside, broken, stack_of
from radcnn.data.dicom.slices import Slice
from radcnn.data.dicom.upright import Tilt, upright
from radcnn.data.dicom.which_series import asked_for, chosen_series
from radcnn.data.findings import Finding

STEEPEST_DEGREES = 45.0  # no gantry leans further (30 is usual), so it is no tilt


@dataclass(frozen=True, eq=False)
class Arrangement:
    """One volume, or one image (`size[0]` is 1), before its pixels are decoded.

    order     which slices, as indices into those that were given, in the order in which they are stacked
    size      of the stack as it is decoded (slices, rows, columns)
    affine    of that stack (LPS, mm; slice, row, column); its step may lean, and is that of the even grid where there
              are gaps; None where nothing is known
    tilt      how the stack leans, where it is to be made upright
    filling   the even grid, where slices are to be interpolated
    """

    order: tuple[int, ...]
    size: tuple[int, int, int]
    affine: NDArray[np.float64] | None
    frame: Frame
    units: Units
    tilt: Tilt | None = None
    filling: Filling | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def gaps(self) -> tuple[int, ...]:
        """Slices of the final volume that are interpolated."""
        return self.filling.missing if self.filling else ()

    @property
    def finished_size(self) -> tuple[int, int, int]:
        """Size of the final volume."""
        rows, columns = self.tilt.grown if self.tilt else (0, 0)
        return (self.filling.size if self.filling else self.size[0], self.size[1] + rows, self.size[2] + columns)

    @property
    def finished_affine(self) -> NDArray[np.float64] | None:
        """Affine of the final volume."""
        if self.affine is None or self.tilt is None:
            return self.affine
        made = self.affine.copy()
        normal = np.cross(made[:3, 2], made[:3, 1])
        normal /= np.linalg.norm(normal)
        made[:3, 0] = normal * (made[:3, 0] @ normal)
        made[:3, 3] += made[:3, 1:3] @ self.tilt.start
        return made


def arrange(slices: Sequence[Slice], *, whose: str, series: str = "", allow_gaps: bool = False) -> Arrangement:
    """The one volume among the slices of a folder, or of a file with many frames.

    whose       "folder ct" or "ct.dcm", for messages
    series      "" for the usual one, a SeriesNumber, a SeriesInstanceUID, "most" or "thinnest"; "3.2" is its group 2
    allow_gaps  interpolate missing and uneven slices instead of refusing them

    Raises GeometryError when the slices are no volume, InputError when there is no such series.
    """
    asked = asked_for(series)
    taken, findings = chosen_series(slices, asked, whose)
    members = [i for i in taken.members if taken.localizer or not slices[i].localizer]
    own = [slices[i] for i in members]
    if len(own) > 1:
        refuse_no_slices(own, whose)
        group, more = chosen_group(own, taken, asked, whose)
        members, own, findings = [members[i] for i in group], [own[i] for i in group], [*findings, *more]
    if len(own) == 1:
        return _lone(members[0], own[0], tuple(findings))
    refuse_mixture(own, whose)
    made = _stacked(own, whose, allow_gaps)
    if np.prod(made.finished_size, dtype=float) > MAX_VOXELS:
        raise GeometryError(f"{whose} would have more than {MAX_VOXELS:,} voxels once it is placed; crop it")
    return replace(made, order=tuple(members[i] for i in made.order), findings=(*findings, *made.findings))


def finished(
    voxels: NDArray, arrangement: Arrangement, fill: float, *, labels: bool = False
) -> tuple[NDArray, NDArray[np.float64] | None]:
    """Decoded voxels (C, D, H, W) on their final grid, and its affine; what was not measured is `fill`.

    Raises GeometryError when labels have gaps: what lies between two of them nobody knows.
    """
    if arrangement.tilt is not None:
        voxels = upright(voxels, arrangement.tilt, fill, labels=labels)
    if arrangement.filling is not None:
        if labels:
            raise GeometryError("labels are never interpolated, and slices of these are missing; complete them")
        voxels = filled_in(voxels, arrangement.filling)
    return voxels, arrangement.finished_affine


def finished_volume(voxels: NDArray, arrangement: Arrangement, fill: float) -> Volume:
    """Decoded voxels (C, D, H, W) as a Volume on their final grid; a lone slice is an image (C, H, W)."""
    made, affine = finished(voxels, arrangement, fill)
    return Volume(made[:, 0] if made.shape[1] == 1 else made, affine, arrangement.units, arrangement.frame)


def _lone(index: int, found: Slice, findings: tuple[Finding, ...]) -> Arrangement:
    """A lone image, with what is known of its place: patient, spacing, nothing.

    Raises GeometryError when what it says of its place is impossible.
    """
    if found.fault:
        raise GeometryError(found.fault)
    size = (1, found.rows, found.columns)
    if found.plane is not None:
        affine = found.plane.affine(found.plane.normal * LONE_SLICE_MM)
        return Arrangement((index,), size, affine, "patient", found.units, findings=findings)
    if found.spacing is None:
        return Arrangement((index,), size, None, "unknown", found.units, findings=findings)
    lying = Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), found.spacing)
    affine = lying.affine(lying.normal * LONE_SLICE_MM)
    return Arrangement((index,), size, affine, "image", found.units, findings=findings)


def _stacked(slices: Sequence[Slice], whose: str, allow_gaps: bool) -> Arrangement:
    """Slices that belong together as a stack."""
    stack = stack_of([found.placed for found in slices])
    fault = broken(stack)
    filling = None
    if fault is not None and fault.kind == "uneven" and allow_gaps:
        filling = filling_of(stack.depths)
        fault = fault if filling is None else beside(stack)
    if fault is not None:
        raise GeometryError(reason(fault, [slices[i] for i in stack.order], stack, whose))
    tilt = _tilt(stack, whose)
    first = slices[stack.order[0]]
    n = filling.size if filling else len(slices)
    affine = first.placed.affine((stack.positions[-1] - stack.positions[0]) / (n - 1))
    noticed = [tilted(slices, tilt, stack, whose), filled(filling, stack, whose), other_thickness(slices, stack, whose)]
    return Arrangement(
        tuple(stack.order.tolist()),
        (len(slices), first.rows, first.columns),
        affine,
        "patient",
        first.units,
        tilt,
        filling,
        tuple(each for each in noticed if each is not None),
    )


def _tilt(stack: Stack, whose: str) -> Tilt | None:
    if not stack.leans:
        return None
    if stack.lean_degrees > STEEPEST_DEGREES:
        raise GeometryError(
            f"the series in {whose} is no regular volume: its slices are stacked {stack.lean_degrees:.1f} degrees "
            f"off their normal, more than a tilted gantry makes them ({STEEPEST_DEGREES:g}); export them again"
        )
    shifts = stack.aside / np.array(stack.spacing)
    # a stack that leans along one axis is moved along that one only: no image is blurred for what is rounding
    shifts[:, np.abs(stack.aside).max(axis=0) <= ROUNDING_MM] = 0
    return Tilt(stack.lean_degrees, shifts)
