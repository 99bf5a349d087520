"""Images restored by a network: how they are called, what stays DICOM, and what one bad image costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import radcnn
from cli_in_process import refused, spoken, told
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.inference.restorer import Restorer, save_restorer
from radcnn.networks.image_networks import build_image_network
from radcnn.plan.restoration import RestorationPlan, Scale
from radcnn.plan.settings import NetworkPlan, TrainingPlan
from written_dicom import write_stack
from written_pairs import SPACING, scan


def bundle_in(folder: Path, **changes: object) -> Path:
    """A bundle whose network has not learned anything yet, and gives back what it sees."""
    options = {"kernels": [4, 8], "norm": "none"}
    plan = RestorationPlan(
        NetworkPlan("unet", options), TrainingPlan(1, 1), (16, 16), scale=Scale(-1000, 500), **changes,  # type: ignore[arg-type]
    )  # fmt: skip
    network = build_image_network("unet", channels=plan.channels, dims=plan.dims, options=options, seed=0)
    save_restorer(folder, Restorer(plan, 1, hu=plan.units == "HU"), [network])
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return bundle_in(tmp_path / "bundle")


def series(folder: Path, patient: int = 0, **more: object) -> Path:
    stored = scan(patient).astype(np.int16) + np.int16(1024)
    return write_stack(folder, stored, spacing=(0.8, 0.8), **more)  # type: ignore[arg-type]


def ct(path: Path, patient: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume.from_spacing(scan(patient)[None].astype(np.int16), SPACING), path)
    return path


def test_series_called_by_uids_do_not_overwrite_each_other(bundle: Path, tmp_path: Path) -> None:
    for k in (101, 102):
        series(tmp_path / "ct" / f"1.2.840.3.{k}", k)
    told("predict", bundle, tmp_path / "ct", "--out", tmp_path / "out", "--quiet")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.2.840.3.101", "1.2.840.3.102"]
    assert np.array_equal(radcnn.read(tmp_path / "out" / "1.2.840.3.102").voxels[0], scan(102))


def test_images_that_would_be_one_file_are_refused(bundle: Path, tmp_path: Path) -> None:
    ct(tmp_path / "ct" / "a.nii")
    ct(tmp_path / "ct" / "a.nii.gz")
    said = refused("predict", bundle, tmp_path / "ct", "--out", tmp_path / "out", "--quiet")
    assert "a.nii and a.nii.gz would both be written as a;" in said


@pytest.mark.parametrize("alone", [True, False])
def test_a_series_that_cannot_stay_one_is_written_as_nifti(alone: bool, bundle: Path, tmp_path: Path) -> None:
    series(tmp_path / "ct" / "tilted", lean_degrees=12)
    if not alone:
        series(tmp_path / "ct" / "straight", 1)
    images = tmp_path / "ct" / "tilted" if alone else tmp_path / "ct"
    result = told("predict", bundle, images, "--out", tmp_path / "out")
    assert "tilted is written as NIfTI, and not as DICOM: 000.dcm is no slice of the volume" in result.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["straight"] * (not alone) + ["tilted.nii.gz"]
    assert "RC027" in result.err
    made = radcnn.read(tmp_path / "out" / "tilted.nii.gz").voxels
    assert np.abs(made - radcnn.read(tmp_path / "ct" / "tilted").voxels).max() < 0.51  # whole HU


def test_one_damaged_file_does_not_lose_the_others(bundle: Path, tmp_path: Path) -> None:
    ct(tmp_path / "ct" / "a.nii.gz")
    (tmp_path / "ct" / "b.nii.gz").write_bytes(b"no image")
    result = spoken("predict", bundle, tmp_path / "ct", "--out", tmp_path / "out", "--quiet")
    assert result.code == 1
    assert "b.nii.gz: FAILED: " in result.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.nii.gz"]


def test_what_nifti_cannot_say_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_in(tmp_path / "bundle", units="grey")
    Image.fromarray(np.zeros((24, 30), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr("radcnn.study.restoring.predicting.restored", None)
    for out in ("out", "out.nii.gz"):
        said = refused("predict", bundle, tmp_path / "a.png", "--out", tmp_path / out, "--quiet")
        assert "the size of the voxels of a.png is not known" in said
