"""`predict`: a bundle alone is enough, for every form in which a new image may come."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import refused, spoken, told
from finished_studies import Finish
from written_dicom import write_stack
from written_studies import blob, save_png, write_npz


def test_a_bundle_alone_predicts_like_the_run_it_came_from(finished: Finish, tmp_path: Path) -> None:
    done = finished("folder per class")
    bundle = shutil.copytree(done.run / "bundle", tmp_path / "elsewhere")
    image = save_png(tmp_path / "new.png", blob(True, "new"))
    alone = told("predict", bundle, image, "--json").json
    assert alone == told("predict", done.run, image, "--json").json == told("predict", done.study, image, "--json").json
    (one,) = alone
    assert one["image"] == "new.png"
    assert set(one["scores"]) == {"sick"}
    assert set(one["called"]) == {"class: youden", "class: sensitivity>=0.95", "class: specificity>=0.95"}


def test_predictions_of_known_images_are_those_of_the_evaluation(finished: Finish) -> None:
    done = finished("table")
    with (done.run / "predictions-test.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    (score,) = [column for column, name in enumerate(lines[0]) if name.startswith("score:")]
    by_name = {one.image: one.scores["1"] for one in radcnn.predict(done.run, done.data)}
    assert len(by_name) == 56, "a folder: every image in it"
    named = told("names", done.study, "--json").json
    for line in lines[1:]:
        assert by_name[named[line[0]]] == pytest.approx(float(line[score]), abs=1e-6)


def test_out_writes_them_as_json(finished: Finish, tmp_path: Path) -> None:
    save_png(tmp_path / "two" / "b.png", blob(False, "b"))
    save_png(tmp_path / "two" / "a.png", blob(True, "a"))
    told("predict", finished("table").run, tmp_path / "two", "--out", tmp_path / "made" / "found.json")
    found = json.loads((tmp_path / "made" / "found.json").read_text())
    assert found["research_use_only"] is True
    assert [one["image"] for one in found["predictions"]] == ["a.png", "b.png"]


def test_out_writes_a_table_or_json_by_its_ending_and_nothing_else(finished: Finish, tmp_path: Path) -> None:
    image, run = save_png(tmp_path / "a, b.png", blob(True, "a")), finished("table").run
    told("predict", run, image, "--out", tmp_path / "p.CSV")
    with (tmp_path / "p.CSV").open(newline="") as file:
        (row,) = csv.DictReader(file)
    (one,) = radcnn.predict(run, image)
    assert (row["image"], row["synthetic"], row["x_mm"]) == ("a, b.png", "0", "")
    assert float(row["score: 1"]) == one.scores["1"]
    assert row["called at malignant: youden"] == str(int(one.called["malignant: youden"]))
    assert "as .csv or .json, got p.xlsx" in refused("predict", tmp_path / "absent", image, "--out", "p.xlsx")


def test_an_image_that_does_not_fit_the_network_is_told_by_its_name_with_what_to_give(
    finished: Finish, tmp_path: Path
) -> None:
    image = save_png(tmp_path / "flat.png", blob(True, "flat"))
    sentence = refused("predict", finished("nifti").run, image)
    assert sentence.startswith("flat.png: this network reads volumes")
    assert "give a DICOM series or a NIfTI volume" in sentence
    volume = finished("nifti").data / "ct00.nii.gz"
    assert "ct00.nii.gz: this network reads 2D images" in refused("predict", finished("table").run, volume)
    assert "leave --centre out" in refused("predict", finished("table").run, image, "--centre", "1", "2", "3")


def test_an_npz_file_is_told_which_array(finished: Finish, tmp_path: Path) -> None:
    data, run = write_npz(tmp_path / "new.npz", cases=(2, 3, 4)), finished("npz").run
    assert "--array" in refused("predict", run, data)
    assert "has no array 'tset_images'" in refused("predict", run, data, "--array", "tset_images")
    found = told("predict", run, data, "--array", "val_images", "--json").json
    assert [one["image"] for one in found] == ["val_images/0", "val_images/1", "val_images/2"]


def test_the_next_command_and_the_card_ask_for_the_centre_of_a_region_only(finished: Finish) -> None:
    run = finished("dicom regions").run
    assert told("report", run).next == f"radcnn predict {run} IMAGE --centre X Y Z"
    card = (run / "bundle" / "README.md").read_text()
    assert "    radcnn predict BUNDLE IMAGE_OR_FOLDER --centre X Y Z\n" in card
    assert "--centre" not in told("report", finished("table").run).next


def test_a_region_of_a_dicom_series_is_found_by_its_centre(finished: Finish, tmp_path: Path) -> None:
    run = finished("dicom regions").run
    stored = np.zeros((6, 16, 16), np.int16)
    stored[2:5, 3:8, 9:14] = 1000
    series = write_stack(tmp_path / "ct", stored, first_mm=(100.0, -40.0, 7.0), steps_mm=1.0, spacing=(1.0, 1.0))
    assert "give the centre" in refused("predict", run, series)
    (one,) = told("predict", run, series, "--centre", "111", "-35", "10", "--json").json
    assert one["centre_mm"] == [111.0, -35.0, 10.0]
    assert one["image"] == "ct"
    assert "centre" in refused("predict", run, series, "--centre", "500", "0", "0")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("workbook, several classes", {"high", "low", "middle"}),
        ("regression", {"size_mm"}),
        ("several labels", {"effusion", "nodule"}),
    ],
)
def test_scores_carry_the_names_of_the_target(finished: Finish, tmp_path: Path, kind: str, names: set[str]) -> None:
    image = save_png(tmp_path / "new.png", blob(True, "new"))
    said = told("predict", finished(kind).run, image)
    assert said.out.splitlines()[-1] == "research use only: not a medical device"
    (one,) = radcnn.predict(finished(kind).run, image)
    assert set(one.scores) == names
    if kind == "workbook, several classes":
        assert sum(one.scores.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["bundle.json", "weights-0.safetensors", "README.md", "SHA256SUMS"])
def test_a_flipped_byte_anywhere_in_a_bundle_is_refused(finished: Finish, tmp_path: Path, name: str) -> None:
    bundle = shutil.copytree(finished("table").run / "bundle", tmp_path / "bundle")
    image = save_png(tmp_path / "new.png", blob(True, "new"))
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    sentence = refused("predict", bundle, image)
    assert "bundle" in sentence
    assert "copy the whole folder" in sentence
    assert "changed" in sentence or "missing" in sentence


def test_what_is_no_image_no_run_or_not_there_is_refused(finished: Finish, tmp_path: Path) -> None:
    image, run = save_png(tmp_path / "new.png", blob(True, "new")), finished("table").run
    assert "does not exist" in refused("predict", run, tmp_path / "absent.png")
    assert "is not a run" in refused("predict", tmp_path, image)
    assert "does not exist" in refused("predict", tmp_path / "absent", image)
    assert "no npz file" in refused("predict", run, image, "--array", "images")
    (tmp_path / "text.dcm").write_text("hello")
    assert "holds text" in refused("predict", run, tmp_path / "text.dcm")
    volume = finished("nifti").data / "ct00.nii.gz"
    assert "2D" in refused("predict", run, volume, "--out", tmp_path / "found.json")
    assert not (tmp_path / "found.json").exists()


def test_one_of_several_images_that_cannot_be_used_costs_the_others_nothing(finished: Finish, tmp_path: Path) -> None:
    """A folder of scores was lost to a single broken file."""
    folder, run = tmp_path / "new", finished("table").run
    save_png(folder / "a.png", blob(True, "a"))
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:60])
    save_png(folder / "c.png", blob(False, "c"))
    said = spoken("predict", run, folder, "--out", tmp_path / "found.csv")
    assert said.code == 1
    assert "b.png: FAILED: " in said.out
    with (tmp_path / "found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a.png", "b.png", "c.png"]
    assert [row["score: 1"] == "" for row in rows] == [False, True, False]
    assert [row["failed"] == "" for row in rows] == [True, False, True]
    told_as_json = spoken("predict", run, folder, "--out", tmp_path / "found.json", "--json")
    assert [set(one) >= {"failed"} for one in json.loads(told_as_json.out)] == [False, True, False]
    (folder / "a.png").unlink()
    (folder / "c.png").write_bytes(b"no picture")
    assert "none of 2 images could be used; of the first: " in refused("predict", run, folder)
