"""Whatever is wrong with the input: exit code 2, one sentence with cause and way out, and nothing half-written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from cli_in_process import QUICK, refused, spoken, told, tree
from written_studies import (
    Row,
    blob,
    class_folders,
    rows_of_images,
    save_png,
    write_csv,
    write_dicom_nodules,
    write_nifti,
    write_npz,
)

PATIENT = ("--patient", "patient_id")
MALIGNANT = (*PATIENT, "--target", "malignant")
Spoil = Callable[[list[Row]], list[Row]]


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, list[Row]]:
    """A folder of images and the rows of its table."""
    return tmp_path / "images", rows_of_images(tmp_path / "images", patients=24, images=1)


def refused_run(folder: Path, data: Path, *options: str | Path) -> str:
    """Refuse `radcnn run` and compare the folder before and after."""
    before = tree(folder)
    sentence = refused("run", data, "--out", folder / "study", *options, *QUICK)
    assert tree(folder) == before, "something was left behind"
    return sentence


def twice(rows: list[Row]) -> list[Row]:
    return [*rows, rows[0]]


def one_id(rows: list[Row]) -> list[Row]:
    return [{**row, "id": "same" if i in (3, 7) else f"c{i}"} for i, row in enumerate(rows)]


def fixed_split(rows: list[Row]) -> list[Row]:
    sides = ("train", "val", "test")
    return [{**row, "patient_id": f"MRN-{i // 2}", "side": sides[i % 3]} for i, row in enumerate(rows)]


def gaps(rows: list[Row]) -> list[Row]:
    return [{**row, "patient_id": "" if i == 4 else row["patient_id"]} for i, row in enumerate(rows)]


BAD_TABLES: dict[str, tuple[Spoil, tuple[str, ...], tuple[str, ...]]] = {
    "no target": (list, PATIENT, ("--target", "malignant, grade")),
    "unknown column": (list, (*PATIENT, "--target", "malignnt"), ("'malignnt'", "did you mean malignant?")),
    "missing patient column": (
        lambda rows: [{k: v for k, v in row.items() if k != "patient_id"} for row in rows],
        MALIGNANT,
        ("no column 'patient_id'",),
    ),
    "patient unknown": (list, ("--target", "malignant"), ("--patient COLUMN", "--patient-from", "--unit image")),
    "empty patient": (gaps, MALIGNANT, ("row 6", "'patient_id'", "empty")),
    "one class": (
        lambda rows: [{**row, "malignant": 1} for row in rows],
        MALIGNANT,
        ("at least two classes", "only '1'", "choose another target"),
    ),
    "patient on two sides": (fixed_split, (*MALIGNANT, "--split", "side"), ("on two sides", "correct the split")),
    "duplicate case id": (one_id, (*MALIGNANT, "--case", "id"), ("row 9", "'id'", "row 5")),
    "the same image twice": (twice, MALIGNANT, ("row 26", "row 2", "--case")),
    "image not there": (
        lambda rows: [{**row, "image": "gone.png"} if i == 2 else row for i, row in enumerate(rows)],
        MALIGNANT,
        ("row 4", "'gone.png'", "not found"),
    ),
    "3 cases": (lambda rows: rows[:3], MALIGNANT, ("only 2 patients of class '0'", "at least 6", "add cases")),
    "a site that is not there": (list, (*MALIGNANT, "--site", "hospital", "--leave-site", "west"), ("'west'", "known")),
    "a site without its column": (list, (*MALIGNANT, "--leave-site", "north"), ("leave_site", "give --site COLUMN")),
    "a positive class that is not there": (list, (*MALIGNANT, "--positive", "yes"), ("'yes'",)),
    "the patient as a subgroup": (list, (*MALIGNANT, "--subgroup", "patient_id"), ("names the patient", "another col")),
    "the patient as a site": (list, (*MALIGNANT, "--site", "patient_id"), ("names the patient", "another column")),
    "the patient as a split": (list, (*MALIGNANT, "--split", "patient_id"), ("names the patient", "another column")),
    "the patient as a centre": (
        list,
        (*MALIGNANT, "--centre", "patient_id", "size_mm", "size_mm"),
        ("names the patient", "another column"),
    ),
    "a regression of words": (list, (*PATIENT, "--target", "grade", "--kind", "regression"), ("row 2", "'grade'")),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused(tmp_path: Path, images: tuple[Path, list[Row]], name: str) -> None:
    spoil, options, words = BAD_TABLES[name]
    labels = write_csv(tmp_path / "labels.csv", spoil(images[1]))
    sentence = refused_run(tmp_path, images[0], "--labels", labels, *options)
    for word in words:
        assert word in sentence


def test_no_message_repeats_a_patient(tmp_path: Path, images: tuple[Path, list[Row]]) -> None:
    for spoil, options, _ in BAD_TABLES.values():
        labels = write_csv(tmp_path / "labels.csv", spoil(images[1]))
        assert "MRN-" not in refused("new", images[0], "--out", tmp_path / "study", "--labels", labels, *options)


@pytest.mark.parametrize("case", [0, 5, 7, 9, 12, 19])
def test_a_truncated_image_on_any_side_is_refused(tmp_path: Path, images: tuple[Path, list[Row]], case: int) -> None:
    folder, rows = images
    labels = write_csv(tmp_path / "labels.csv", rows)
    file = folder / rows[case]["image"]
    file.write_bytes(file.read_bytes()[:100])
    sentence = refused_run(tmp_path, folder, "--labels", labels, *MALIGNANT)
    assert file.name in sentence
    assert "damaged or truncated" in sentence


def test_text_renamed_dcm_is_refused_as_an_image_and_within_a_series(tmp_path: Path) -> None:
    rows = write_dicom_nodules(tmp_path / "ct")
    labels = write_csv(tmp_path / "labels.csv", rows)
    options = ("--labels", labels, *MALIGNANT, "--image", "series", "--case", "nodule")
    for series in ("series01", "series11"):
        file = tmp_path / "ct" / series / "002.dcm"
        intact = file.read_bytes()
        file.write_text("no DICOM at all\n")
        sentence = refused_run(tmp_path, tmp_path / "ct", *options, "--centre", "x_mm", "y_mm", "z_mm")
        assert "002.dcm is named like a DICOM file but holds text" in sentence
        file.write_bytes(intact)
    for number in range(24):
        (tmp_path / "single").mkdir(exist_ok=True)
        (tmp_path / "single" / f"{number}.dcm").write_text("no DICOM at all\n")
    numbered = [{"image": f"{i}.dcm", "patient_id": i, "malignant": i % 2} for i in range(24)]
    labels = write_csv(tmp_path / "single.csv", numbered)
    assert "holds text" in refused_run(tmp_path, tmp_path / "single", "--labels", labels, *MALIGNANT)


def holed(image: np.ndarray) -> np.ndarray:
    image = image.astype(np.float32)
    image[3, 3] = np.nan
    return image


@pytest.mark.parametrize("side", ["train", "val", "test"])
def test_a_nan_in_an_npz_is_refused_on_any_side(tmp_path: Path, side: str) -> None:
    file = write_npz(tmp_path / "set.npz")
    arrays = {name: array.astype(np.float32) for name, array in np.load(file).items()}
    arrays[f"{side}_images"][4] = holed(arrays[f"{side}_images"][4])
    np.savez(file, **arrays)
    sentence = refused_run(tmp_path, file)
    assert f"item 4 of {side}_images in set.npz holds 1 NaN voxel" in sentence
    assert "leave the case out" in sentence


def test_a_nan_in_a_tiff_or_a_nifti_file_is_refused(tmp_path: Path, images: tuple[Path, list[Row]]) -> None:
    folder, rows = images
    (folder / rows[5]["image"]).unlink()
    Image.fromarray(holed(blob(True, "hole"))).save(folder / "hole.tif")
    rows[5]["image"] = "hole.tif"
    labels = write_csv(tmp_path / "labels.csv", rows)
    assert "hole.tif holds 1 NaN voxel" in refused_run(tmp_path, folder, "--labels", labels, *MALIGNANT)
    rows = write_nifti(tmp_path / "ct")
    voxels = holed(blob(True, "hole", shape=(12, 12, 12)))
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "ct" / rows[9]["image"])
    labels = write_csv(tmp_path / "ct.csv", rows)
    assert "ct09.nii.gz holds 12 NaN voxels" in refused_run(tmp_path, tmp_path / "ct", "--labels", labels, *MALIGNANT)


def test_2d_and_3d_images_do_not_mix(tmp_path: Path) -> None:
    rows = write_nifti(tmp_path / "ct")
    (tmp_path / "ct" / rows[8]["image"]).unlink()
    rows[8]["image"] = save_png(tmp_path / "ct" / "flat.png", blob(True, "flat")).name
    labels = write_csv(tmp_path / "labels.csv", rows)
    sentence = refused_run(tmp_path, tmp_path / "ct", "--labels", labels, *MALIGNANT)
    for word in ("all 2D or all 3D", "flat.png", "make them alike"):
        assert word in sentence


@pytest.mark.parametrize("side", ["train", "val", "test"])
def test_three_cases_of_an_npz_and_one_class_are_refused(tmp_path: Path, side: str) -> None:
    few = write_npz(tmp_path / "few.npz", cases=(1, 1, 1))
    assert "at least two classes" in refused_run(tmp_path, few)
    file = write_npz(tmp_path / "set.npz")
    arrays = dict(np.load(file))
    arrays["train_labels"][:] = 0
    np.savez(file, **arrays)
    assert "only '0' on the training side" in refused_run(tmp_path, file)


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "is an empty folder" in refused_run(tmp_path, tmp_path / "empty", "--unit", "image")
    (tmp_path / "empty" / "notes.txt").write_text("x")
    assert "no folder per class" in refused_run(tmp_path, tmp_path / "empty", "--unit", "image")
    data = class_folders(tmp_path / "chest", patients=1)
    (data / "other").mkdir()
    assert "holds no image" in refused_run(tmp_path, data, "--unit", "image")
    (data / "other").rmdir()
    assert "--unit image" in refused_run(tmp_path, data)
    assert "matches none" in refused_run(tmp_path, data, "--patient-from", r"patient\d+")
    assert "not a regular expression" in refused_run(tmp_path, data, "--patient-from", "(")
    save_png(data / "loose.png", blob(True, "loose"))
    assert "1 image beside its class folders" in refused_run(tmp_path, data, "--unit", "image")
    assert "does not exist" in refused_run(tmp_path, tmp_path / "absent")


BAD_OPTIONS: dict[tuple[str, ...], str] = {
    ("--set", "training.epoch=3"): "did you mean epochs?",
    ("--set", "trainin.epochs=3"): "did you mean training?",
    ("--set", "training.epochs=ten"): "epochs of training must be a whole number, got 'ten'",
    ("--set", "training.epochs=2.5"): "must be a whole number, got 2.5",
    ("--set", "training.epochs=0"): "epochs of training must be at least 1",
    ("--set", "training.batch=0"): "batch of training must be at least 1",
    ("--set", "training.folds=1"): "folds of training must be 0 (none) or 2 to 20, got 1",
    ("--set", "training.folds=many"): "must be a whole number",
    ("--set", "training.members=0"): "members of training must be at least 1",
    ("--set", "training.learning_rate=-1"): "learning_rate of training must be positive",
    ("--set", "training.optimizer=adamm"): "did you mean adam",
    ("--set", "training.schedule=cosin"): "did you mean cosine?",
    ("--set", "training.label_smoothing=1"): "below 1",
    ("--set", "training.epochs"): "--set needs name=value",
    ("--set", "training.epochs=["): "not readable",
    ("--set", "training=3"): "names with values",
    ("--set", "task.last_layer=softmax"): "softmax with binary cross-entropy does not fit a binary target: one yes/no "
    "question; use sigmoid with binary cross-entropy",
    ("--set", "task.loss=mean squared error"): "sigmoid with mean squared error does not fit a binary target",
    ("--set", "task.lastlayer=sigmoid"): "did you mean last_layer?",
    ("--set", "task.scale=[[0, 1]]"): "task has no setting 'scale'",
    ("--set", "data=x"): "argument",
    ("--set", "network.options.kernls=[4]"): "did you mean kernels?",
    ("--set", "network.options.kernels=[0]"): "at least 1",
    ("--set", "preparation.size=[1, 1]"): "larger image",
    ("--set", "augmentation.transforms=[rotat]"): "did you mean rotate?",
    ("--set", "operating_points=[yoden]"): "did you mean youden?",
    ("--set", "prevalences=[2]"): "between 0 and 1",
    ("--set", "resamples=50"): "at least 100",
    ("--set", "fractions=[0.9, 0.2, 0.1]"): "sum to 1",
    ("--network", "resnet81"): "did you mean resnet18?",
    ("--minutes", "0"): "minutes must be positive",
    ("--region-mm", "30"): "--centre",
    ("--unit", "pixels"): "patient, image",
    ("--kind", "binry"): "did you mean binary?",
    ("--positive", "7"): "'7'",
    ("--patient", "column"): "--labels",
}


@pytest.mark.parametrize("options", BAD_OPTIONS, ids=" ".join)
def test_a_bad_option_is_refused_before_anything_is_trained(tmp_path: Path, options: tuple[str, ...]) -> None:
    data = write_npz(tmp_path / "set.npz", cases=(8, 6, 6))
    before = tree(tmp_path)
    sentence = refused("run", data, "--out", tmp_path / "study", *QUICK, *options)
    assert BAD_OPTIONS[options] in sentence
    assert tree(tmp_path) == before


def test_an_unknown_option_or_verb_is_answered_with_the_nearest() -> None:
    for words, nearest in ((("run", "x", "--minuts", "3"), "--minutes"), (("trian", "x"), "train")):
        said = spoken(*words)
        assert said.code == 2
        assert nearest in said.err


def test_an_unknown_key_or_a_wrong_value_in_study_yaml_is_refused(tmp_path: Path) -> None:
    data, study = write_npz(tmp_path / "set.npz", cases=(8, 6, 6)), tmp_path / "study"
    told("new", data, "--out", study, *QUICK)
    text = (study / "study.yaml").read_text(encoding="utf-8")
    for line, words in {
        "trainig: {epochs: 3}": "did you mean training?",
        "minutes: soon": "minutes of the study must be a finite number",
        "- a list": "not readable YAML",
        "minutes: [": "not readable YAML",
    }.items():
        (study / "study.yaml").write_text(f"{text}\n{line}\n", encoding="utf-8")
        for verb in ("check", "train"):
            before = tree(tmp_path)
            assert words in refused(verb, study)
            assert tree(tmp_path) == before


def test_a_study_that_exists_is_not_written_over(tmp_path: Path) -> None:
    data, study = write_npz(tmp_path / "set.npz", cases=(8, 6, 6)), tmp_path / "study"
    told("new", data, "--out", study, *QUICK)
    before = tree(tmp_path)
    assert "exists already" in refused("new", data, "--out", study)
    other = write_npz(tmp_path / "other.npz", cases=(8, 6, 6))
    before = tree(tmp_path)
    assert "a study of other data" in refused("run", other, "--out", study, *QUICK)
    assert "exists already" in refused("run", data, "--out", other, *QUICK)
    assert tree(tmp_path) == before


def test_data_that_changed_after_the_split_are_refused(tmp_path: Path) -> None:
    data, study = class_folders(tmp_path / "chest"), tmp_path / "study"
    told("new", data, "--out", study, "--patient-from", r"person\d+", *QUICK)
    save_png(data / "sick" / "person999_0.png", blob(True, "late"))
    before = tree(tmp_path)
    for words in (("train", study), ("check", study), ("run", data, "--out", study, "--patient-from", r"person\d+")):
        sentence = refused(*words)
        assert "1 case came and 0 went" in sentence
        assert "make a new study" in sentence
    assert tree(tmp_path) == before


def test_data_that_moved_are_corrected_in_study_yaml(tmp_path: Path) -> None:
    rows = rows_of_images(tmp_path / "images", patients=24, images=1)
    labels, study = write_csv(tmp_path / "labels.csv", rows), tmp_path / "study"
    told("new", tmp_path / "images", "--out", study, "--labels", labels, *MALIGNANT, *QUICK)
    for path, name in ((tmp_path / "images", "data"), (labels, "labels")):
        moved = path.rename(tmp_path / "elsewhere")
        for verb in ("train", "check"):
            sentence = refused(verb, study)
            assert f"{path} does not exist any more; correct the line `{name}:` in {study / 'study.yaml'}" in sentence
        moved.rename(path)


def test_a_damaged_file_of_the_study_is_refused(tmp_path: Path) -> None:
    data, study = write_npz(tmp_path / "set.npz", cases=(8, 6, 6)), tmp_path / "study"
    told("run", data, "--out", study, *QUICK)
    run = study / "runs" / "run-001"
    readers = [
        (study / "fingerprint.json", ("train", study)),
        (study / "split.json", ("train", study)),
        (study / "ledger.jsonl", ("evaluate", study, "--open-test")),
        (run / "plan.json", ("evaluate", run)),
        (run / "judgement-test.json", ("report", run)),
        (run / "predictions-tuning.csv", ("evaluate", run)),
        (run / "bundle" / "bundle.json", ("evaluate", run)),
        (run / "checkpoints" / "network-0" / "checkpoint.json", ("train", run, "--resume")),
        (run / "run.json", ("report", run)),
        (run / "run.json", ("train", run, "--resume")),
        (run / "./run.json", ("train", run, "--resume")),
    ]
    for file, words in readers:
        intact = file.read_bytes()
        for damage in (b"{}\n", intact[: len(intact) // 2], b"\xff\x00" * 9, b"[]\n", b""):
            file.write_bytes(damage)
            before = tree(tmp_path)
            try:
                assert refused(*words)
            except Exception as cause:
                raise AssertionError(f"{damage[:20]!r} in {file.name}: {cause!r}") from cause
            assert tree(tmp_path) == before
        file.write_bytes(intact)


def test_what_cannot_be_resumed_evaluated_or_reported_says_what_to_do_first(tmp_path: Path) -> None:
    data, study = write_npz(tmp_path / "set.npz", cases=(8, 6, 6)), tmp_path / "study"
    assert "does not exist" in refused("train", tmp_path / "absent")
    assert "does not exist" in refused("evaluate", tmp_path / "absent")
    told("new", data, "--out", study, *QUICK)
    before = tree(tmp_path)
    assert "radcnn train" in refused("evaluate", study)
    assert "has no run yet" in refused("train", study, "--resume")
    assert tree(tmp_path) == before
    told("train", study)
    before = tree(tmp_path)
    assert "leave the options out" in refused("train", study, "--resume", "--seed", "3")
    assert "radcnn evaluate" in refused("report", study)
    assert "is not a study" in refused("train", data.parent)
    shutil.rmtree(study / "runs" / "run-001" / "bundle")
    assert "--resume" in refused("evaluate", study)
