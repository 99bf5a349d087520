"""`radcnn lowdose`: a CT in a file becomes a noisier one on the same grid, or one sentence says why not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import refused, told
from radcnn.core.chance import generator
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from written_dicom import write_stack

ROWS, COLUMNS = np.indices((80, 90))
BODY = np.hypot((ROWS - 40) / 30, (COLUMNS - 45) / 38) < 1


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Four slices of tissue with noise in air, as DICOM."""
    noise = generator(0, "low dose").normal(0, 12, (4, 80, 90))
    hu = np.where(BODY, 50.0, -1000.0) + noise
    write_stack(tmp_path / "ct", np.clip(hu + 1024, 0, 4000).astype(np.int16), steps_mm=3.0, spacing=(2.0, 2.0))
    return tmp_path / "ct"


def test_the_scan_is_noisier_and_lies_where_it_did(series: Path, tmp_path: Path) -> None:
    out = tmp_path / "low.nii.gz"
    said = told("lowdose", series, "--dose", "0.25", "--out", out).out
    assert "SIMULATED at 0.25 of its dose" in said
    assert said.splitlines()[-1] == f"wrote {out}"
    before, after = radcnn.read(series), radcnn.read(out)
    assert np.allclose(before.affine, after.affine, atol=1e-6)
    assert after.voxels.dtype == np.int16
    middle = BODY & (np.hypot((ROWS - 40) / 24, (COLUMNS - 45) / 30) < 1)
    assert after.voxels[0][:, middle].std() > 1.3 * before.voxels[0][:, middle].std()
    again = tmp_path / "again.nii.gz"
    told("lowdose", series, "--dose", "0.25", "--out", again)
    assert again.read_bytes() == out.read_bytes(), "the same seed"


def test_as_json_and_from_python(series: Path, tmp_path: Path) -> None:
    said = json.loads(told("lowdose", series, "--dose", "0.5", "--out", tmp_path / "a.nii", "--json").out)
    assert said["simulated"] is True
    assert said["noise_hu"]["after"] > said["noise_hu"]["before"]
    found = radcnn.lowdose(series, dose=0.5)
    assert found.photons == pytest.approx(said["photons_per_ray"])
    assert np.array_equal(found.volume.voxels, radcnn.read(tmp_path / "a.nii").voxels)


def test_a_nifti_file_is_taken_for_hu_only_where_somebody_says_so(series: Path, tmp_path: Path) -> None:
    volume = radcnn.read(series)
    write_nifti(Volume(volume.voxels, volume.affine, "arbitrary", "patient"), tmp_path / "ct.nii")
    ask = ("lowdose", tmp_path / "ct.nii", "--dose", "0.5", "--out", tmp_path / "low.nii")
    assert "say so with --hu" in refused(*ask)
    told(*ask, "--hu")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"--dose": "1.5"}, "between 0 and 1, got 1.5"),
        ({"--out": "low.png"}, "low.png must end in .nii"),
        ({"--kernel": "bone"}, "kernel 'bone' is unknown"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(series, tmp_path, changes, says) -> None:
    asked = {"--dose": "0.5", "--out": str(tmp_path / "low.nii"), **changes}
    assert says in refused("lowdose", series, *(word for pair in asked.items() for word in pair))
    assert [path.name for path in tmp_path.iterdir()] == ["ct"]
