"""Simulated studies on the disk: read back as a user's own, the same bytes for one seed, with a certificate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import refused, told
from radcnn.physics.phantoms.chest_study import write_chest_study
from radcnn.physics.phantoms.scan import Field
from radcnn.physics.phantoms.study import simulate_nodule_study
from radcnn.study import certificates, simulating


def bytes_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module", autouse=True)
def few_strengths() -> Iterator[None]:
    """Filters are tried at two strengths: what a certificate says is tested here, not how well it is tuned."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(certificates, "STRENGTHS", certificates.STRENGTHS[2:4])
        yield


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "pairs"
    said = told("simulate", "dose-pairs", "--patients", "2", "--certificate", "--out", folder, "--quiet").out
    assert "what simple ways reach on 2 pairs" in said
    assert f"next: radcnn run {folder / 'low'} --target {folder / 'full'} --set synthetic=true" in said
    return folder


def test_dose_pairs_are_dicom_on_one_grid(pairs: Path) -> None:
    low, full = (radcnn.read(pairs / part / "SIM0001") for part in ("low", "full"))
    assert low.units == full.units == "HU"
    assert np.array_equal(low.affine, full.affine)  # type: ignore[arg-type]
    assert low.size == (6, 256, 256)
    apart = low.voxels.astype(float) - full.voxels
    assert 5 < apart[0, :, 100:150, 100:150].std() < 200
    assert abs(apart.mean()) < 3


def test_a_certificate_says_what_simple_ways_reach(pairs: Path) -> None:
    found = json.loads((pairs / "certificate.json").read_text())
    rmse = {way: row["RMSE"]["value"] for way, row in found["table"].items()}
    assert rmse["BM3D"] < rmse["input"]
    assert rmse["non-local means"] < rmse["input"]
    assert found["simulated"]


def test_one_seed_gives_the_same_bytes(pairs: Path, tmp_path: Path) -> None:
    told("simulate", "dose-pairs", "--patients", "2", "--out", tmp_path / "again", "--quiet")
    first, again = bytes_of(pairs), bytes_of(tmp_path / "again")
    first.pop("certificate.json")
    assert first == again


def test_ellipses_are_nifti_of_few_and_of_all_views(tmp_path: Path) -> None:
    said = told("simulate", "ellipses", "--patients", "2", "--out", tmp_path / "e", "--quiet", "--json").json
    assert said["synthetic"]
    few, full = (radcnn.read(tmp_path / "e" / part / "SIM0002.nii.gz") for part in ("few", "full"))
    assert few.size == full.size == (256, 256)
    assert few.spacing_mm == (2.0, 2.0)
    assert np.corrcoef(few.voxels.ravel(), full.voxels.ravel())[0, 1] > 0.9


def test_breasts_have_specks_in_random_tissue(tmp_path: Path) -> None:
    said = told("simulate", "breast", "--patients", "2", "--certificate", "--out", tmp_path / "b", "--quiet").out
    assert "RMSE in attenuation per m" in said
    few, full = (radcnn.read(tmp_path / "b" / part / "SIM0001.nii.gz").voxels[0] for part in ("few", "full"))
    assert few.shape == full.shape == (256, 256)
    assert full[:10].max() == 0
    assert 0.019 < np.median(full[full > 0.01]) < 0.0235
    assert 0.026 < full.max() < 0.062
    assert 3e-4 < np.sqrt(np.mean((few - full) ** 2)) < 3e-3
    other = radcnn.read(tmp_path / "b" / "full" / "SIM0002.nii.gz").voxels[0]
    assert not np.array_equal(full, other)


def test_nodules_bring_their_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = Field(size=72, pixel_mm=2.2, height_mm=66, views=60)
    monkeypatch.setattr(simulating, "simulate_nodule_study", partial(simulate_nodule_study, field=coarse, workers=1))
    said = told("simulate", "nodules", "--patients", "4", "--certificate", "--out", tmp_path / "n", "--quiet").out
    assert "best single feature" in said
    assert (tmp_path / "n" / "nodules.csv").is_file()


def test_what_cannot_be_simulated_is_refused(tmp_path: Path) -> None:
    assert "did you mean ellipses" in refused("simulate", "elipses", "--out", tmp_path / "x")
    (tmp_path / "file").touch()
    assert "exists already" in refused("simulate", "ellipses", "--out", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_chests_are_a_study_with_masks_and_a_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Field(size=64, pixel_mm=5.6, height_mm=90, views=60, aimed=False)
    monkeypatch.setattr(simulating, "write_chest_study", partial(write_chest_study, field=small, workers=1))
    out = tmp_path / "chests"
    said = told("simulate", "chest", "--patients", "6", "--certificate", "--out", out, "--quiet").out
    assert "an ideal reader of the signs: AUC" in said
    assert f"next: radcnn run {out} --labels {out / 'nodules.csv'} --target malignant" in said
    series, mask = radcnn.read(out / "images/SIM0001/ct"), radcnn.read(out / "tissues/SIM0001.nii.gz")
    assert mask.size == series.size
    assert "at least 4 patients" in refused("simulate", "chest", "--patients", "2", "--out", tmp_path / "few")
    assert not (tmp_path / "few").exists()


@pytest.mark.parametrize("name", ["prostate", "uterus", "abdomen"])
def test_masks_lie_beside_the_images_and_a_certificate_says_what_simple_ways_reach(name: str, tmp_path: Path) -> None:
    said = told("simulate", name, "--patients", "2", "--certificate", "--out", tmp_path / "made", "--quiet").out
    assert "best range of values" in said
    assert "--structure" in said
    image, mask = (radcnn.read(tmp_path / "made" / part / "SIM0001.nii.gz") for part in ("images", "labels"))
    assert image.size == mask.size
    assert np.allclose(image.affine, mask.affine)  # type: ignore[arg-type]
    assert set(np.unique(mask.voxels)) <= {0, 1, 2}
    assert (tmp_path / "made" / "patients.csv").read_text().startswith("patient,site\nSIM0001,")
    assert "SIMULATED" in (tmp_path / "made" / "README.txt").read_text()


def test_sections_are_pictures_that_a_run_takes(tmp_path: Path) -> None:
    said = told("simulate", "neuropil", "--patients", "6", "--out", tmp_path / "made", "--quiet").out
    assert "--unit image --structure cell=255" in said
    image, mask = (radcnn.read(tmp_path / "made" / part / "SIM0001.png") for part in ("images", "labels"))
    assert image.size == mask.size == (512, 512)
    asked = ("--unit", "image", "--structure", "cell=255", "--set", "synthetic=true", "--out", tmp_path / "study")
    told("new", tmp_path / "made", *asked, "--quiet")
    assert "segmentation.cells: cell" in (tmp_path / "study" / "study.yaml").read_text()
