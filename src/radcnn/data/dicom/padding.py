"""Pixels a scanner filled because it measured nothing there, and what stands in their place.

PS3.3 C.7.5.1.1.2: stored numbers from PixelPaddingValue (0028,0120) to PixelPaddingRangeLimit (0028,0121), or the first
alone, are no measurement: the corners about a round field of view, often -2000 or -3024 once rescaled. They take the
lowest value of the image or series that is not padding, in HU at least -1024. Floating-point pixels have attributes of
their own for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.core.volume import Units
from radcnn.data.dicom.layout import DOUBLES, FLOATS, PIXELS, Layout

LOWEST_HU = -1024.0  # what scanners write for air; nothing in a patient is below -1000
PREFIXES = {PIXELS: "", FLOATS: "Float", DOUBLES: "DoubleFloat"}

Padding = tuple[float, float]  # the first and the last stored number that is padding; NaN where NaN is


def padding_of(name: str, frame: Any, layout: Layout) -> Padding | None:
    """Which stored numbers are padding; None when the image names none.

    Raises ReadError when what it names is not one number.
    """
    said = [frame.get(f"{PREFIXES[layout.keyword]}PixelPadding{word}") for word in ("Value", "RangeLimit")]
    if said[0] is None or said[0] == "":
        return None
    try:
        ends = [_as_stored(float(value), layout) for value in said if value is not None]
    except (TypeError, ValueError, OverflowError):
        raise ReadError(f"{name} has a PixelPaddingValue that is not one number; export it again") from None
    return min(ends), max(ends)


def _as_stored(value: float, layout: Layout) -> float:
    """The value in the sign of the pixels: -2000 is often written as the unsigned number of the same 16 bits."""
    if layout.keyword != PIXELS:
        return value
    whole = int(value)
    if layout.allocated != 16:
        return whole
    whole %= 1 << 16
    return whole - (1 << 16) if layout.signed and whole >= 1 << 15 else whole


def padded(stored: NDArray, padding: Padding | None) -> NDArray[np.bool_] | None:
    """Which stored pixels (H, W) are padding; None when no pixel is."""
    if padding is None:
        return None
    first, last = padding
    if first != first:
        found = np.isnan(stored)
    else:
        found = stored == first if first == last else (stored >= first) & (stored <= last)
    return found if found.any() else None


def lowest_of(values: NDArray, padding: NDArray[np.bool_] | None) -> float | None:
    """The lowest value (H, W) that is a number and not padding; None when there is none."""
    measured = values if padding is None else values[~padding]
    if measured.size == 0:
        return None
    found = np.fmin.reduce(measured, axis=None) if values.dtype.kind == "f" else measured.min()
    return None if np.isnan(found) else float(found)


def fill(voxels: NDArray, padding: NDArray[np.bool_], lowest: Iterable[float | None], units: Units) -> None:
    """Put the lowest of the `lowest` of all slices where voxels (C, ...) are padding (...); in HU at least -1024.

    Where everything is padding its numbers stay, in HU raised to -1024.
    """
    known = [value for value in lowest if value is not None]
    least = LOWEST_HU if units == "HU" else -np.inf
    if known:
        np.copyto(voxels, np.asarray(max(min(known), least)).astype(voxels.dtype), where=padding)
    elif units == "HU":
        np.maximum(voxels, LOWEST_HU, out=voxels)
