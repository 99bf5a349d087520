"""Pairs of CT volumes in files: a disc with inserts as it is, and with noise of a scan's grain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radcnn.core.chance import generator
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from written_dicom import write_stack

SIZE = (4, 48, 48)
SPACING = (2.0, 0.8, 0.8)
NOISE_HU = 60.0


def scan(patient: int, *, size: tuple[int, int, int] = SIZE) -> NDArray[np.float32]:
    """A body of soft tissue in air, with inserts of fat, bone and lung; whole HU."""
    chance = generator(0, "pairs", patient)
    z, y, x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in size), indexing="ij")
    made = np.full(size, -1000.0)
    side = min(size[1:])
    made[np.hypot(y, x) < 0.42 * side] = 40.0
    for hu in (-100.0, 700.0, -800.0, 90.0):
        cy, cx = chance.uniform(-0.22, 0.22, 2) * side
        made[np.hypot(y - cy, x - cx - 0.3 * z) < chance.uniform(0.04, 0.1) * side] = hu
    return np.rint(gaussian_filter(made, (0, 0.7, 0.7))).astype(np.float32)


def noisy(clean: NDArray[np.float32], patient: int) -> NDArray[np.float32]:
    """The same with noise that neighbouring pixels share, and neighbouring slices do not."""
    white = generator(1, "pairs", patient).normal(size=clean.shape)
    grain = gaussian_filter(white, (0, 0.8, 0.8))
    return np.rint(clean + NOISE_HU * grain / grain.std()).astype(np.float32)


def nifti_pairs(folder: Path, *, patients: int = 8, **changes: tuple[int, int, int]) -> tuple[Path, Path]:
    """folder/low and folder/full with a file for each patient; returns both folders."""
    low, full = folder / "low", folder / "full"
    for each in (low, full):
        each.mkdir(parents=True)
    for patient in range(patients):
        clean = scan(patient, **changes)
        for values, where in ((noisy(clean, patient), low), (clean, full)):
            volume = Volume.from_spacing(values[None].astype(np.int16), SPACING)
            write_nifti(volume, where / f"patient{patient}.nii.gz")
    return low, full


def dicom_pairs(folder: Path, *, patients: int = 7) -> tuple[Path, Path]:
    """The same as DICOM series, one folder for each patient."""
    low, full = folder / "low", folder / "full"
    for patient in range(patients):
        clean = scan(patient)
        for number, (values, where) in enumerate(((noisy(clean, patient), low), (clean, full)), start=1):
            write_stack(
                where / f"patient{patient}",
                values.astype(np.int16) + 1024,
                spacing=(0.8, 0.8),
                PatientID=f"MRN{patient:04d}",
                RescaleIntercept=-1024,
                SeriesInstanceUID=f"2.25.7{patient}{number}",
                StudyInstanceUID=f"2.25.8{patient}",
            )
    return low, full
