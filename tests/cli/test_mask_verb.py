"""`radcnn mask`: a mask on its image's voxels, told, written and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import radcnn
from cli_in_process import refused, told
from written_dicom import write_stack

STORED = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def two_labels(folder: Path) -> tuple[Path, Path]:
    """A CT and a mask of it as NIfTI."""
    write_stack(folder / "ct", STORED)
    image = radcnn.read(folder / "ct", out=folder / "ct.nii.gz")
    labels = np.zeros(image.voxels.shape, np.uint8)
    labels[0, 1, :2], labels[0, 2, 0, 0] = 1, 2
    from radcnn.data.nifti import write_nifti

    write_nifti(image.with_voxels(labels, "mask"), folder / "mask.nii.gz")
    return folder / "mask.nii.gz", folder / "ct"


def test_labels_are_counted_and_the_mask_is_written_on_the_images_grid(tmp_path: Path) -> None:
    mask, image = two_labels(tmp_path)
    said = told("mask", mask, image, "--out", tmp_path / "on-ct.nii").out
    assert "3 x 4 x 5" in said
    assert "label 1   10 voxels" in said
    assert radcnn.read(tmp_path / "on-ct.nii").voxels.sum() == 12
    counts = json.loads(told("mask", mask, image, "--json", "--segment", 2).out)["labels"]
    assert counts == {"2": {"voxels": 1, "name": None}}


def test_a_mask_of_another_place_is_refused_in_millimetres(tmp_path: Path) -> None:
    mask, _ = two_labels(tmp_path)
    write_stack(tmp_path / "other", STORED, first_mm=(7, 0, 0))
    assert "mm" in refused("mask", mask, tmp_path / "other")
    assert "overlap must be" in refused("mask", mask, tmp_path / "ct", "--overlap", "any")
