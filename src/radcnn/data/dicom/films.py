"""Films: several frames without a place in the patient (ultrasound, angiography), of which one is chosen by number.

What a frame's pixels measure is said in one of several ways. PixelSpacing and ImagerPixelSpacing are asked by
placing.py; ultrasound has regions instead (PS3.3 C.8.5.5), whose deltas are in cm where the region shows tissue.
"""

from __future__ import annotations

import numpy as np

from radcnn.core.errors import ReadError
from radcnn.data.dicom.frame import Frame

CM = 3  # PhysicalUnitsXDirection and YDirection: of a spectrum or a trace it would be Hz, s or cm/s
MM_PER_CM = 10.0


def frame_number(name: str, n: int, item: int | None) -> int:
    """Which frame to read of `n`; raises ReadError when none was chosen of several, or one that is not there."""
    if item is None:
        if n == 1:
            return 0
        raise ReadError(
            f"{name} holds {n} frames without a place in the patient (a film?); choose one with item=0 to item={n - 1}"
        )
    if not 0 <= item < n:
        frames = "one frame, which is item 0" if n == 1 else f"{n} frames, which are item 0 to item {n - 1}"
        raise ReadError(f"{name} has no item {item}: it holds {frames}")
    return item


def region_spacing(frame: Frame) -> tuple[float, float] | None:
    """Millimetres between rows and between columns, where the regions in cm of an ultrasound frame agree on it."""
    found = set()
    for region in frame.get("SequenceOfUltrasoundRegions") or []:
        if (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")) != (CM, CM):
            continue
        deltas = [abs(float(region.get(f"PhysicalDelta{axis}") or 0)) * MM_PER_CM for axis in "YX"]
        if not np.isfinite(deltas).all() or min(deltas) == 0:
            return None
        found.add((deltas[0], deltas[1]))
    return found.pop() if len(found) == 1 else None
