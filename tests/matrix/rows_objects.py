"""Rows about many frames in one file: enhanced CT, MR and PET, ultrasound and angiography."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matrix.grid import Array, stacked, turned
from matrix.objects import item, number, write_enhanced, write_film
from matrix.phantom import Scale, Truth
from matrix.row import Row
from matrix.rows_choice import ARBITRARY, OFFSET
from matrix.rows_series import HU, PLAIN, SHUFFLED
from matrix.rows_values import EIGHT, PET_SLOPES
from matrix.store import BYTES, CT, Store

PET = Scale(0.0, 4000.0, 20.0)
FRAMES = stacked(slices=4)


def _enhanced(
    name: str, *, scale: Scale = HU, store: Store = CT, row: dict[str, Any] | None = None, **more: Any
) -> Row:
    def write_it(folder: Path, values: Sequence[Array]) -> None:
        write_enhanced(folder / "enhanced.dcm", values[:1], PLAIN, store, **more)

    return Row(name, (Truth(PLAIN),), scale, write_it, **(row or {}))


def _two_times(folder: Path, values: Sequence[Array]) -> None:
    write_enhanced(folder / "enhanced.dcm", values, PLAIN, CT)


def _interleaved(folder: Path, values: Sequence[Array]) -> None:
    order = [(t, i) for i in range(9) for t in (0, 1)]
    write_enhanced(folder / "enhanced.dcm", values, PLAIN, CT, order=order)


def _oblique(folder: Path, values: Sequence[Array]) -> None:
    write_enhanced(folder / "enhanced.dcm", values, OBLIQUE, CT)


def _ultrasound(folder: Path, values: Sequence[Array]) -> None:
    deltas = {"PhysicalDeltaX": FRAMES.spacing[1] / 10, "PhysicalDeltaY": FRAMES.spacing[0] / 10}
    region = item(
        RegionSpatialFormat=1,
        RegionDataType=1,
        RegionFlags=0,
        RegionLocationMinX0=0,
        RegionLocationMinY0=0,
        RegionLocationMaxX1=39,
        RegionLocationMaxY1=31,
        PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3,
        **deltas,
    )
    write_film(folder / "film.dcm", values[0], BYTES, modality="US", SequenceOfUltrasoundRegions=[region])


def _angiography(folder: Path, values: Sequence[Array]) -> None:
    spacing = {"ImagerPixelSpacing": [number(v) for v in FRAMES.spacing]}
    write_film(folder / "film.dcm", values[0], BYTES, modality="XA", **spacing)


_right, _down = turned(about_z=17.3, about_x=-23.9)
OBLIQUE = stacked(right=_right, down=_down, spacing=(0.8, 0.7))
BOTH = (Truth(PLAIN), Truth(PLAIN, OFFSET))
PET_STORE = Store(np.uint16, 16, kind="US")
MR_STORE = Store(np.uint16, 12, kind="US")
GONE = [(0, i) for i in range(9) if i != 4]
ROWS = (
    _enhanced("enhanced CT"),
    _enhanced("enhanced MR", scale=ARBITRARY, store=MR_STORE, modality="MR", row={"unit": "values"}),
    _enhanced(
        "enhanced PET, another slope in each frame",
        scale=PET,
        store=PET_STORE,
        modality="PT",
        slopes=lambda i: PET_SLOPES[i],
        row={"unit": "Bq/ml", "soft": True},
    ),
    _enhanced("enhanced, frames in decreasing order", order=[(0, i) for i in reversed(range(9))]),
    _enhanced("enhanced, frames shuffled", order=[(0, i) for i in SHUFFLED]),
    _enhanced("enhanced, a frame missing", order=GONE, row={"expected": "missing"}),
    _enhanced("enhanced, thickness and spacing contradict the positions", thickness=5.0, between=4.0),
    Row("enhanced, oblique", (Truth(OBLIQUE),), HU, _oblique),
    Row("enhanced, two time points", BOTH, HU, _two_times),
    Row("enhanced, two time points interleaved", BOTH, HU, _interleaved),
    Row("ultrasound film", (Truth(FRAMES),), EIGHT, _ultrasound, kind="film", unit="values"),
    Row("angiography film", (Truth(FRAMES),), EIGHT, _angiography, kind="film", unit="values"),
)
