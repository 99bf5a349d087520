"""No patient is named by anything a run writes or says: report, bundle, judgements, history, ledger, output."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

import planted_identifiers as planted
import radcnn
from cli_in_process import QUICK, refused, spoken, told
from written_dicom import written
from written_studies import SIDE, blob, class_folders, rows_of_images, write_csv, write_dicom_nodules

PLANTED = "Zebra"  # stands in every identifier below and nowhere else
LABELLED = ("--target", "malignant", "--subgroup", "hospital")


def written_by(study: Path) -> dict[str, bytes]:
    """Every file of a study, by its path in it; study.yaml holds what the user typed and where the data lie."""
    files = {str(path.relative_to(study)): path.read_bytes() for path in study.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name != "study.yaml"}


def shows(content: bytes) -> bool:
    return PLANTED.lower().encode() in content.lower()


def run_and_listen(data: Path, study: Path, *options: str | Path) -> str:
    """A whole run and everything said on the way, also as JSON."""
    said = [told("run", data, "--out", study, *options, *QUICK, "--json")]
    said += [told("evaluate", study), spoken("check", study), told("report", study, "--json")]
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


def test_names_in_file_names_are_written_nowhere(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "chest", word=PLANTED)
    said = run_and_listen(data, tmp_path / "study", "--patient-from", rf"{PLANTED}\d+")
    assert not shows(said.replace(rf"{PLANTED}\d+", "").encode()), "the pattern is the user's own"
    files = written_by(tmp_path / "study")
    assert [name for name, content in files.items() if shows(content) or shows(name.encode())] == []
    with (tmp_path / "study" / "runs" / "run-001" / "predictions-test.csv").open(newline="") as file:
        numbers = [row["case"] for row in csv.DictReader(file)]
    named = told("names", tmp_path / "study", "--case", numbers[0]).out
    assert named.startswith(f"{numbers[0]}\t")
    assert PLANTED in named, "said to the person who asks"
    assert "case '77777' is unknown" in refused("names", tmp_path / "study", "--case", "77777")


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
    assert [name for name, content in files.items() if shows(content)] == []


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


NODULES = ("--image", "series", "--target", "malignant", "--centre", "x_mm", "y_mm", "z_mm", "--region-mm", "8")
MARKS = (*planted.MARKS, b"4711-", b"malady")


def planted_nodules(folder: Path, *, word: str = "series", **plan: Any) -> Path:
    """CT series with a mark in every text element of every slice, in folders called by `word`, and their table."""
    rows = write_dicom_nodules(folder / "ct", **plan)
    for row in rows:
        row.pop("patient_id")
        old, number = folder / "ct" / row["series"], int(row["series"].removeprefix("series"))
        row["series"] = f"{word}{number:02d}"
        if old.is_dir():
            new = old.rename(folder / "ct" / row["series"]) if word != "series" else old
            for file in sorted(new.iterdir()):
                if word == "series" and number > 1:  # two patients do where nothing is trained
                    continue
                plant_patient(file, number)
                file.rename(file.with_name(f"{word}-{file.name}"))
    return write_csv(folder / "labels.csv", rows)


def plant_patient(file: Path, number: int) -> None:
    """Plant everything in a file, and UIDs and a PatientID of the patient's own that are identifiers, too."""
    planted.plant_file(file)
    dataset = dcmread(file)
    dataset.PatientID = f"4711-{number}"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(dataset, keyword, f"{planted.ROOT}.{number}.{len(keyword)}")
    dataset.SOPInstanceUID = f"{planted.ROOT}.{number}.0.{dataset.InstanceNumber}"
    dataset.StudyDescription = "Malady of Zebra"
    dataset.save_as(file)


def test_marks_in_every_text_element_and_file_name_are_found_in_no_artefact_of_a_whole_run(tmp_path: Path) -> None:
    labels, study = planted_nodules(tmp_path, word="Zebra^Marty "), tmp_path / "study"
    options = ("--labels", labels, *NODULES, "--set", "preparation.size=[8, 8, 8]")
    assert len(planted.files_with_marks(tmp_path / "ct", MARKS)) == 14 * 7, "every slice, and every folder by its name"
    said = run_and_listen(tmp_path / "ct", study, *options)
    assert "14 patients" in said, "from PatientID"
    assert not planted.shows(said.encode(), MARKS)
    scanned = [path for path in study.rglob("*") if path.is_file()]
    assert len(scanned) > 20
    assert planted.files_with_marks(study, MARKS) == []

    new = (tmp_path / "ct" / "Zebra^Marty 00").rename(tmp_path / "new")
    out = tmp_path / "predictions" / "found.csv"
    told_of = told("predict", study, new, "--centre", "4", "4", "3", "--out", out)
    assert not planted.shows((told_of.out + told_of.err).encode(), MARKS)
    assert planted.files_with_marks(out.parent, MARKS) == []


def _cut(folder: Path) -> None:
    file = sorted((folder / "series00").iterdir())[2]
    file.write_bytes(file.read_bytes()[:-100])


def _without_a_slice(folder: Path) -> None:
    sorted((folder / "series00").iterdir())[2].unlink()


def _mixed(folder: Path) -> None:
    for file in (folder / "series01").iterdir():
        file.rename(folder / "series00" / f"other-{file.name}")


def _torn_head(folder: Path) -> None:
    for file in (folder / "series00").iterdir():
        file.write_bytes(file.read_bytes()[:4000])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a cut slice": _cut,
    "a missing slice": _without_a_slice,
    "two series in one folder": _mixed,
    "torn heads": _torn_head,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_refused_is_refused_without_a_word_from_a_header(tmp_path: Path, damage: str) -> None:
    labels = planted_nodules(tmp_path, patients=14)
    DAMAGES[damage](tmp_path / "ct")
    for words in (
        ("run", tmp_path / "ct", "--labels", labels, *NODULES, "--out", tmp_path / "study", *QUICK),
        ("new", tmp_path / "ct", "--labels", labels, *NODULES, "--out", tmp_path / "study"),
    ):
        said = spoken(*words)
        assert not planted.shows((said.out + said.err).encode(), MARKS)
        assert said.code == 2 or damage == "two series in one folder", said.err
    with suppress(radcnn.core.errors.InputError):
        radcnn.read(tmp_path / "ct" / "series00")
    assert planted.files_with_marks(tmp_path, MARKS, but=lambda name: name.startswith("ct")) == []


def test_an_error_about_a_dicom_file_does_not_name_its_patient(tmp_path: Path) -> None:
    image = blob(True, "odd").astype("uint16")
    file = written(tmp_path / "one.dcm", image, PatientName=f"{PLANTED}^Marty", Rows=SIDE + 3)
    with pytest.raises(radcnn.core.errors.ReadError) as raised:
        radcnn.read(file)
    assert PLANTED not in str(raised.value)
    assert "SECRET" not in str(raised.value)
