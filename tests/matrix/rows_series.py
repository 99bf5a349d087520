"""Rows about one series of slices: their order, their gaps, their tilt, their orientation, what headers claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matrix.grid import Array, Grid, stacked, turned
from matrix.objects import FRAME, item, long_number, number, place, uid, write, write_series
from matrix.phantom import Scale, Truth
from matrix.row import Row
from matrix.store import CT

HU = Scale(-900.0, 2100.0)
PLAIN = stacked()
UNEVEN_MM = (0.0, 2.5, 5.0, 8.1, 10.0, 12.9, 15.0, 17.5, 20.0)
SHUFFLED = (4, 7, 0, 2, 8, 1, 6, 3, 5)


def series_row(name: str, grid: Grid = PLAIN, *, row: dict[str, Any] | None = None, **options: Any) -> Row:
    """A row of one CT series on `grid`; `row` holds options of the row, the others are of the series."""

    def write_it(folder: Path, values: Sequence[Array]) -> None:
        write_series(folder, values[0], grid, **{"store": CT, **options})

    return Row(name, (Truth(grid),), HU, write_it, **(row or {}))


def _leaning(degrees: float) -> Grid:
    right, down = turned(about_x=degrees)
    return stacked(right=right, down=down, along=(0.0, 0.0, 1.0))


def _oblique() -> Grid:
    right, down = turned(about_z=17.3, about_x=-23.9)
    return stacked(right=right, down=down, spacing=(0.8, 0.7))


def _twice(folder: Path, values: Sequence[Array]) -> None:
    """Slice 4 comes a second time, brighter: a repeated exposure at the same place."""
    write_series(folder, values[0], PLAIN, CT)
    again = CT.numbers(values[0][4] + 100)
    about = {**place(PLAIN, 4), **CT.attributes(), "Modality": "CT", "FrameOfReferenceUID": FRAME}
    about |= {"SeriesInstanceUID": uid("series", 1), "InstanceNumber": 10, "SliceThickness": number(2.5)}
    write(folder / "again.dcm", again, **about, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], AcquisitionNumber=1)


def _copied(folder: Path, values: Sequence[Array]) -> None:
    write_series(folder, values[0], PLAIN, CT)
    (folder / "copy of 1_004.dcm").write_bytes((folder / "1_004.dcm").read_bytes())


def _with_strangers(folder: Path, values: Sequence[Array]) -> None:
    """A text file, and a report of the same study, beside the slices."""
    write_series(folder, values[0], PLAIN, CT)
    (folder / "README.txt").write_text("exported by a workstation\n")
    report = {"Rows": None, "Columns": None, "SamplesPerPixel": None, "PhotometricInterpretation": None}
    made = write(folder / "report.dcm", np.zeros((1, 1), np.uint8), Modality="SR", **report)
    _strip_pixels(made)


def _strip_pixels(path: Path) -> None:
    from pydicom import dcmread

    dataset = dcmread(path)
    del dataset.PixelData
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.SeriesInstanceUID = uid("report")
    dataset.ConceptNameCodeSequence = [item(CodeValue="1", CodingSchemeDesignator="99X", CodeMeaning="report")]
    dataset.save_as(path, overwrite=True)


def _one(folder: Path, values: Sequence[Array]) -> None:
    write_series(folder, values[0], stacked(slices=1), CT)


def _missing(*gone: int) -> list[int]:
    return [i for i in range(PLAIN.slices) if i not in gone]


ROWS = (
    series_row("plain axial series"),
    series_row("slices in decreasing order", stacked(step_mm=-2.5)),
    series_row("files shuffled", names=SHUFFLED, numbers=range(9)),
    series_row("instance numbers that contradict the positions", numbers=SHUFFLED),
    series_row("a missing slice", keep=_missing(4), row={"expected": "missing"}),
    series_row("a missing slice, gaps allowed", keep=_missing(4), row={"asked": {"allow_gaps": True}, "soft": True}),
    series_row("two missing slices", keep=_missing(3, 4), row={"expected": "missing"}),
    Row("two images at one position", (Truth(PLAIN),), HU, _twice, expected="same place"),
    Row("one file twice", (Truth(PLAIN),), HU, _copied, expected="right|twice|same place"),
    series_row("uneven spacing", stacked(depths_mm=UNEVEN_MM), row={"expected": "varies|uneven|distance"}),
    series_row(
        "uneven spacing, gaps allowed",
        stacked(depths_mm=UNEVEN_MM),
        row={"asked": {"allow_gaps": True}, "soft": True},
    ),
    series_row("gantry tilted by 10 degrees", _leaning(10.0), row={"soft": True, "marked": True}),
    series_row("gantry tilted by 20 degrees", _leaning(20.0), row={"soft": True, "marked": True}),
    series_row("pixels that are not square", stacked(spacing=(1.2, 0.5))),
    series_row("sagittal", stacked(right=(0, 1, 0), down=(0, 0, -1))),
    series_row("coronal", stacked(right=(1, 0, 0), down=(0, 0, -1))),
    series_row("oblique about two axes", _oblique()),
    series_row("feet first", stacked(right=(-1, 0, 0), down=(0, 1, 0)), PatientPosition="FFS"),
    series_row("orientation in texts of 16 characters", _oblique(), text=lambda v: f"{v:.14f}"[:16]),
    series_row("orientation in texts longer than 16", _oblique(), text=long_number),
    series_row("SliceThickness contradicts the positions", SliceThickness="5"),
    series_row("SpacingBetweenSlices contradicts the positions", SpacingBetweenSlices="4"),
    series_row("SliceLocation contradicts the positions", each=lambda i: {"SliceLocation": number(-7.0 * i)}),
    series_row("no instance numbers", InstanceNumber=None),
    Row("a text file and a report beside the slices", (Truth(PLAIN),), HU, _with_strangers),
    Row("one slice only", (Truth(stacked(slices=1)),), HU, _one, kind="plane"),
)
