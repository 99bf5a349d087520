"""No patient is named by anything a run writes or says: report, bundle, judgements, history, ledger, output."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import radcnn
from cli_in_process import QUICK, told
from written_dicom import written
from written_studies import SIDE, blob, class_folders, rows_of_images, write_csv, write_dicom_nodules

PLANTED = "Zebra"  # stands in every identifier below and nowhere else
LABELLED = ("--target", "malignant", "--subgroup", "hospital")
WHERE_CASE_IDS_STAND = ("split.json", "predictions-tuning.csv", "predictions-test.csv")


def written_by(study: Path) -> dict[str, bytes]:
    """Every file of a study, by its path in it; study.yaml holds what the user typed and where the data lie."""
    files = {str(path.relative_to(study)): path.read_bytes() for path in study.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name != "study.yaml"}


def shows(content: bytes) -> bool:
    return PLANTED.lower().encode() in content.lower()


def run_and_listen(data: Path, study: Path, *options: str | Path) -> str:
    """A whole run and everything said on the way, also as JSON."""
    said = [told("run", data, "--out", study, *options, *QUICK, "--json")]
    said += [told("evaluate", study), told("check", study), told("report", study, "--json")]
    return "".join(one.out + one.err for one in said)


def test_the_patient_column_is_named_nowhere(tmp_path: Path) -> None:
    rows = rows_of_images(tmp_path / "images")
    for row in rows:
        row["patient_id"] = f"{PLANTED}, {row['patient_id']}"
    labels = write_csv(tmp_path / "labels.csv", rows)
    said = run_and_listen(
        tmp_path / "images", tmp_path / "study", "--labels", labels, "--patient", "patient_id", *LABELLED
    )
    assert not shows(said.encode())
    files = written_by(tmp_path / "study")
    assert {"ledger.jsonl", "fingerprint.json", "runs/run-001/report.html", "runs/run-001/bundle/README.md"} <= set(
        files
    )
    assert [name for name, content in files.items() if shows(content) or shows(name.encode())] == []


def test_names_in_file_names_stand_only_where_case_ids_do(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest", word=PLANTED)
    said = run_and_listen(data, tmp_path / "study", "--patient-from", rf"{PLANTED}\d+")
    assert not shows(said.replace(rf"{PLANTED}\d+", "").encode()), "the pattern is the user's own"
    files = written_by(tmp_path / "study")
    assert {Path(name).name for name, content in files.items() if shows(content)} <= set(WHERE_CASE_IDS_STAND)
    assert [name for name in files if shows(name.encode())] == []
    with (tmp_path / "study" / "runs" / "run-001" / "predictions-test.csv").open(newline="") as file:
        assert not any(PLANTED in row["patient"] for row in csv.DictReader(file))


def test_wrong_cases_are_told_by_their_number_not_their_file(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest", word=PLANTED)
    # labels that contradict the images: the worst cases of report and judgement are many
    for i, path in enumerate(sorted((data / "sick").glob("*"))):
        if i % 2:
            path.rename(data / "healthy" / path.name)
    options = ("--patient-from", rf"{PLANTED}\d+_\d", "--set", "training.epochs=3")
    said = run_and_listen(data, tmp_path / "study", *options)
    assert '"worst": []' not in said
    assert not shows(said.encode())
    files = written_by(tmp_path / "study")
    assert {Path(name).name for name, content in files.items() if shows(content)} <= set(WHERE_CASE_IDS_STAND)


def test_patient_name_and_id_of_dicom_are_named_nowhere(tmp_path: Path) -> None:
    rows = write_dicom_nodules(tmp_path / "ct", PatientName=f"{PLANTED}^Marty", PatientBirthDate="19310412")
    for row in rows:
        row.pop("patient_id")
    labels = write_csv(tmp_path / "labels.csv", rows)
    columns = ("--image", "series", "--case", "nodule", "--target", "malignant", "--centre", "x_mm", "y_mm", "z_mm")
    size = ("--region-mm", "8", "--set", "preparation.size=[8, 8, 8]")
    said = run_and_listen(tmp_path / "ct", tmp_path / "study", "--labels", labels, *columns, *size)
    assert "14 patients" in said, "from PatientID"
    files = {"said": said.encode(), **written_by(tmp_path / "study")}
    for secret in (PLANTED.encode(), b"Marty", b"SECRET-", b"19310412"):
        assert [name for name, content in files.items() if secret in content] == []


def test_an_error_about_a_dicom_file_does_not_name_its_patient(tmp_path: Path) -> None:
    image = blob(True, "odd").astype("uint16")
    file = written(tmp_path / "one.dcm", image, PatientName=f"{PLANTED}^Marty", Rows=SIDE + 3)
    with pytest.raises(radcnn.core.errors.ReadError) as raised:
        radcnn.read(file)
    assert PLANTED not in str(raised.value)
    assert "SECRET" not in str(raised.value)
