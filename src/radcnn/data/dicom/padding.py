"""Pixels a scanner filled because it measured nothing there, and what stands in their place.

PS3.3 C.7.5.1.1.2: stored numbers from PixelPaddingValue (0028,0120) to PixelPaddingRangeLimit (0028,0121), or the first
alone, are no measurement: the corners about a round field of view, often -2000 or -3024 once rescaled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.core.volume import Units
from radcnn.data.dicom.header import numbers

LOWEST_HU = -1024.0  # what scanners write for air; nothing in a patient is below -1000


def padded(path: Path, dataset: Any, stored: NDArray) -> NDArray[np.bool_] | None:
    """Which stored pixels are padding; None when the image names none.

    Raises ReadError when what it names is not one whole number.
    """
    try:
        first = numbers(dataset, "PixelPaddingValue", 1)
        last = numbers(dataset, "PixelPaddingRangeLimit", 1) or first
        if first is None or last is None or stored.dtype.kind not in "iu":
            return None
        ends = [_as_stored(int(value), stored.dtype) for (value,) in (first, last)]
    except Exception:
        raise ReadError(f"{path.name} has a PixelPaddingValue that is not one number; export it again") from None
    found: NDArray[np.bool_] = (stored >= min(ends)) & (stored <= max(ends))
    return found if found.any() else None


def _as_stored(value: int, kind: np.dtype) -> int:
    """The value in the sign of the pixels: -2000 is often written as the unsigned number of the same 16 bits."""
    value %= 1 << 16
    return value - (1 << 16) if kind.kind == "i" and value >= 1 << 15 else value


def filled(voxels: NDArray, padding: NDArray[np.bool_] | None, units: Units) -> NDArray:
    """Voxels (C, ...) whose `padding` (...) took the lowest value that is not padding, in HU at least -1024."""
    if padding is None:
        return voxels
    lowest = voxels.min(where=~padding, initial=voxels.max())
    lowest = max(lowest, LOWEST_HU) if units == "HU" else lowest
    return np.where(padding, np.asarray(lowest, voxels.dtype), voxels)
