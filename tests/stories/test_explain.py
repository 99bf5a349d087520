"""A run is looked into: maps on the image's own grid, what is written, what the report says, what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import radcnn
from cli_in_process import QUICK, refused, told, torch_threads, tree
from finished_studies import Finish
from radcnn.core.chance import generator
from radcnn.data.ledger import openings
from radcnn.reports.explaining.found import Explained
from written_studies import save_png, write_csv

QUICKLY = ("--method", "gradcam", "--most", "6")


@pytest.fixture
def copied(finished: Finish, tmp_path: Path) -> Path:
    """A finished run that a test may add to."""
    return shutil.copytree(finished("npz").study, tmp_path / "study") / "runs" / "run-001"


def explained(run: Path, **options: Any) -> Explained:
    """The verb as a call, on one thread."""
    with torch_threads(1):
        return radcnn.explain(run, **options)


def words_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split())


def test_the_verb_and_the_call_find_the_same_and_the_report_tells_it(copied: Path) -> None:
    said = told("explain", copied, *QUICKLY, "--json").json
    called = explained(copied, method=("gradcam",), most=6)
    assert called.as_json() == said
    assert json.loads((copied / "explain" / "explain.json").read_text()) == said
    assert Explained.from_json(json.loads(json.dumps(said))).as_json() == said
    assert said["side"] == "tuning"
    assert said["n"] == 6
    assert "6 of 16 labelled cases" in said["rule"]
    told("report", copied)
    page = words_of(copied / "report.html")
    assert "Looking into the network" in page
    assert "Every map is divided by its own largest value" in page
    assert "Localisation: not applicable, because the study names no masks or boxes" in page


def test_without_being_asked_to_no_test_set_is_opened(copied: Path) -> None:
    ledger = copied.parent.parent / "ledger.jsonl"
    before = len(openings(ledger))
    assert told("explain", copied, *QUICKLY).next.startswith("radcnn report")
    assert len(openings(ledger)) == before
    told("explain", copied, *QUICKLY, "--open-test", "--reason", "what does it see")
    assert openings(ledger)[-1].reason == "what does it see"
    assert json.loads((copied / "explain" / "explain.json").read_text())["side"] == "test"


def test_pictures_of_an_earlier_call_go_and_other_files_stay(copied: Path) -> None:
    place = copied / "explain"
    explained(copied, method=("gradcam",), most=3)
    (place / "feature-old-7-made.png").touch()
    (place / "notes.txt").touch()
    found = explained(copied, method=("gradcam",), most=2)
    kept = {name for case in found.cases for one in case.files for name in (one.overlay, *one.maps)}
    kept |= {case.image for case in found.cases}
    assert {file.name for file in place.iterdir()} == kept | {"explain.json", "notes.txt"}


def test_maps_of_another_model_are_not_told(copied: Path) -> None:
    told("explain", copied, *QUICKLY)
    file = copied / "explain" / "explain.json"
    file.write_text(file.read_text().replace('"model": "', '"model": "0'))
    told("report", copied)
    assert "This model was not looked into" in words_of(copied / "report.html")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--method", "gradcan"), "did you mean gradcam?"),
        (("--layer", "nowhere"), "layer 'nowhere' is unknown"),
        (("--of", "nobody"), "is no class"),
        (("--most", "0"), "must be 1 or more"),
        (("9999",), "case 9999 is no labelled test case"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_nothing_is_written_or_opened(
    finished: Finish, options: tuple[str, ...], sentence: str
) -> None:
    run = finished("npz").run
    before = tree(run.parent.parent)
    assert sentence in refused("explain", run, *options, "--open-test")
    assert tree(run.parent.parent) == before


def test_cases_that_are_named_are_looked_into(copied: Path) -> None:
    every = explained(copied, method=("gradcam",)).cases
    one = explained(copied, cases=(every[3].case,), method=("gradcam",), of="1")
    assert [(c.case, c.of) for c in one.cases] == [(every[3].case, "1")]
    assert one.rule == "the cases that were named"


@pytest.mark.parametrize(
    "kind", ["table", "workbook, several classes", "several labels", "regression", "dicom regions"]
)
def test_every_kind_of_answer_can_be_looked_into(finished: Finish, tmp_path: Path, kind: str) -> None:
    run = shutil.copytree(finished(kind).study, tmp_path / "study") / "runs" / "run-001"
    found = explained(run, method=("gradcam",), most=3)
    assert found.n == 3
    for one in found.cases:
        for files in one.files:
            assert all((run / "explain" / name).is_file() for name in (files.overlay, *files.maps))
    told("report", run)


def test_a_volume_gets_a_map_on_its_own_grid(finished: Finish, tmp_path: Path) -> None:
    done = finished("nifti")
    run = shutil.copytree(done.study, tmp_path / "study") / "runs" / "run-001"
    found = explained(run, method=("gradcam",), most=2)
    scan = nib.load(next(iter(done.data.glob("*.nii.gz"))))
    for one in found.cases:
        made = nib.load(run / "explain" / one.files[0].maps[0])
        assert made.shape[:3] == scan.shape
        np.testing.assert_allclose(made.affine, scan.affine)


def test_a_map_of_a_dicom_series_is_a_parametric_map_too_with_the_same_values(
    finished: Finish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(finished("dicom regions").study, tmp_path / "study") / "runs" / "run-001"
    found = explained(run, method=("gradcam",), most=2)
    for one in found.cases:
        nifti, dicom = (radcnn.read(run / "explain" / name) for name in one.files[0].maps)
        np.testing.assert_allclose(dicom.affine, nifti.affine, atol=1e-4)
        assert np.array_equal(dicom.voxels, nifti.voxels)
        assert not one.files[0].missing
    monkeypatch.setattr(radcnn.study.explaining.explain, "MOST_BYTES", 1)
    less = explained(run, method=("gradcam",), most=2)
    assert [len(one.files[0].maps) for one in less.cases] == [2, 1]
    assert "1 map without DICOM Parametric Map" in " ".join(less.notes)
    assert not list((run / "explain").glob(f"case-{less.cases[1].case}-*.dcm"))


def boxed_study(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """PNG files with a bright square in one of four places of the sick ones, and its box in the table."""
    rows = []
    for patient in range(40):
        image = generator(0, "boxed", patient).integers(40, 110, (16, 16)).astype(np.uint8)
        row = {"image": f"scan{patient:02d}.png", "patient_id": f"MRN-{patient:04d}", "sick": patient % 2}
        x, y = (2 + 6 * (patient // 2 % 2), 2 + 6 * (patient // 4 % 2))
        edges = dict(zip("abcd", (x, y, x + 6, y + 6), strict=True)) if patient % 2 else dict.fromkeys("abcd", "")
        if patient % 2:
            image[y : y + 6, x : x + 6] += 120
        save_png(folder / "images" / str(row["image"]), image)
        rows.append({**row, **edges})
    labels = write_csv(folder / "labels.csv", rows)
    return folder / "images", ("--labels", str(labels), "--patient", "patient_id", "--target", "sick")


def test_maps_are_held_against_the_boxes_of_the_study(tmp_path: Path) -> None:
    data, options = boxed_study(tmp_path)
    learn = (*QUICK, "--set", "training.epochs=8", "--fractions", "0.5", "0.3", "0.2", "--box", "a", "b", "c", "d")
    told("run", data, "--out", tmp_path / "study", *options, *learn, "--keep-sealed")
    run = tmp_path / "study" / "runs" / "run-001"
    found = explained(run)
    assert "maps are of the true class" in found.marked
    for way in found.ways:
        figure = way.figure("auprc")
        assert figure is not None
        assert figure.value.n >= 4
        assert figure.chance is not None
    told("report", run)
    page = words_of(run / "report.html")
    assert "Do the maps find what was outlined?" in page
    assert "Where do the maps lie?" in page
    assert "Does the answer need what the maps point at?" in page
    assert "Do the maps follow the network?" in page
