"""A cohort is gathered from what a person has, or refused in one sentence that says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from radcnn.core.errors import InputError, ReadError, SettingsError, TableError
from radcnn.data.cohort import Cohort, CohortSettings, gather


def image(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value % 256, np.uint8)).save(path)


@pytest.fixture
def chest(tmp_path: Path) -> CohortSettings:
    """Twelve images of six patients and a table with everything a table can say."""
    rows = ["file,patient_id,malignant,site,fold,age,x,y,z,sex"]
    for i in range(12):
        image(tmp_path / "images" / f"scan{i}.png", i)
        side = "train" if i < 6 else "val" if i < 8 else "test"
        rows.append(f"scan{i}.png,MRN-{i // 2:04d},{i % 2},s{i // 6},{side},{40 + i},{i}.5,-2,3,{'mf'[i % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return CohortSettings(
        tmp_path / "images", labels=tmp_path / "labels.csv", target=("malignant",), patient="patient_id"
    )


def edited(settings: CohortSettings, row: int, old: str, new: str) -> CohortSettings:
    assert settings.labels is not None
    lines = settings.labels.read_text().splitlines()
    assert old in lines[row]
    lines[row] = lines[row].replace(old, new)
    settings.labels.write_text("\n".join(lines) + "\n")
    return settings


def codes(cohort: Cohort) -> list[str]:
    return sorted(finding.code for finding in cohort.findings)


def test_a_folder_and_a_table_make_a_cohort(chest: CohortSettings) -> None:
    more = replace(chest, site="site", subgroups=("sex",), centre=("x", "y", "z"), split="fold")
    cohort = gather(more, salt="s")
    assert len(cohort) == 12
    assert (cohort.target.kind, cohort.target.classes, cohort.unit, cohort.rank) == ("binary", ("0", "1"), "patient", 2)
    case = cohort.cases[3]
    assert (case.id, case.own_name, case.called) == ("4", "scan3.png", "4 (scan3.png)")
    assert case.targets == (1.0,)
    assert case.site == "s0"
    assert case.side == "training"
    assert case.centre_mm == (3.5, -2.0, 3.0)
    assert dict(case.attributes) == {"sex": "f", "site": "s0"}
    assert [len(cases) for cases in cohort.by_patient.values()] == [2] * 6
    assert cohort.fixed


def test_patients_leave_as_pseudonyms_only(chest: CohortSettings) -> None:
    first, second = gather(chest, salt="a"), gather(chest, salt="b")
    assert "MRN" not in repr(first.cases) + repr(first.findings)
    assert first.cases[0].patient != second.cases[0].patient


def test_an_image_without_row_is_left_out_and_said(chest: CohortSettings) -> None:
    image(chest.path / "extra.png")
    assert "RC011" in codes(gather(chest, salt="s"))


def test_the_table_alone_may_be_given(chest: CohortSettings) -> None:
    assert chest.labels is not None
    alone = CohortSettings(chest.labels, target=("malignant",), patient="patient_id")
    assert len(gather(alone, salt="s")) == 12


@pytest.mark.parametrize(
    ("old", "new"), [("scan0.png", "scan0"), ("scan0.png", "./scan0.png"), ("scan0", "images/scan0")]
)
def test_images_are_found_by_name_stem_or_path(chest: CohortSettings, old: str, new: str) -> None:
    cohort = gather(edited(chest, 1, old, new), salt="s")
    assert cohort.cases[0].source.path == chest.path / "scan0.png"


def test_the_image_column_is_found_whatever_it_is_called(chest: CohortSettings) -> None:
    cohort = gather(edited(chest, 0, "file", "weird"), salt="s")
    assert cohort.cases[11].source.path.name == "scan11.png"


def test_a_name_that_two_images_share_must_be_a_path(chest: CohortSettings) -> None:
    image(chest.path / "other" / "scan0.png")
    with pytest.raises(TableError, match=r"row 2, column 'file': 2 image files are called 'scan0'"):
        gather(edited(chest, 1, "scan0.png", "scan0"), salt="s")
    cohort = gather(edited(chest, 1, "scan0,", "other/scan0.png,"), salt="s")
    assert cohort.cases[0].source.path == chest.path / "other" / "scan0.png"


def test_two_columns_that_name_different_images_are_ambiguous(chest: CohortSettings) -> None:
    assert chest.labels is not None
    lines = chest.labels.read_text().splitlines()
    lines = [lines[0] + ",image"] + [f"{line},scan{(i + 1) % 12}.png" for i, line in enumerate(lines[1:])]
    chest.labels.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"columns image, file of labels.csv name different images.*--image"):
        gather(chest, salt="s")
    assert gather(replace(chest, image="file"), salt="s").cases[0].source.path.name == "scan0.png"


def test_a_table_that_names_no_image_says_so(chest: CohortSettings) -> None:
    assert chest.labels is not None
    chest.labels.write_text("who,malignant\na,0\nb,1\n")
    with pytest.raises(InputError, match=r"no column of labels\.csv names the image files"):
        gather(replace(chest, patient="who"), salt="s")


def test_all_faults_of_all_columns_are_reported_at_once(chest: CohortSettings) -> None:
    more = replace(chest, case="file", split="fold", centre=("x", "y", "z"), site="site")
    edited(more, 2, "scan1.png", "lost.png")
    edited(more, 3, "MRN-0001", "")
    edited(more, 4, ",train,", ",trian,")
    edited(more, 5, "4.5,-2", "four,-2")
    edited(more, 6, "scan5.png", "scan4.png")
    edited(more, 7, ",s1,", ",,")
    with pytest.raises(TableError) as caught:
        gather(more, salt="s")
    assert [fault.partition(": ")[0] for fault in caught.value.faults] == [
        "row 3, column 'file'",
        "row 5, column 'fold'",
        "row 6, column 'x'",
        "row 4, column 'patient_id'",
        "row 8, column 'site'",
        "row 7, column 'file'",
    ]
    assert "the same case id stands in row 6" in caught.value.faults[-1]
    assert "MRN" not in str(caught.value)


@pytest.mark.parametrize("word", ["NA", "n/a", "nan", "#N/A", "null"])
def test_a_word_for_nothing_is_neither_a_patient_nor_a_site(chest: CohortSettings, word: str) -> None:
    for row, old, new in ((1, "MRN-0000", word), (2, "MRN-0000", word), (9, ",s1,", f",{word},")):
        edited(chest, row, old, new)
    with pytest.raises(TableError) as caught:
        gather(replace(chest, site="site"), salt="s")
    assert caught.value.faults == (
        f"row 2, column 'patient_id': {word!r} counts as empty",
        f"row 3, column 'patient_id': {word!r} counts as empty",
        f"row 10, column 'site': {word!r} counts as empty",
    )


def test_a_failed_formula_is_a_fault_in_every_column_that_is_used(chest: CohortSettings) -> None:
    for row, old, new in ((1, "MRN-0000,0", "MRN-0000,#REF!"), (2, "MRN-0000", "#value!"), (3, ",42,", ",#DIV/0!,")):
        edited(chest, row, old, new)
    with pytest.raises(TableError) as caught:
        gather(chest, salt="s")
    shown = "is what a spreadsheet shows where a formula failed; correct it, or empty it"
    assert caught.value.faults == (
        f"row 3, column 'patient_id': #value! {shown}",
        f"row 2, column 'malignant': #REF! {shown}",
    )


def test_labels_and_images_are_reported_together(chest: CohortSettings) -> None:
    edited(edited(chest, 2, "scan1.png", "lost.png"), 3, "MRN-0001,0", "MRN-0001,?")
    with pytest.raises(TableError) as caught:
        gather(replace(chest, target=("malignant",), kind="regression"), salt="s")
    assert len(caught.value.faults) == 2


def test_missing_and_misspelt_columns_are_named_with_the_nearest(chest: CohortSettings) -> None:
    with pytest.raises(TableError) as caught:
        gather(replace(chest, target=("malignnt",), patient="patient"), salt="s")
    assert len(caught.value.faults) == 2
    assert "did you mean malignant?" in str(caught.value)
    assert "did you mean patient_id?" in str(caught.value)


def test_a_table_without_target_lists_its_columns(chest: CohortSettings) -> None:
    with pytest.raises(InputError, match=r"--target\): file, patient_id, malignant"):
        gather(replace(chest, target=()), salt="s")


def test_several_regions_of_one_image_are_cases_of_their_own(chest: CohortSettings) -> None:
    edited(chest, 2, "scan1.png", "scan0.png")
    cohort = gather(replace(chest, centre=("x", "y", "z")), salt="s")
    assert [case.own_name for case in cohort.cases[:3]] == ["scan0.png#1", "scan0.png#2", "scan2.png"]
    assert [case.id for case in cohort.cases[:3]] == ["1", "2", "3"]
    assert cohort.cases[0].source == cohort.cases[1].source


def test_no_patient_is_an_error_that_says_how_to_give_it(chest: CohortSettings) -> None:
    with pytest.raises(InputError, match=r"--patient COLUMN.*--patient-from.*--unit image"):
        gather(replace(chest, patient=None), salt="s")


def test_unit_image_is_taken_on_the_users_word_and_said(chest: CohortSettings) -> None:
    cohort = gather(replace(chest, patient=None, unit="image"), salt="s")
    assert cohort.unit == "image"
    assert len(cohort.by_patient) == 12
    assert "RC003" in codes(cohort)


def test_the_patient_can_be_read_from_the_file_name(tmp_path: Path) -> None:
    for name in ("a/pat1_1.png", "a/pat2_1.png", "b/pat1_2.png", "b/other.png"):
        image(tmp_path / name)
    cohort = gather(CohortSettings(tmp_path, patient_from=r"pat\d+"), salt="s")
    assert [len(cases) for cases in cohort.by_patient.values()] == [2, 1, 1]
    assert "RC004" in codes(cohort)


def test_a_column_and_a_pattern_together_are_refused(chest: CohortSettings) -> None:
    with pytest.raises(SettingsError, match="not both"):
        gather(replace(chest, patient_from=r"\d+"), salt="s")


def test_columns_without_a_table_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "a" / "1.png")
    with pytest.raises(SettingsError, match=r"patient, site name columns of a table.*--labels"):
        gather(CohortSettings(tmp_path, patient="p", site="s"), salt="s")


def test_names_of_files_become_numbers_and_salted_marks(chest: CohortSettings) -> None:
    first, second = gather(chest, salt="a"), gather(chest, salt="b")
    assert [case.id for case in first.cases] == [str(number) for number in range(1, 13)]
    assert "RC007" not in codes(first)
    assert len({case.mark for case in first.cases}) == 12
    assert not {case.mark for case in first.cases} & {case.mark for case in second.cases}
    assert "scan3" not in repr(first.cases[3]).replace(str(first.cases[3].source.path), "")


def test_a_case_column_is_kept_unless_it_shows_the_patient(chest: CohortSettings) -> None:
    assert chest.labels is not None
    rows = [line.split(",") for line in chest.labels.read_text().splitlines()]
    rows = [["scan", *rows[0]], *([f"CT{i}", *row] for i, row in enumerate(rows[1:]))]
    chest.labels.write_text("\n".join(",".join(row) for row in rows))
    named = gather(replace(chest, case="scan", image="file"), salt="s")
    assert [case.id for case in named.cases[:2]] == ["CT0", "CT1"]
    rows[1][0] = f"{rows[1][rows[0].index('patient_id')]}-first"
    chest.labels.write_text("\n".join(",".join(row) for row in rows))
    hidden = gather(replace(chest, case="scan", image="file"), salt="s")
    assert [case.id for case in hidden.cases[:2]] == ["1", "2"]
    (found,) = [one for one in hidden.findings if one.code == "RC007"]
    assert found.sentence.startswith("1 of 12 case ids contain the patient's identifier")


def test_a_study_of_before_keeps_the_names_that_it_stored(chest: CohortSettings) -> None:
    cohort = gather(chest, salt="s")
    old = [f"scan{i}.png" for i in range(12)]
    assert [case.id for case in cohort.called_as(old).cases] == old
    assert cohort.called_as(["other"]) is cohort


def test_a_patient_at_two_sites_is_a_finding(chest: CohortSettings) -> None:
    edited(chest, 1, ",s0,", ",s1,")
    assert "RC021" in codes(gather(replace(chest, site="site"), salt="s"))


def test_cases_without_label_stay_and_are_counted(chest: CohortSettings) -> None:
    cohort = gather(edited(chest, 1, "MRN-0000,0", "MRN-0000,NA"), salt="s")
    assert np.isnan(cohort.targets()[0, 0])
    assert cohort.labelled().tolist() == [False] + [True] * 11
    (found,) = [f for f in cohort.findings if f.code == "RC010"]
    assert found.sentence.startswith("1 of 12 cases have no label")


def test_a_label_in_one_class_only_is_refused(chest: CohortSettings) -> None:
    with pytest.raises(InputError, match="at least two classes, got only '3'"):
        gather(replace(chest, target=("z",)), salt="s")


def test_numbers_make_a_regression_and_several_columns_a_multilabel_target(chest: CohortSettings) -> None:
    assert chest.labels is not None
    assert gather(replace(chest, target=("x",)), salt="s").target.kind == "regression"
    chest.labels.write_text(chest.labels.read_text().replace(",m\n", ",yes\n").replace(",f\n", ",no\n"))
    several = gather(replace(chest, target=("malignant", "sex")), salt="s")
    assert several.target.kind == "multilabel"
    assert several.cases[0].targets == (0.0, 1.0)


def test_nothing_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        gather(CohortSettings(tmp_path / "nowhere"), salt="s")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is an empty folder"):
        gather(CohortSettings(tmp_path / "empty"), salt="s")


def test_a_damaged_first_image_is_refused_by_name(chest: CohortSettings) -> None:
    (chest.path / "scan0.png").write_bytes((chest.path / "scan0.png").read_bytes()[:40])
    with pytest.raises(ReadError, match=r"scan0\.png"):
        gather(chest, salt="s")


def medmnist(path: Path, labels: np.ndarray, shape: tuple[int, ...] = (4, 4)) -> Path:
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = np.zeros((len(labels), *shape), np.uint8)
        arrays[f"{part}_labels"] = labels
    np.savez(path, **arrays)
    return path


def test_an_npz_file_keeps_its_official_split_and_says_that_it_knows_no_patients(tmp_path: Path) -> None:
    cohort = gather(CohortSettings(medmnist(tmp_path / "x.npz", np.array([[0], [1], [1]]))), salt="s")
    assert len(cohort) == 9
    assert cohort.unit == "image"
    assert cohort.target.classes == ("0", "1")
    assert [case.side for case in cohort.cases] == ["training"] * 3 + ["tuning"] * 3 + ["test"] * 3
    assert cohort.cases[4].id == "val/1"
    assert {"RC001", "RC002"} <= set(codes(cohort))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (np.array([[0, 1], [1, 0], [1, 1]]), "multilabel"),
        (np.array([[0], [1], [2]]), "multiclass"),
        (np.array([[0.5], [1], [2]]), "regression"),
        (np.array([0, 1, 1], np.uint8), "binary"),
    ],
)
def test_labels_of_an_npz_file_say_the_kind_of_target(tmp_path: Path, labels: np.ndarray, kind: str) -> None:
    assert gather(CohortSettings(medmnist(tmp_path / "x.npz", labels)), salt="s").target.kind == kind


@pytest.mark.parametrize("columns", [1, 2])
def test_infinite_labels_of_an_npz_file_are_refused_and_nan_is_not_labelled(tmp_path: Path, columns: int) -> None:
    labels = np.repeat(np.array([[0.0], [1.0], [1.0], [np.nan]]), columns, axis=1)
    assert gather(CohortSettings(medmnist(tmp_path / "x.npz", labels)), salt="s").labelled().sum() == 9
    labels[1, -1] = np.inf
    with pytest.raises(ReadError, match=r"the labels of x\.npz hold 3 infinite values; write NaN for no label"):
        gather(CohortSettings(medmnist(tmp_path / "x.npz", labels)), salt="s")


def test_volumes_in_an_npz_file_have_rank_3(tmp_path: Path) -> None:
    path = medmnist(tmp_path / "x.npz", np.array([[0], [1]]), shape=(4, 4, 4))
    assert gather(CohortSettings(path), salt="s").rank == 3


def test_one_class_in_an_npz_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least two classes"):
        gather(CohortSettings(medmnist(tmp_path / "x.npz", np.array([[1], [1]]))), salt="s")


def test_the_radiographs_are_gathered_by_their_names(real_data: Path) -> None:
    cohort = gather(CohortSettings(real_data / "chest_xray", patient_from=r"person\d+"), salt="s")
    assert len(cohort) == 5216
    assert cohort.target.classes == ("NORMAL", "PNEUMONIA")
    assert int(cohort.targets().sum()) == 3875
    (found,) = [f for f in cohort.findings if f.code == "RC004"]
    assert found.sentence == (r"1341 of 5216 file names do not match 'person\d+'; each counts as a patient of its own")
    people = {name.name.split("_")[0] for name in (real_data / "chest_xray" / "PNEUMONIA").iterdir()}
    assert len(cohort.by_patient) == 1341 + len(people)


def radiograph(path: Path, patient: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    found = Dataset()
    found.file_meta = meta
    found.SOPClassUID, found.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    found.SeriesInstanceUID = generate_uid(entropy_srcs=["series", str(path)])
    found.PatientID, found.Modality, found.PhotometricInterpretation = patient, "CR", "MONOCHROME2"
    found.Rows, found.Columns, found.SamplesPerPixel, found.PixelRepresentation = 4, 4, 1, 0
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 12, 11
    found.PixelData = bytes(32)
    found.save_as(path, enforce_file_format=True)


def test_patients_of_dicom_files_are_read_from_their_headers(tmp_path: Path) -> None:
    for name, patient in (("a/1", "ANN"), ("a/2", "BOB"), ("b/1", "ANN"), ("b/2", "CY")):
        radiograph(tmp_path / f"{name}.dcm", patient)
    cohort = gather(CohortSettings(tmp_path), salt="s")
    assert [len(cases) for cases in cohort.by_patient.values()] == [2, 1, 1]
    assert "RC006" in codes(cohort)
    assert "ANN" not in repr(cohort)


def test_images_without_ending_are_dicom_only_if_they_begin_so(tmp_path: Path) -> None:
    for name in ("a/1", "a/2", "b/1.2", "b/2"):
        image(tmp_path / "png" / f"{name}.png")
        (tmp_path / "png" / f"{name}.png").rename(tmp_path / "png" / name)
        radiograph(tmp_path / "dicom" / name, f"ANN {name}")
    with pytest.raises(InputError, match=r"nothing says whose image is whose.*--patient-from"):
        gather(CohortSettings(tmp_path / "png"), salt="s")
    assert gather(CohortSettings(tmp_path / "png", unit="image"), salt="s").rank == 2
    assert "RC006" in codes(gather(CohortSettings(tmp_path / "dicom"), salt="s"))


def test_dicom_files_without_patient_are_refused_with_the_way_out(tmp_path: Path) -> None:
    for name, patient in (("a/1", "ANN"), ("b/1", "")):
        radiograph(tmp_path / f"{name}.dcm", patient)
    with pytest.raises(InputError, match=r"1 of 2 DICOM cases have no PatientID.*--unit image"):
        gather(CohortSettings(tmp_path), salt="s")


def test_a_series_is_one_case_and_its_lesions_are_regions_of_it(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "scans" / "one").mkdir(parents=True)
    for path in (real_data / "ct_series").iterdir():
        (tmp_path / "scans" / "one" / path.name).symlink_to(path)
    (tmp_path / "lesions.csv").write_text("scan,who,x,y,z,malignant\none,a,1,2,3,0\none,a,4,5,6,1\n")
    settings = CohortSettings(
        tmp_path / "scans",
        labels=tmp_path / "lesions.csv",
        target=("malignant",),
        patient="who",
        centre=("x", "y", "z"),
    )
    cohort = gather(settings, salt="s")
    assert [case.own_name for case in cohort.cases] == ["one#1", "one#2"]
    assert len(cohort.by_patient) == 1
    assert cohort.rank == 3
