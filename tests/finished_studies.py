"""Every kind of data a person may bring, as files with the options that name their columns, and a run that ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from cli_in_process import Spoken
from written_studies import (
    class_folders,
    rows_of_images,
    write_csv,
    write_dicom_nodules,
    write_nifti,
    write_npz,
    write_xlsx,
)

TABLE = ("--patient", "patient_id")


@dataclasses.dataclass(frozen=True)
class Finished:
    """A run that came to its end: its data, its folder, and what the command line said."""

    data: Path
    run: Path
    spoken: Spoken

    @property
    def study(self) -> Path:
        return self.run.parent.parent


Finish = Callable[[str], Finished]


def _images(folder: Path, *options: str, xlsx: bool = False) -> tuple[Path, tuple[str, ...]]:
    rows = rows_of_images(folder / "images")
    labels = write_xlsx(folder / "labels.xlsx", rows) if xlsx else write_csv(folder / "labels.csv", rows)
    return folder / "images", ("--labels", str(labels), *TABLE, *options)


def _nifti(folder: Path) -> tuple[Path, tuple[str, ...]]:
    labels = write_csv(folder / "labels.csv", write_nifti(folder / "ct"))
    return folder / "ct", ("--labels", str(labels), *TABLE, "--target", "malignant")


def _dicom(folder: Path) -> tuple[Path, tuple[str, ...]]:
    labels = write_csv(folder / "labels.csv", write_dicom_nodules(folder / "ct"))
    places = ("--centre", "x_mm", "y_mm", "z_mm", "--region-mm", "8", "--set", "preparation.size=[8, 8, 8]")
    columns = ("--image", "series", "--case", "nodule", "--target", "malignant")
    return folder / "ct", ("--labels", str(labels), *TABLE, *columns, *places)


DATA: dict[str, Callable[[Path], tuple[Path, tuple[str, ...]]]] = {
    "npz": lambda folder: (write_npz(folder / "flat.npz"), ()),
    "npz of volumes": lambda folder: (write_npz(folder / "deep.npz", shape=(12, 12, 12)), ()),
    "folder per class": lambda folder: (class_folders(folder / "chest"), ("--patient-from", r"person\d+")),
    "table": lambda folder: _images(folder, "--target", "malignant", "--site", "hospital", "--subgroup", "hospital"),
    "workbook, several classes": lambda folder: _images(folder, "--target", "grade", xlsx=True),
    "regression": lambda folder: _images(folder, "--target", "size_mm"),
    "several labels": lambda folder: _images(folder, "--target", "effusion", "--target", "nodule"),
    "nifti": _nifti,
    "dicom regions": _dicom,
}
