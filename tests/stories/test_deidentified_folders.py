"""A folder de-identified from the command line: whole or not at all, counted, consistent, and silent about patients."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import BasicTextSRStorage

import radcnn
from cli_in_process import refused, spoken, told, tree
from planted_identifiers import files_with_marks, plant_file, shows
from written_dicom import write_stack, written

SECRET_NAME = ".radcnn-deidentify-secret"


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """Two patients, three series, one report, one damaged file and a text, in folders called by the patients."""
    stored = np.arange(3 * 8 * 8, dtype=np.int16).reshape(3, 8, 8)
    folder = tmp_path / "export" / "hospital"
    for patient, series in (("Zebra^Marty", "2.25.51"), ("Zebra^Marty", "2.25.52"), ("Zebra^Martha", "2.25.53")):
        about = {"PatientID": patient, "PatientName": patient, "SeriesInstanceUID": series}
        write_stack(folder / patient / f"Zebra {series}", stored, **about, StudyInstanceUID=f"2.25.{len(patient)}")
    for file in folder.rglob("*.dcm"):
        plant_file(file)
    (folder / "Zebra.txt").write_text("Zebra")
    torn = folder / "Zebra^Marty" / "torn.dcm"
    torn.write_bytes((folder / "Zebra^Marty" / "Zebra 2.25.51" / "000.dcm").read_bytes()[:-9])
    return folder


def test_a_whole_folder_without_its_patients(hospital: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = spoken("deidentify", hospital, out)
    assert said.code == 1, "a DICOM file was left out"
    assert "wrote 9 files of 2 patients (2 studies, 3 series)" in said.out
    assert "left out file 11: damaged: PixelData is cut short" in said.out
    assert "left out file 1: no DICOM file" in said.out
    assert "burned into the pixels are NOT cleaned" in said.out
    assert not shows((said.out + said.err).encode())
    assert files_with_marks(out) == []
    assert said.out.splitlines()[0] in (out / "README.txt").read_text()
    assert stat.S_IMODE((tmp_path / SECRET_NAME).stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"export", "out", SECRET_NAME}
    series = sorted({path.parent for path in out.rglob("*.dcm")})
    assert sorted(folder.name for folder in series) == ["series-1", "series-1", "series-2"]
    before = radcnn.read(hospital / "Zebra^Martha" / "Zebra 2.25.53")
    for after in map(radcnn.read, series):
        np.testing.assert_array_equal(after.voxels, before.voxels)


def test_a_linked_folder_is_a_patients_too(hospital: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "Zebra").symlink_to(hospital / "Zebra^Martha")
    said = spoken("deidentify", linked, tmp_path / "out")
    assert said.code == 0
    assert "wrote 3 files of 1 patient" in said.out


def test_a_second_run_with_the_same_secret_gives_the_same_patients_and_uids(hospital: Path, tmp_path: Path) -> None:
    spoken("deidentify", hospital, tmp_path / "one")
    one = hospital / "Zebra^Martha"
    told("deidentify", one, tmp_path / "two")
    told("deidentify", one, tmp_path / "three", "--secret-file", tmp_path / "other-secret")
    patients = {
        name: {path.name for path in (tmp_path / name).iterdir() if path.is_dir()} for name in ("one", "two", "three")
    }
    assert patients["two"] < patients["one"]
    assert not patients["three"] & patients["one"]
    patient = patients["two"].pop()
    again = [tmp_path / name / patient / "study-1" / "series-1" / "0001.dcm" for name in ("one", "two")]
    assert again[0].read_bytes() == again[1].read_bytes()


def test_the_link_file_says_which_is_which_to_its_owner_alone(hospital: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    spoken("deidentify", hospital, tmp_path / "out", "--link", link)
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    with link.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 11
    for row in rows:
        assert (tmp_path / "out" / row["output"]).is_file() == (row["left_out"] == "")
    assert rows[1]["patient_id"] == "Zebra^Martha"
    assert rows[1]["output"].startswith(rows[1]["pseudonym"])


def test_one_file_and_options_as_json(hospital: Path, tmp_path: Path) -> None:
    file = next((hospital / "Zebra^Martha").rglob("*.dcm"))
    said = told("deidentify", file, tmp_path / "out", "--dates", "shifted", "--keep-uids", "--json").json
    assert (said["written"], said["left_out"], said["burned_in_pixels_cleaned"]) == (1, {}, False)
    assert "113107" in said["profile"]
    assert "113110" in said["profile"]
    made = dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert made.SeriesInstanceUID == "2.25.53"
    assert made.StudyDate.isdigit()


def test_nothing_is_left_behind_where_nothing_can_be_written(tmp_path: Path) -> None:
    written(tmp_path / "in" / "Zebra.dcm", np.zeros((4, 4), np.uint8), SOPClassUID=BasicTextSRStorage)
    before = tree(tmp_path)
    said = refused("deidentify", tmp_path / "in", tmp_path / "out")
    assert "a structured report" in said
    assert "file 1" in said
    assert not shows(said.encode())
    assert tree(tmp_path) == before


def test_what_is_in_the_way_is_refused(hospital: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "short").write_text("guess")
    before = tree(tmp_path)
    assert "exists already" in refused("deidentify", hospital, tmp_path / "full")
    assert "within each other" in refused("deidentify", hospital, hospital / "out")
    assert "exists already" in refused("deidentify", hospital, hospital.parent)
    assert "must not lie in" in refused("deidentify", hospital, tmp_path / "out", "--link", tmp_path / "out" / "l.csv")
    assert "at least 16" in refused("deidentify", hospital, tmp_path / "out", "--secret-file", tmp_path / "short")
    assert "shifted" in refused("deidentify", hospital, tmp_path / "out", "--dates", "shift")
    assert tree(tmp_path) == before
