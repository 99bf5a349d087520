"""From stored numbers to gray values: modality, then (if asked for) values of interest, then presentation.

    modality      v = slope * stored + intercept, or the modality LUT (PS3.3 C.11.1)
    of interest   window or VOI LUT, 0 to 1 (C.11.2)
    presentation  v' = lowest + highest - v where the smallest value is shown white (C.7.6.3.1.2, C.11.6)

`lowest` and `highest` are what the stored bits can take after the steps before, not what this image happens to hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radcnn.data.dicom.lut import Table
from radcnn.data.dicom.voi import Curve

LARGEST = 1e38  # of float32
EXACT = 1 << 24  # whole numbers below it are exact in float32
BLOCK = 1 << 13  # pixels mapped at a time where float64 is needed: 64 KiB, which malloc does not ask the system for


@dataclass(frozen=True, eq=False)
class Grey:
    """What is done to the stored numbers of one frame, as plain numbers.

    ends      the lowest and highest stored number that the bits allow; None for floating-point pixels
    table     the modality LUT, instead of slope and intercept
    inverted  the smallest value is shown white
    dtype     of the result
    """

    dtype: np.dtype
    ends: tuple[int, int] | None
    slope: float = 1.0
    intercept: float = 0.0
    table: Table | None = None
    voi: Curve | None = None
    inverted: bool = False

    @property
    def nothing(self) -> bool:
        """Whether stored numbers are the values."""
        return self.table is None and self.voi is None and not self.inverted and (self.slope, self.intercept) == (1, 0)

    @property
    def turned(self) -> bool:
        """Whether the values are stored numbers turned over within what their bits can take."""
        return self.inverted and self.ends is not None and replace(self, inverted=False).nothing

    @property
    def finite(self) -> bool:
        """Whether the values are finite whatever is stored: whole numbers, rescaled to what float32 holds."""
        if self.ends is None:
            return False
        largest = abs(self.slope) * max(abs(end) for end in self.ends) + abs(self.intercept)
        return largest < LARGEST

    @property
    def exact(self) -> bool:
        """Whether slope and intercept give whole numbers that float32 holds, so that float64 would gain nothing."""
        if self.ends is None or self.table is not None or self.voi is not None or self.inverted:
            return False
        largest = abs(self.slope) * max(abs(end) for end in self.ends) + abs(self.intercept)
        return self.slope.is_integer() and self.intercept.is_integer() and largest < EXACT


def map_into(stored: NDArray, grey: Grey, out: NDArray) -> None:
    """Write the values of a frame (H, W) into `out` (H, W), whose type must hold those of `grey.dtype`."""
    if grey.nothing or (grey.exact and out.dtype == np.float32):
        np.copyto(out, stored, casting="unsafe")
        if grey.slope != 1:
            out *= np.float32(grey.slope)
        if grey.intercept != 0:
            out += np.float32(grey.intercept)
        return
    if grey.turned and out.dtype == stored.dtype:
        np.subtract(out.dtype.type(sum(_range(grey))), stored, out=out)
        return
    rows = max(1, BLOCK // stored.shape[1])
    for start in range(0, len(stored), rows):
        out[start : start + rows] = _mapped(stored[start : start + rows], grey)


def _mapped(stored: NDArray, grey: Grey) -> NDArray:
    values = _after_modality(stored, grey)
    if grey.voi is not None:
        values = grey.voi(values)
    if grey.inverted:
        values = sum(_range(grey)) - values
    return values


def _after_modality(stored: NDArray, grey: Grey) -> NDArray:
    if grey.table is not None:
        return grey.table(stored).astype(np.int64)
    if (grey.slope, grey.intercept) == (1, 0):
        return stored.astype(np.int64 if stored.dtype.kind in "iu" else np.float64)
    return stored * np.float64(grey.slope) + grey.intercept


def _range(grey: Grey) -> tuple[float, float]:
    """The lowest and highest value that can come before presentation."""
    if grey.voi is not None:
        return 0, 1
    if grey.table is not None:
        return 0, (1 << grey.table.bits) - 1
    assert grey.ends is not None, "floating-point pixels are never inverted"
    if (grey.slope, grey.intercept) == (1, 0):
        return grey.ends
    low, high = (grey.slope * end + grey.intercept for end in grey.ends)
    return low, high
