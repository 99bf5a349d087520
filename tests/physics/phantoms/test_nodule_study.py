"""The simulated study on the disk, read back by pydicom and highdicom as any user's data would be."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset

from radcnn.core.errors import InputError, SettingsError, StorageError
from radcnn.physics.phantoms.nodules import LARGEST_MM
from radcnn.physics.phantoms.patient import Plan, simulate_patient
from radcnn.physics.phantoms.scan import Field
from radcnn.physics.phantoms.study import SITES, plan_patients, simulate_nodule_study

SMALL = Field(size=72, pixel_mm=2.2, height_mm=66, views=60)


def _bytes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    calls = []
    folder = tmp_path_factory.mktemp("simulated") / "study"
    found = simulate_nodule_study(
        folder, patients=4, seed=3, workers=1, field=SMALL, progress=lambda done, total: calls.append((done, total))
    )
    return found, calls


@pytest.fixture(scope="module")
def rows(made):
    with made[0].table.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def volumes(made, rows):
    read = {}
    for path in {row["series"] for row in rows}:
        slices = [pydicom.dcmread(file) for file in sorted((made[0].folder / path).iterdir())]
        read[path] = highdicom.get_volume_from_series(slices)
    return read


def _hu(volume) -> np.ndarray:
    return np.asarray(volume.array, dtype=np.float64)


def test_the_study_holds_a_table_series_a_certificate_and_says_it_is_simulated(made, rows):
    found, calls = made
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(rows) == found.nodules
    assert sum(int(row["malignant"]) for row in rows) == found.malignant
    assert len({row["case"] for row in rows}) == len(rows)
    assert len({row["patient"] for row in rows}) == 4
    assert "SIMULATED" in (found.folder / "README.txt").read_text()
    assert "CC0" in (found.folder / "LICENSE.txt").read_text()
    told = json.loads((found.folder / "certificate.json").read_text())
    assert told["simulated"] is True
    assert told["best_feature"] == found.certificate.best


def test_every_file_is_a_valid_ct_slice_marked_as_simulated(made):
    uids = []
    for path in sorted((made[0].folder / "images").rglob("*.dcm")):
        header = pydicom.dcmread(path)
        uids.append(header.SOPInstanceUID)
        assert header.SOPClassUID == pydicom.uid.CTImageStorage
        assert header.ImageComments == "SIMULATED"
        assert header.Manufacturer == "radcnn simulator"
        assert header.PatientPosition == "HFS"
        assert header.PatientID == path.parent.parent.name
        assert header.pixel_array.dtype == np.int16
        assert [header.RescaleIntercept, header.RescaleSlope] == [-1024, 1]
        assert float(header.SliceThickness) == float(header.SpacingBetweenSlices)
    assert len(set(uids)) == len(uids)


def test_nodules_are_where_the_table_says_and_of_the_size_it_says(rows, volumes):
    for row in rows:
        volume, hu = volumes[row["series"]], _hu(volumes[row["series"]])
        at = np.array([[float(row[name]) for name in ("x_mm", "y_mm", "z_mm")]])
        index = volume.map_reference_to_indices(at)[0]
        grid = np.stack(np.indices(hu.shape), axis=-1)
        away = np.linalg.norm((grid - index) * np.array(volume.spacing), axis=-1)
        weight = np.clip(hu + 850, 0, None) * (away < float(row["diameter_mm"]) / 2 + 2)
        centroid = (grid * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
        assert np.abs(centroid - index).max() < 1, row["case"]
        assert hu[tuple(np.rint(index).astype(int))] > -600
        assert 4 < float(row["diameter_mm"]) < LARGEST_MM + 8


def test_lung_and_soft_tissue_have_their_hu(rows, volumes):
    for volume in volumes.values():
        values = _hu(volume)
        lung, tissue = values[(values > -980) & (values < -700)], values[(values > -50) & (values < 150)]
        assert -900 < np.median(lung) < -800
        assert 20 < np.median(tissue) < 70


def test_sites_differ_in_slice_thickness(rows, volumes):
    thickness = {row["site"]: volumes[row["series"]].spacing[0] for row in rows}
    assert thickness == {site.name: site.slice_mm for site in SITES}


def test_sites_differ_in_the_size_and_the_grain_of_their_noise():
    north, south = (_noise(site) for site in SITES)
    assert north.std() > 1.3 * south.std()
    grain = [(a[..., 1:] * a[..., :-1]).mean() / a.var() for a in (north, south)]  # likeness of neighbouring pixels
    assert grain[1] > grain[0] + 0.1


def _noise(site) -> np.ndarray:
    """Differences between slices in the middle of the heart's side, where the anatomy hardly changes."""
    plan = Plan("SIM0001", site, (False,))
    patient = simulate_patient(plan, Field(height_mm=8 * site.slice_mm, views=200), seed=1)
    change = np.diff(patient.hu.astype(np.float64), axis=0)
    tissue = (np.abs(patient.hu[1:] - 50) < 150) & (np.abs(patient.hu[:-1] - 50) < 150)
    flat = tissue.all(axis=0)
    rows, columns = np.flatnonzero(flat.sum(axis=1) > 12), np.arange(flat.shape[1])
    runs = [columns[flat[row]] for row in rows]
    pieces = [
        change[:, row, run[0] : run[0] + 12]
        for row, run in zip(rows, runs, strict=True)
        if np.all(np.diff(run[:12]) == 1)
    ]
    return np.stack(pieces)


def test_any_number_of_workers_gives_the_same_bytes(made, tmp_path):
    again = simulate_nodule_study(tmp_path / "again", patients=4, seed=3, workers=2, field=SMALL)
    assert _bytes(again.folder) == _bytes(made[0].folder)


def test_classes_are_balanced_at_every_site_and_mixed_within_patients():
    plans = plan_patients(64, 0)
    for site in SITES:
        labels = np.concatenate([plan.malignant for plan in plans if plan.site is site])
        assert abs(labels.mean() - 0.5) < 0.5 / len(labels) + 1e-9
    shares = np.array([np.mean(plan.malignant) for plan in plans])
    assert ((shares > 0) & (shares < 1)).mean() > 0.5
    expected = np.mean([0.25 / len(plan.malignant) for plan in plans])
    assert shares.var() > 1.2 * expected, "nodules of a patient resemble each other"
    assert plan_patients(64, 1) != plans


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="exists already"):
        simulate_nodule_study(tmp_path, patients=4)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_too_few_patients_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="at least 4"):
        simulate_nodule_study(tmp_path / "study", patients=3)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileDataset, "save_as", full)
    with pytest.raises(StorageError, match="No space left"):
        simulate_nodule_study(tmp_path / "study", patients=4, workers=1, field=SMALL)
    assert list(tmp_path.iterdir()) == []
