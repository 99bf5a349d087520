"""A run is stressed by shifts of acquisition and asked for its doubts: what is written, told and refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import radcnn
from cli_in_process import refused, told, torch_threads, tree
from finished_studies import Finish
from radcnn.core.chance import generator
from radcnn.data.ledger import openings
from radcnn.study.stressing.stress import Stressed
from written_studies import save_png

FEW = ("--severity", "1", "--severity", "5")


def copy_of(finished: Finish, kind: str, folder: Path) -> Path:
    """A finished run that a test may add to."""
    return shutil.copytree(finished(kind).study, folder / "study") / "runs" / "run-001"


def stressed(run: Path, **options: Any) -> Stressed:
    with torch_threads(1):
        return radcnn.stress(run, **options)


def words_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split())


def test_shifts_and_doubts_are_found_alike_by_verb_and_call_and_told(finished: Finish, tmp_path: Path) -> None:
    run = copy_of(finished, "npz", tmp_path)
    asked = ("--shift", "xr_exposure", "--shift", "spacing", *FEW)
    limits = ("--limit", "balanced_accuracy=0.6", "--limit", "auc=-0.2")
    said = told("stress", run, "--parts", "shifts,doubts", *asked, *limits, "--json").json
    called = stressed(
        run, parts=["shifts", "doubts"], shift=["xr_exposure", "spacing"], severity=[5, 1],
        limit=["balanced_accuracy=0.6", "auc=-0.2"],
    )  # fmt: skip
    assert json.loads(json.dumps(called.as_json())) == said
    assert Stressed.from_json(said).as_json() == said
    curves = said["parts"]["shifts"]["curves"]
    assert [one["shift"] for one in curves] == ["xr_exposure", "spacing"]
    for one in curves:
        assert [point["severity"] for point in one["points"]] == [0, 1, 5]
        distances = [point["distance"]["value"] for point in one["points"][1:]]
        assert 0 < distances[0] < distances[1]
        assert len(one["broken"]) == 2
    judged = radcnn.evaluate(run).questions[0].figures["auc"].value
    assert curves[0]["points"][0]["figures"]["auc"]["value"] == pytest.approx(judged)
    files = {path.name for path in (run / "stress").iterdir()}
    assert {"shifts-tuning.json", "doubts-tuning-sets.csv", "shifts-tuning-spacing-5.png"} <= files
    told("report", run)
    page = words_of(run / "report.html")
    assert "Shifts of acquisition" in page
    assert "doubts are worth" in page
    assert "balanced accuracy is at least 0.6" in page


def test_nodules_of_a_ct_are_shifted_in_hu_about_their_places(finished: Finish, tmp_path: Path) -> None:
    run = copy_of(finished, "dicom regions", tmp_path)
    said = told("stress", run, "--parts", "shifts", *FEW, "--json").json["parts"]["shifts"]
    curves = {one["shift"]: one for one in said["curves"]}
    assert said["units"] == "HU"
    assert "too little soft tissue" in curves["ct_dose"]["because"]
    assert curves["ct_noise"]["points"]  # in its place
    offset = curves["ct_offset"]["points"][-1]
    assert offset["amount"] == "+80 HU"
    assert offset["distance"]["value"] == pytest.approx(80, abs=1)
    assert curves["ct_metal"]["points"][-1]["distance"]["value"] > 100
    assert "SECRET" not in (run / "stress" / "shifts-tuning.json").read_text(encoding="utf-8")


def test_the_test_set_is_opened_only_when_asked_and_foreign_images_are_told_apart(
    finished: Finish, tmp_path: Path
) -> None:
    run = copy_of(finished, "npz", tmp_path)
    ledger = run.parent.parent / "ledger.jsonl"
    before = len(openings(ledger))
    for number in range(12):
        save_png(tmp_path / "foreign" / f"{number}.png", generator(1, number).integers(200, 256, (20, 20), np.uint8))
    save_png(tmp_path / "foreign" / "broken.png", np.zeros((4, 4), np.uint8)).write_bytes(b"\x89PNG\r\n\x1a\nno")
    options = ("--shift", "spacing", "--severity", "5", "--foreign", tmp_path / "foreign")
    told("stress", run, "--parts", "doubts", "--shift", "spacing", "--severity", "5")
    assert len(openings(ledger)) == before
    said = told("stress", run, "--parts", "doubts", *options, "--open-test", "--json").json
    assert len(openings(ledger)) == before + 1
    found = said["parts"]["doubts"]
    assert found["side"] == "test"
    assert found["calibrated"]["how"].endswith("judged on the internal test set")
    assert [one["way"] for one in found["sets"]] == ["LAC", "APS"]
    foreign = found["outside"][-1]
    assert foreign["kind"] == "foreign"
    assert foreign["mahalanobis"]["value"] > 0.9
    assert "1 of 13 foreign images could not be used" in " ".join(found["notes"])


def test_several_classes_and_labels_have_shifts_and_doubts_of_their_own(finished: Finish, tmp_path: Path) -> None:
    classes = copy_of(finished, "workbook, several classes", tmp_path / "a")
    found = stressed(classes, parts="shifts,doubts", shift=["resolution"], severity=[3]).as_json()["parts"]
    assert found["shifts"]["threshold"] == "the most probable class"
    labels = copy_of(finished, "several labels", tmp_path / "b")
    found = stressed(labels, parts="shifts,doubts", shift=["resolution"], severity=[3]).as_json()["parts"]
    assert found["shifts"]["limits"] == ["AUC falls by at most 0.05"]
    assert "several labels" in found["doubts"]["because"]["sets of classes"]


def test_cases_are_grouped_by_the_columns_of_the_study(finished: Finish, tmp_path: Path) -> None:
    run = copy_of(finished, "table", tmp_path)
    found = stressed(run, parts="shifts", shift=["spacing"], severity=[1], open_test=True).as_json()
    rows = found["parts"]["shifts"]["groups"]
    assert {row["column"] for row in rows} == {"hospital", "site"}
    assert {row["group"] for row in rows} == {"north", "south"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--shift", "xr_exposur"), "did you mean xr_exposure"),
        (("--shift", "ct_dose"), "--shift ct_dose is for CT, and these are single images in grey"),
        (("--shift", "ct_thickness"), "--shift ct_thickness is for CT in several slices"),
        (("--severity", "6"), "--severity must be 1 to 5, got 6"),
        (("--limit", "auc"), "FIGURE=VALUE"),
        (("--limit", "aucc=0.8"), "did you mean auc"),
        (("--foreign", "absent"), "absent does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_opened_or_written(
    finished: Finish, options: tuple[str, ...], said: str
) -> None:
    run = finished("npz").run
    before = tree(run.parent.parent)
    assert said in refused("stress", run, "--open-test", *options)
    assert tree(run.parent.parent) == before


def test_volumes_without_a_unit_are_taken_for_mr_and_say_so_or_for_ct_on_the_users_word(
    finished: Finish, tmp_path: Path
) -> None:
    run = copy_of(finished, "nifti", tmp_path)
    found = stressed(run, parts="shifts", severity=[2]).as_json()["parts"]["shifts"]
    assert {"mr_noise", "mr_motion", "spacing"} <= {one["shift"] for one in found["curves"]}
    assert "taken for MR" in " ".join(found["notes"])
    named = stressed(run, parts="shifts", severity=[5], shift=["ct_offset"]).as_json()["parts"]["shifts"]
    assert named["curves"][0]["points"][-1]["distance"]["value"] == pytest.approx(80, abs=0.5)
    assert "taken for MR" not in " ".join(named["notes"])
