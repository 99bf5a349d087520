"""What is said about an arrangement: why slices are no volume, and what was done to those that are one.

Positions are told in mm along the normal, the axis on which the slices were sorted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radcnn.data.dicom.gaps import Filling, filling_of, missing_in
from radcnn.data.dicom.regularity import Break, Stack, tolerance_mm
from radcnn.data.dicom.slices import Slice
from radcnn.data.dicom.upright import Tilt
from radcnn.data.findings import Finding, counted, finding

SAME_TILT_DEGREES = 1.0  # GantryDetectorTilt is often given in whole degrees
SHOWN = 5  # places in a finding


def tilted(slices: Sequence[Slice], tilt: Tilt | None, stack: Stack, whose: str) -> Finding | None:
    """That a stack was made upright, or that GantryDetectorTilt says something else than the positions."""
    said = next((found.tilt_degrees for found in slices if found.tilt_degrees is not None), None)
    lean = stack.lean_degrees
    other = said is not None and abs(abs(said) - lean) > SAME_TILT_DEGREES
    if tilt is not None:
        rows, columns = tilt.grown
        grown = " and ".join(counted(n, word) for n, word in ((rows, "row"), (columns, "column")) if n)
        sentence = (
            f"the slices of {whose} are stacked {lean:.1f} degrees off their normal (gantry tilt) and were moved "
            f"upright in their planes, which grew by {grown}"
        )
        doubt = f"; GantryDetectorTilt says {said:g} degrees, the positions were used" if other else ""
        return finding("gantry tilt resampled", sentence + doubt)
    if not other:
        return None
    stacked = "along" if lean < SAME_TILT_DEGREES else f"{lean:.1f} degrees off"
    sentence = f"GantryDetectorTilt of {whose} says {said:g} degrees, but its slices are stacked {stacked} their normal"
    return finding("header contradicts positions", f"{sentence}; the positions were used")


def filled(filling: Filling | None, stack: Stack, whose: str) -> Finding | None:
    """How many slices were interpolated, and where."""
    if filling is None:
        return None
    if filling.even:
        wide = np.flatnonzero(np.diff(filling.places) > 1.5)
        places = [f"between {_at(stack.depths[i])} and {_at(stack.depths[i + 1])}" for i in wide]
        shown = places[:SHOWN] + ([f"in {len(places) - SHOWN} more places"] if len(places) > SHOWN else [])
        sentence = (
            f"{len(filling.missing)} of {filling.size} slices of {whose} were missing and were interpolated: "
            f"{', '.join(shown)} along the normal"
        )
    else:
        sentence = (
            f"the slices of {whose} lie {stack.gaps.min():.2f} to {stack.gaps.max():.2f} mm apart; all "
            f"{len(stack.depths)} were resampled to {filling.size} slices {filling.spacing:.2f} mm apart, from "
            f"{_at(stack.depths[0])} to {_at(stack.depths[-1])} along the normal"
        )
    return finding("gaps interpolated", sentence, "export the whole series; without --allow-gaps it is refused")


def other_thickness(slices: Sequence[Slice], stack: Stack, whose: str) -> Finding | None:
    """That SliceThickness is not the distance of the slices, which positions alone say."""
    said = [found.thickness_mm for found in slices if found.thickness_mm]
    if not said:
        return None
    thickness, spacing = float(np.median(said)), stack.usual
    if abs(thickness - spacing) <= tolerance_mm(spacing):
        return None
    meaning = "slices that overlap" if thickness > spacing else "slices with gaps between them"
    sentence = f"SliceThickness of {whose} says {thickness:g} mm, but its slices lie {spacing:.3g} mm apart"
    return finding("header contradicts positions", f"{sentence} ({meaning} are common); the positions were used")


def reason(fault: Break, slices: Sequence[Slice], stack: Stack, whose: str) -> str:
    """Why sorted slices are no volume, and where."""
    start, at, gaps = f"the series in {whose} is no regular volume:", fault.at, stack.gaps
    depths = [f"{_at(depth)} along the normal" for depth in stack.depths]
    if fault.kind == "same place":
        return (
            f"{start} {slices[at]} and {slices[at + 1]} lie in the same place ({depths[at]}); if it holds several "
            "phases, echoes or acquisitions, put each into a folder of its own"
        )
    if fault.kind == "sideways":
        return (
            f"{start} {slices[at]} lies {float(np.hypot(*(stack.aside[at]))):.2f} mm beside the first slice, off the "
            f"line of the others ({depths[at]}); export the series again"
        )
    filled_in = " or have it interpolated with --allow-gaps" if filling_of(stack.depths) is not None else ""
    between = f"between {depths[at]} and {depths[at + 1]}"
    missing = missing_in(float(gaps[at]), stack.usual)
    if missing:
        others = sum(missing_in(float(gap), stack.usual) > 0 for gap in gaps) - 1
        more = f" (and in {counted(others, 'more place')})" if others else ""
        return (
            f"{start} {missing} {'slice seems' if missing == 1 else 'slices seem'} to be missing {between}, where the "
            f"gap is {gaps[at]:.2f} mm and not {stack.usual:.2f} mm{more}; export the whole series{filled_in}"
        )
    return (
        f"{start} the distance of its slices varies from {gaps.min():.2f} to {gaps.max():.2f} mm, most {between}; "
        f"export it with even spacing{filled_in}"
    )


def _at(depth_mm: float) -> str:
    return f"{depth_mm:.1f} mm"
