"""`radcnn read`: what an image is and where it lies, as text, as JSON and as NIfTI."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import radcnn
from cli_in_process import refused, told
from written_dicom import write_stack

STORED = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def test_a_series_is_told_and_written_as_nifti_with_the_same_voxels_and_place(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", STORED, first_mm=(-10, 20, 30))
    said = told("read", tmp_path / "ct", "--out", tmp_path / "ct.nii.gz").out
    assert "3 x 4 x 5 (slices, rows, columns)" in said
    assert "2 x 0.8 x 0.5 mm" in said
    assert "(-10, 20, 30) mm" in said
    assert "HU, float32, -1024 to -965" in said
    series, written = radcnn.read(tmp_path / "ct"), radcnn.read(tmp_path / "ct.nii.gz")
    assert np.array_equal(series.voxels, written.voxels)
    assert np.allclose(series.affine, written.affine, atol=1e-6)


def test_as_json_the_affine_is_whole(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", STORED)
    said = json.loads(told("read", tmp_path / "ct", "--json").out)
    assert (said["size"], said["units"], said["frame"]) == ([3, 4, 5], "HU", "patient")
    assert np.array(said["affine"]).shape == (4, 4)
    assert said["findings"] == []


def test_from_python_out_writes_too_and_another_ending_is_refused_before_reading(tmp_path: Path) -> None:
    write_stack(tmp_path / "ct", STORED)
    radcnn.read(tmp_path / "ct", out=tmp_path / "a.nii")
    assert (tmp_path / "a.nii").is_file()
    assert "must end in .nii" in refused("read", tmp_path / "ct", "--out", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
