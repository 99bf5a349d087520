"""Values of interest: what a window or a VOI LUT makes of gray values, from 0 (black) to 1 (white).

PS3.3 C.11.2. The range is the same for a window and for a LUT of any number of bits, so that radiographs of several
makers can be compared: a LUT's entries are divided by the largest number of its bits. Of several windows or LUTs the
first counts, and a LUT counts before a window: it is the curve that the maker drew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.data.dicom.lut import Table, table_of

Curve = Callable[[NDArray], NDArray]


@dataclass(frozen=True)
class Window:
    """A window of `width` about `centre`; `function` is VOILUTFunction."""

    centre: float
    width: float
    function: str = "LINEAR"

    def __call__(self, values: NDArray) -> NDArray:
        """Values in float64, from 0 to 1."""
        return FUNCTIONS[self.function](values.astype(np.float64), self.centre, self.width)


@dataclass(frozen=True, eq=False)
class Levels:
    """A VOI LUT, its entries divided by the largest number of its bits."""

    table: Table

    def __call__(self, values: NDArray) -> NDArray:
        """Values in float64, from 0 to 1."""
        highest: float = (1 << self.table.bits) - 1
        return np.minimum(self.table(values) / highest, 1.0)


def _linear(x: NDArray, c: float, w: float) -> NDArray:
    """C.11.2.1.2.1: the window's first and last whole number are black and white."""
    if w == 1:
        return (x > c - 0.5).astype(np.float64)
    return np.clip((x - (c - 0.5)) / (w - 1) + 0.5, 0, 1)


def _linear_exact(x: NDArray, c: float, w: float) -> NDArray:
    """C.11.2.1.3.2."""
    return np.clip((x - c) / w + 0.5, 0, 1)


def _sigmoid(x: NDArray, c: float, w: float) -> NDArray:
    """C.11.2.1.3.1; tanh does not overflow where exp would."""
    found: NDArray = 0.5 + 0.5 * np.tanh(2 * (x - c) / w)
    return found


FUNCTIONS: dict[str, Callable[[NDArray, float, float], NDArray]] = {
    "LINEAR": _linear,
    "LINEAR_EXACT": _linear_exact,
    "SIGMOID": _sigmoid,
}


def voi_of(frame: Any, *, little_endian: bool) -> Curve | None:
    """The first VOI LUT of a frame, else its first window, else None; ValueError when it cannot be used."""
    tables = frame.get("VOILUTSequence")
    if tables:
        return Levels(table_of(tables[0], little_endian=little_endian))
    centre, width = _first(frame.get("WindowCenter")), _first(frame.get("WindowWidth"))
    if centre is None or width is None:
        return None
    function = str(frame.get("VOILUTFunction") or "LINEAR").strip()
    narrowest = 1.0 if function == "LINEAR" else 0.0
    if function not in FUNCTIONS or not np.isfinite((centre, width)).all() or width < narrowest or width == 0:
        raise ValueError("a window that means nothing")
    return Window(centre, width, function)


def _first(value: Any) -> float | None:
    """The first of one or several numbers."""
    if value is None or value == "":
        return None
    if hasattr(value, "__len__") and not isinstance(value, str):
        return float(value[0]) if len(value) else None
    return float(value)
