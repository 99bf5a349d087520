"""Small studies made for tests, written as the files a person would have: folders, tables, npz, NIfTI, DICOM."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from openpyxl import Workbook
from PIL import Image

from radcnn.core.chance import generator
from written_dicom import write_stack

SIDE = 14  # pixels; three halvings by pooling leave one
Row = dict[str, Any]


def blob(marked: bool, *path: str | int, shape: tuple[int, ...] = (SIDE, SIDE)) -> NDArray[np.uint8]:
    """Noise, with a bright square (cube) in the middle of a marked image: easy to learn."""
    image = generator(0, "blob", *path).integers(40, 110, shape).astype(np.uint8)
    if marked:
        image[tuple(slice(n // 3, 2 * n // 3) for n in shape)] += 90
    return image


def save_png(path: Path, image: NDArray[np.uint8]) -> Path:
    """A PNG file, its folder made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def class_folders(folder: Path, *, patients: int = 14, images: int = 2, word: str = "person") -> Path:
    """A folder per class, sick and healthy, with `images` of each of `patients` in each class."""
    for name, marked in (("healthy", False), ("sick", True)):
        for patient in range(patients):
            number = 100 * marked + patient
            for image in range(images):
                save_png(folder / name / f"{word}{number:03d}_{image}.png", blob(marked, number, image))
    return folder


def rows_of_images(folder: Path, *, patients: int = 28, images: int = 2) -> list[Row]:
    """PNG files below `folder` and the rows of their table: image, patient, site, age, and targets of every kind."""
    rows = []
    for patient in range(patients):
        for image in range(images):
            chance = generator(0, "row", patient, image)
            marked = patient % 2 == 1
            name = f"scan{patient:02d}{image}.png"
            save_png(folder / name, blob(marked, patient, image))
            rows.append(
                {
                    "image": name,
                    "patient_id": f"MRN-{patient:04d}",
                    "hospital": ("north", "south")[patient // 2 % 2],
                    "malignant": int(marked),
                    "grade": ("low", "middle", "high")[patient % 3],
                    "size_mm": f"{10 + 8 * marked + chance.normal():.2f}",
                    "effusion": "" if image and patient % 5 == 0 else int(marked),
                    "nodule": "" if patient % 7 == 0 else patient // 2 % 2,
                }
            )
    return rows


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    """A CSV table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_xlsx(path: Path, rows: Sequence[Row]) -> Path:
    """The same table as a workbook."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([None if value == "" else value for value in row.values()])
    book.save(path)
    return path


def write_npz(path: Path, *, shape: tuple[int, ...] = (SIDE, SIDE), cases: tuple[int, int, int] = (40, 16, 16)) -> Path:
    """A binary study in MedMNIST's form, 2D or 3D, with its official split."""
    arrays = {}
    for side, n in zip(("train", "val", "test"), cases, strict=True):
        arrays[f"{side}_images"] = np.stack([blob(i % 2 == 1, side, i, shape=shape) for i in range(n)])
        arrays[f"{side}_labels"] = (np.arange(n) % 2)[:, None].astype(np.uint8)
    np.savez(path, **arrays)
    return path


def write_nifti(folder: Path, *, patients: int = 14, shape: tuple[int, int, int] = (12, 12, 12)) -> list[Row]:
    """A NIfTI volume for each patient, and the rows of their table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for patient in range(patients):
        voxels = blob(patient % 2 == 1, "nifti", patient, shape=shape).astype(np.float32)
        name = f"ct{patient:02d}.nii.gz"
        nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 2.0, 1.0])), folder / name)
        rows.append({"image": name, "patient_id": f"MRN-{patient:04d}", "malignant": patient % 2})
    return rows


def write_dicom_nodules(folder: Path, *, patients: int = 14, size: int = 16, **attributes: Any) -> list[Row]:
    """A CT series for each patient with two places to look at, and the rows of their table (x, y, z in mm, LPS)."""
    rows = []
    for patient in range(patients):
        marked = patient % 2 == 1
        stored = generator(0, "series", patient).integers(0, 120, (6, size, size)).astype(np.int16)
        places = ((4, 4), (size - 5, size - 5))
        for down, right in places:
            stored[2:5, down - 2 : down + 3, right - 2 : right + 3] += 900 if marked else 300
        series = f"series{patient:02d}"
        uid = {"SeriesInstanceUID": f"2.25.5{patient}", "PatientID": f"SECRET-{patient:04d}"}
        write_stack(folder / series, stored, steps_mm=1.0, spacing=(1.0, 1.0), **{**uid, **attributes})
        for number, (down, right) in enumerate(places):
            row = {"series": series, "nodule": f"n{patient}-{number}", "patient_id": f"MRN-{patient:04d}"}
            rows.append({**row, "x_mm": right, "y_mm": down, "z_mm": 3, "malignant": int(marked)})
    return rows
