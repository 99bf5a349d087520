"""Volumes with masks of two balls, written as NIfTI: a bright one and, beside it, a brighter small one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from written_dicom import write_stack

SPACING = (3.0, 1.0, 1.0)


def balls(seed: int, size: tuple[int, int, int] = (8, 40, 36)) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """HU and labels (*size): 1 a ball of 9 mm, 2 one of 4 mm, in noise."""
    chance = np.random.default_rng(seed)
    middle = np.array([12.0, 15 + 8 * chance.random(), 14 + 6 * chance.random()])
    at = [np.arange(n) * step for n, step in zip(size, SPACING, strict=True)]
    grid = np.stack(np.meshgrid(*at, indexing="ij"))
    large = np.linalg.norm(grid - middle[:, None, None, None], axis=0) < 9
    small = np.linalg.norm(grid - (middle + np.array([0, 9, 8]))[:, None, None, None], axis=0) < 4
    labels = np.where(small, 2, np.where(large, 1, 0)).astype(np.uint8)
    values = -50 + 110 * (labels == 1) + 220 * (labels == 2) + 25 * chance.standard_normal(size)
    return np.rint(values).astype(np.int16), labels


def affine() -> NDArray[np.float64]:
    made = np.zeros((4, 4))
    made[2, 0], made[1, 1], made[0, 2], made[3, 3] = *SPACING, 1
    made[:3, 3] = (-20.0, -30.0, 40.0)
    return made


def write_study(folder: Path, patients: int = 14) -> Path:
    """p01_ct.nii.gz and p01_label.nii.gz, and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(patients):
        values, labels = balls(k)
        write_nifti(Volume(values[None], affine(), "HU"), folder / f"p{k + 1:02d}_ct.nii.gz")
        write_nifti(Volume(labels[None], affine(), "mask"), folder / f"p{k + 1:02d}_label.nii.gz")
    return folder


def write_series(folder: Path, values: NDArray[np.int16]) -> Path:
    """The same as a DICOM series, one file for each slice."""
    write_stack(
        folder, values + 1024, spacing=(SPACING[1], SPACING[2]), steps_mm=SPACING[0], PatientID="MRN77",
        RescaleIntercept=-1024, SeriesInstanceUID="2.25.771", StudyInstanceUID="2.25.881",
    )  # fmt: skip
    return folder
