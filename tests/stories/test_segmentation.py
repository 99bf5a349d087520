"""Images whose structures are to be outlined: one command, masks on the image's own grid, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

import radcnn
from cli_in_process import refused, told, torch_threads
from radcnn.core.case import Source
from radcnn.core.volume import Volume
from radcnn.data.ledger import openings
from radcnn.data.masks.read import read_mask
from radcnn.data.nifti import write_nifti
from radcnn.data.read import read_source
from radcnn.physics.phantoms.neuropil import sections
from radcnn.study.stressing.stress import Stressed
from written_dicom import write_seg, write_stack
from written_masks import SPACING, affine, balls, write_series, write_study
from written_pairs import nifti_pairs

QUICK = (
    *("--set", "network.options.kernels=[8, 16, 32]", "--set", "segmentation.steps=25", "--set", "training.epochs=4"),
    *("--set", "training.learning_rate=0.005", "--set", "training.precision=float32", "--quiet"),
)
WHOSE = ("--masks", "*_label*", "--hu", "--patient-from", r"p\d+")
NAMED = ("--structure", "organ=1", "--structure", "lesion=2")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with volumes and masks, and a study of them, run to the end."""
    folder = tmp_path_factory.mktemp("segmentation")
    write_study(folder / "balls")
    told("run", folder / "balls", *WHOSE, *NAMED, "--out", folder / "study", *QUICK)
    return folder


def test_one_command_goes_from_volumes_and_masks_to_a_report(trained: Path) -> None:
    run = trained / "study" / "runs" / "run-001"
    found = json.loads((run / "judgement-test.json").read_text())
    assert found["kind"] == "segmentation"
    dice = found["table"]["organ"]["Dice"]
    assert dice["value"] > 0.85
    assert dice["low"] < dice["value"] < dice["high"]
    assert found["length"] == "mm"
    assert set(found["table"]) == {"organ", "lesion", "mean of structures"}
    assert 0.5 < found["table"]["organ"]["expected Dice"]["value"] <= 1
    assert found["volumes"]["organ"]["low"] < found["volumes"]["organ"]["high"]
    page = (run / "report.html").read_text()
    for words in ("Worst: case", "limits of agreement", "was opened once", "organ", "A missed structure lies at 0"):
        assert words in page
    card = (run / "bundle" / "README.md").read_text()
    assert "Research use only" in card
    assert "lesion" in card


def test_patients_are_apart_and_the_opening_is_counted(trained: Path) -> None:
    split = json.loads((trained / "study" / "split.json").read_text())
    assert sorted(split["sides"].values()).count("test") >= 2
    ledger = (trained / "study" / "ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["entry"] for line in ledger] == ["split", "opening"]


def test_the_same_numbers_come_from_python_and_step_by_step(trained: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    told("new", trained / "balls", *WHOSE, *NAMED, "--out", study, *QUICK)
    assert "a run will take about" in told("check", study, "--quiet").out
    told("train", study, "--quiet")
    said = told("evaluate", study, "--json").json
    first = json.loads((trained / "study" / "runs" / "run-001" / "judgement-tuning.json").read_text())
    assert said["table"] == first["table"]


def test_masks_lie_on_the_images_own_grid_with_volumes_in_ml(trained: Path, tmp_path: Path) -> None:
    values, labels = balls(99)
    write_nifti(Volume(values[None], affine(), "HU"), tmp_path / "new.nii.gz")
    told("predict", trained / "study", tmp_path / "new.nii.gz", "--out", tmp_path / "out", "--quiet")
    image = read_source(Source(tmp_path / "new.nii.gz"))
    made = read_mask(tmp_path / "out" / "new.nii.gz", image)
    assert made.volume.affine is not None
    assert np.allclose(made.volume.affine, image.affine)
    organ = made.volume.voxels[0] == 1
    assert 2 * (organ & (labels == 1)).sum() / (organ.sum() + (labels == 1).sum()) > 0.8
    said = json.loads((tmp_path / "out" / "volumes.json").read_text())
    (one,) = said["images"]
    assert one["volumes_ml"]["organ"] == pytest.approx(organ.sum() * 3 / 1000, abs=1e-3)
    (part, *_) = one["parts"]["organ"]
    assert part["volume_ml"] == pytest.approx(one["volumes_ml"]["organ"], rel=0.1)
    assert part["long_axis_mm"] >= part["short_axis_mm"] > 5
    assert 1 <= part["slice"] <= organ.shape[0]
    assert image.index(part["centre_mm"]) == pytest.approx([float(at.mean()) for at in np.nonzero(organ)], abs=1)
    assert said["research_use_only"] is True
    (again,) = radcnn.predict(trained / "study", tmp_path / "new.nii.gz", out=tmp_path / "one.nii.gz")
    assert np.array_equal(read_mask(again.path, image).volume.voxels, made.volume.voxels)  # type: ignore[union-attr]


def test_a_dicom_series_gets_a_segmentation_object_that_refers_to_it(trained: Path, tmp_path: Path) -> None:
    values, _ = balls(98)
    series = write_series(tmp_path / "series", values)
    told("predict", trained / "study", series, "--out", tmp_path / "out", "--quiet")
    seg = pydicom.dcmread(tmp_path / "out" / "series.dcm")
    assert seg.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.4"
    slices = [pydicom.dcmread(file) for file in sorted(series.iterdir())]
    (referenced,) = seg.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == slices[0].SeriesInstanceUID
    assert seg.PatientID == slices[0].PatientID
    assert [item.SegmentLabel for item in seg.SegmentSequence] == ["organ", "lesion"]
    image = read_source(Source(series))
    from_seg = read_mask(tmp_path / "out" / "series.dcm", image)
    from_nifti = read_mask(tmp_path / "out" / "series.nii.gz", image)
    assert np.array_equal(from_seg.volume.voxels, from_nifti.volume.voxels)


def test_what_lies_in_npz_files_or_folders_called_images_and_labels_needs_no_option(tmp_path: Path) -> None:
    for k in range(12):
        values, labels = balls(k)
        (tmp_path / "npz").mkdir(exist_ok=True)
        np.savez(tmp_path / "npz" / f"p{k:02d}.npz", image=values + 1024, label=labels)
    said = told("new", tmp_path / "npz", "--patient-from", r"p\d+", "--out", tmp_path / "study").err
    assert "a mask of each" in said
    assert "masks: label" in (tmp_path / "study" / "study.yaml").read_text()


def test_scribbles_leave_most_voxels_without_a_label(tmp_path: Path) -> None:
    (tmp_path / "npz").mkdir()
    for k in range(12):
        values, labels = balls(k)
        scribble = np.full_like(labels, 9)
        scribble[:, ::7, ::3] = labels[:, ::7, ::3]
        np.savez(tmp_path / "npz" / f"p{k:02d}.npz", image=values + 1024, label=labels, scribble=scribble)
    asked = ("--masks", "scribble", "--patient-from", r"p\d+", "--out", tmp_path / "study")
    assert "taken for 'nobody looked here'" in told("new", tmp_path / "npz", *asked).err
    text = (tmp_path / "study" / "study.yaml").read_text()
    assert "label 1, label 2" in text


def test_no_label_means_nobody_looked_here_where_python_says_so(tmp_path: Path) -> None:
    (tmp_path / "npz").mkdir()
    for k in range(12):
        values, labels = balls(k)
        np.savez(tmp_path / "npz" / f"p{k:02d}.npz", image=values + 1024, label=np.where(labels == 0, 5, labels))
    for word, wanted in (({}, 5), ({"segmentation.unlabelled": None}, None)):
        study = radcnn.new(tmp_path / "npz", out=tmp_path / f"study-{wanted}", patient_from=r"p\d+", **word)  # type: ignore[arg-type]
        assert json.loads((study / "masks.json").read_text())["unlabelled"] == wanted


def test_training_sees_scribbles_and_full_masks_judge(tmp_path: Path) -> None:
    (tmp_path / "npz").mkdir()
    for k in range(12):
        values, labels = balls(k)
        scribble = np.full_like(labels, 9)
        scribble[:, ::4, ::2] = labels[:, ::4, ::2]
        np.savez(tmp_path / "npz" / f"p{k:02d}.npz", image=values + 1024, label=labels, scribble=scribble)
    study = tmp_path / "study"
    told("run", tmp_path / "npz", "--labels", "scribble", "--patient-from", r"p\d+", "--out", study, *QUICK)
    said = (study / "study.yaml").read_text()
    assert "masks: label" in said
    assert "scribbles: scribble" in said
    run = study / "runs" / "run-001"
    assert json.loads((run / "plan.json").read_text())["unlabelled"] == 9
    found = json.loads((run / "judgement-test.json").read_text())
    assert any("figures are by the full masks" in note for note in found["notes"])
    voxels = {one["case"]: one["figures"]["label 1"]["sensitivity"] for one in found["cases"]}
    assert min(voxels.values()) > 0
    np.savez(tmp_path / "npz" / "p00.npz", image=values, label=labels)
    out = ("--out", tmp_path / "other", "--quiet")
    asked = ("--masks", "label", "--scribbles", "scribble", "--patient-from", r"p\d+")
    assert "no array of p00.npz" in refused("new", tmp_path / "npz", *asked, *out)


@pytest.mark.parametrize("network", ["unet2d", "unet3d"])
def test_a_cascade_is_one_plan_one_bundle_and_one_prediction(network: str, trained: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    asked = ("--structure", "organ=1,2", "--structure", "lesion=2", "--within", "organ", "--network", network)
    few = ("--set", "segmentation.steps=25", "--set", "training.batch=2")
    told("run", trained / "balls", *WHOSE, *asked, "--out", study, *QUICK, *few, "--refine", "graphcut")
    run = study / "runs" / "run-001"
    plan = json.loads((run / "plan.json").read_text())
    assert plan["within"] == "organ"
    assert sorted(path.name for path in (run / "bundle").glob("weights-*")) == [
        "weights-0.safetensors", "weights-1.safetensors",
    ]  # fmt: skip
    rows = (run / "history.csv").read_text().splitlines()
    assert {row.split(",")[rows[0].split(",").index("network")] for row in rows[1:]} == {"0", "1"}
    words = json.loads((run / "run.json").read_text())["chosen_on_tuning"]["because"]
    assert sum("segmentation.refine: graphcut" in word for word in words) == 2
    assert sum("within organ" in word for word in words) >= 1
    found = json.loads((run / "judgement-test.json").read_text())
    assert found["table"]["organ"]["Dice"]["value"] > 0.8
    assert found["table"]["lesion"]["Dice"]["value"] > 0.3
    values, _ = balls(99)
    write_nifti(Volume(values[None], affine(), "HU"), tmp_path / "new.nii.gz")
    told("predict", study, tmp_path / "new.nii.gz", "--out", tmp_path / "out", "--quiet")
    image = read_source(Source(tmp_path / "new.nii.gz"))
    made = read_mask(tmp_path / "out" / "new.nii.gz", image).volume.voxels[0]
    lesion = made == 2
    assert lesion.any()
    assert (made == 1).any()
    (again,) = radcnn.predict(study, tmp_path / "new.nii.gz", out=tmp_path / "again")
    assert again.voxels["lesion"] == lesion.sum()  # type: ignore[union-attr]


@pytest.mark.parametrize("cascade", [False, True])
def test_folds_are_chosen_by_and_judged_by_the_network_that_did_not_see_a_case(
    cascade: bool, trained: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    asked = ("--structure", "organ=1,2", "--structure", "lesion=2", "--within", "organ") if cascade else NAMED
    few = ("--set", "training.folds=3", "--set", "segmentation.steps=15", "--keep-sealed")
    told("run", trained / "balls", *WHOSE, *asked, "--out", study, *QUICK, *few)
    run = study / "runs" / "run-001"
    assert len(list((run / "bundle").glob("weights-*"))) == (6 if cascade else 3)
    found = json.loads((run / "judgement-tuning.json").read_text())
    sides = json.loads((study / "split.json").read_text())["sides"]
    assert len(found["cases"]) == sum(side != "test" for side in sides.values())
    assert found["table"]["organ"]["Dice"]["value"] > 0.8
    assert any("by the one network of 3 that had not seen it" in note for note in found["notes"])
    values, _ = balls(99)
    write_nifti(Volume(values[None], affine(), "HU"), tmp_path / "new.nii.gz")
    (made,) = radcnn.predict(study, tmp_path / "new.nii.gz", out=tmp_path / "out")
    assert made.voxels["organ"] > 0  # type: ignore[union-attr]
    (told_of,) = json.loads((tmp_path / "out" / "volumes.json").read_text())["images"]
    assert 0.5 < told_of["expected_dice"]["organ"] <= 1
    assert any(note.startswith("organ: the Dice that the networks expect has a rank") for note in found["notes"])
    about = told_of["intervals_ml"]["organ"]
    assert about["level"] == pytest.approx(1 - 2 / (len(found["cases"]) + 1), abs=1e-3)
    assert 0 < about["low"] < about["high"] < 3 * told_of["volumes_ml"]["organ"]
    told("evaluate", study, "--open-test", "--quiet")
    judged = json.loads((run / "judgement-test.json").read_text())
    assert any("interval that predict tells for the volume of organ holds" in note for note in judged["notes"])
    assert "ask for fewer folds" in refused("train", study, "--set", "training.folds=20", "--quiet")


def test_a_structure_that_does_not_hold_the_others_is_refused(trained: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "study", "--quiet")
    said = refused("new", trained / "balls", *WHOSE, *NAMED, "--within", "organ", *out)
    assert "say organ=1,2" in said
    assert "did you mean organ" in refused("new", trained / "balls", *WHOSE, *NAMED, "--within", "orga", *out)
    one = ("--structure", "organ=1,2")
    assert "nothing else is outlined" in refused("new", trained / "balls", *WHOSE, *one, "--within", "organ", *out)


def test_cells_are_judged_by_whether_they_are_parted(tmp_path: Path) -> None:
    for k, one in enumerate(sections(10, size=96)):
        for part, values in (("images", one.levels), ("labels", one.mask)):
            (tmp_path / "em" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / "em" / part / f"{k}.png")
    study = tmp_path / "study"
    asked = ("--unit", "image", "--structure", "cell=255", "--set", "training.views=rotations")
    said = told("run", tmp_path / "em", *asked, "--out", study, "--set", "segmentation.cells=[cell]", *QUICK).out
    assert "pixel error" in said
    run = study / "runs" / "run-001"
    found = json.loads((run / "judgement-test.json").read_text())
    assert found["length"] == "voxels"
    assert found["table"]["cell"]["pixel error"]["value"] < 0.25
    assert {"Rand error", "information error", "warping error"} <= found["table"]["cell"].keys()
    assert "warping error 0." in (run / "report.html").read_text()


def test_a_study_is_run_again_with_another_loss_in_short(trained: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    told("new", trained / "balls", *WHOSE, *NAMED, "--out", study, *QUICK)
    asked = ("--loss", "dice", "--set", "segmentation.steps=2", "--keep-sealed", "--quiet")
    told("run", study / "study.yaml", "--network", "resenc2d", *asked)
    plan = json.loads((study / "runs" / "run-001" / "plan.json").read_text())
    assert (plan["loss"], plan["network"]["name"], plan["steps"]) == ("dice", "resenc_unet", 2)
    assert "masks was decided" in refused("run", study, "--masks", "*_seg*")
    assert "is a study already" in refused("run", study, "--out", tmp_path / "other")
    assert "keeps its plan" in refused("run", study, "--resume", "--loss", "ce")
    told("run", study, "--resume", "--keep-sealed", "--quiet")


def test_what_is_said_in_short_is_refused_where_it_says_nothing(trained: Path, tmp_path: Path) -> None:
    low, full = nifti_pairs(tmp_path)
    out = ("--out", tmp_path / "study")
    assert "only structures that are outlined" in refused("new", low, "--target", full, "--refine", "crf", *out)
    assert "Table 2" in refused("new", trained / "balls", "--kind", "binary", "--loss", "dice", *out)
    assert "scribbles is for images with masks" in refused("new", low, "--target", full, "--scribbles", "x", *out)


def test_bad_input_is_refused_by_name(trained: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(trained / "balls", data)
    out = ("--out", tmp_path / "study", "--quiet")
    _, labels = balls(0)
    shifted = affine()
    shifted[0, 3] += 1.0
    write_nifti(Volume(labels[None], shifted, "mask"), data / "p01_label.nii.gz")
    assert "p01" in refused("run", data, *WHOSE, *out, *QUICK[:-1])
    write_nifti(Volume(labels[None, :1], affine(), "mask"), data / "p01_label.nii.gz")  # one slice for a volume
    assert "p01" in refused("run", data, *WHOSE, *out, *QUICK[:-1])
    write_nifti(Volume(labels[None], affine(), "mask"), data / "p01_label.nii.gz")
    (data / "p02_label.nii.gz").unlink()
    assert "p02_ct.nii.gz" in refused("new", data, *WHOSE, *out)
    assert "no file" in refused("new", data, "--masks", "*_seg*", *WHOSE[2:], *out)
    assert "did you mean dice" in refused("new", trained / "balls", *WHOSE, *out, "--set", "segmentation.loss=dcie")
    assert not (tmp_path / "study").exists()


def test_structures_are_asked_for_by_the_names_of_dicom_segments(tmp_path: Path) -> None:
    """Every file numbers its segments otherwise, and some hold others or lack the small one, as real exports do."""
    for k in range(12):
        values, labels = balls(k)
        series = tmp_path / "tree" / f"1.2.{k}"
        uid = f"2.25.90{k}"
        write_stack(
            series, values + 1024, spacing=SPACING[1:], steps_mm=SPACING[0], PatientID=f"P{k}", RescaleIntercept=-1024,
            SeriesInstanceUID=uid, StudyInstanceUID=f"2.25.80{k}",
        )  # fmt: skip
        organ, lesion, other = 1 + k % 3, 1 + (k + 1) % 3, 1 + (k + 2) % 3
        masks = {organ: labels > 0, lesion: labels == 2, other: np.ones_like(labels)}
        names = {organ: "Whole organ", lesion: f"Lesion {k}", other: "Body"}
        if k == 3:
            del masks[lesion]
        refers = Dataset()
        refers.SeriesInstanceUID = uid
        write_seg(
            tmp_path / "tree" / f"seg{k}.dcm", {n: masks[n].astype(np.uint8) for n in sorted(masks)}, names=names,
            spacing=SPACING[1:], step_mm=(0, 0, SPACING[0]), ReferencedSeriesSequence=Items([refers]),
        )  # fmt: skip
    study, by_name = tmp_path / "study", ("--structure", "organ=whole organ,lesion *", "--structure", "lesion=lesion *")
    asked = ("--masks", "dicom", "--patient-from", r"1\.2\.\d+")
    told("run", tmp_path / "tree", *asked, *by_name, "--within", "organ", "--keep-sealed", "--out", study, *QUICK)
    text = (study / "study.yaml").read_text()
    assert "- whole organ\n- lesion *" in text
    held = json.loads((study / "masks.json").read_text())
    assert held["with_label"]["1"] == held["cases"]
    found = json.loads((study / "runs" / "run-001" / "judgement-tuning.json").read_text())
    assert found["table"]["organ"]["Dice"]["value"] > 0.8
    told("check", study, "--quiet")
    out = ("--out", tmp_path / "other", "--quiet")
    said = refused(
        "new", tmp_path / "tree", *asked, "--structure", "organ=Whole organ", "--structure", "vein=Vein", *out
    )
    assert "no training mask has a segment that is called Vein, for the structure 'vein'" in said
    assert "has another name than in case" in refused("new", tmp_path / "tree", *asked, "--structure", "organ=1", *out)
    assert "give all structures by number" in refused(
        "new", tmp_path / "tree", *asked, "--structure", "organ=1", "--structure", "vein=Vein", *out
    )
    assert not (tmp_path / "other").exists()


def test_empty_masks_and_labels_that_nobody_declared_are_refused(trained: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(trained / "balls", data)
    out = ("--out", tmp_path / "study", "--quiet")
    for file in data.glob("*_label*"):
        write_nifti(Volume(np.zeros((1, 8, 40, 36), np.uint8), affine(), "mask"), file)
    assert "nothing to learn" in refused("new", data, *WHOSE, *out)
    said = refused("new", trained / "balls", *WHOSE, "--structure", "organ=1", "--structure", "vein=7", *out)
    assert "no training mask holds the structure 'vein' (label 7); they hold 1, 2" in said
    said = refused("new", trained / "balls", *WHOSE, "--structure", "organ=Liver", *out)
    assert "only DICOM SEG and RTSTRUCT have names" in said
    study = tmp_path / "declared"
    told("new", trained / "balls", *WHOSE, "--structure", "organ=1", "--out", study, "--quiet")
    said = refused("train", study, *QUICK)
    assert "RC053" in said
    assert "2 in cases 1, 2" in said


def test_a_run_goes_on_where_it_was_interrupted(trained: Path, tmp_path: Path) -> None:
    from radcnn.core.errors import Stopped
    from radcnn.learning.events import Event, StepEnded
    from radcnn.study.listener import Silence

    study = tmp_path / "study"
    told("new", trained / "balls", *WHOSE, *NAMED, "--out", study, *QUICK)

    class Stopping(Silence):
        def event(self, event: Event) -> None:
            if isinstance(event, StepEnded) and (event.epoch, event.step) == (3, 5):
                raise KeyboardInterrupt

    with torch_threads(1):
        with pytest.raises(Stopped, match="--resume"):
            radcnn.train(study, listener=Stopping())
        radcnn.train(study, resume=True)
    first = trained / "study" / "runs" / "run-001" / "bundle" / "weights-0.safetensors"
    again = study / "runs" / "run-001" / "bundle" / "weights-0.safetensors"
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("refine", ["graphcut", "crf"])
def test_a_refinement_is_kept_only_where_the_tuning_set_says_that_it_helps(
    refine: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radcnn.inference.refining.choice.DRAWS", 3)
    study = tmp_path / "study"
    asked = ("--set", f"segmentation.refine={refine}", "--set", "segmentation.steps=8", "--keep-sealed")
    told("run", trained / "balls", *WHOSE, *NAMED, "--out", study, *QUICK, *asked)
    run = study / "runs" / "run-001"
    chosen = json.loads((run / "run.json").read_text())["chosen_on_tuning"]
    (word,) = (one for one in chosen["because"] if one.startswith(f"segmentation.refine: {refine}"))
    kept = json.loads((run / "bundle" / "bundle.json").read_text())["segmentation"]
    assert ("kept" in word) == (kept["refine"] == refine) == bool(kept["refined"])
    assert f"segmentation.refine: {refine} (mean Dice on the tuning set" in (run / "report.html").read_text()


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """The trained study's run, that a test may add to."""
    return shutil.copytree(trained / "study", tmp_path / "study") / "runs" / "run-001"


def words_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split())


def test_outlines_are_attacked_and_the_report_tells_it(copied: Path) -> None:
    said = told("stress", copied, "--parts", "attacks", "--budget", "20", "--budget", "80", "--json").json
    with torch_threads(1):
        called = radcnn.stress(copied, parts="attacks", budget=(20, 80))
    found, again = (one["parts"]["attacks"] for one in (said, json.loads(json.dumps(called.as_json()))))
    for one in (*found["curves"], *again["curves"]):
        one["seconds"] = 0
    assert called.side == "tuning"
    assert found == again
    assert Stressed.from_json(said).as_json()["parts"]["attacks"]["main"] == "Dice, mean of structures"
    assert found["budget_unit"] == "HU"
    main = {
        one["attack"]: [point["figures"]["Dice, mean of structures"]["value"] for point in one["points"]]
        for one in found["curves"]
    }
    judged = json.loads((copied / "judgement-tuning.json").read_text())["table"]
    assert main["pgd"][0] == pytest.approx(judged["mean of structures"]["Dice"]["value"], abs=1e-3)
    assert main["pgd"][2] <= main["pgd"][1] < main["pgd"][0]
    assert main["pgd"][2] <= main["fgsm"][2] + 0.02  # never weaker on the networks' grid, nearly so on the image's
    assert main["pgd"][2] < main["noise of the same size"][2] - 0.1
    assert "attack,budget,unit" in (copied / "stress" / "attacks-tuning-curves.csv").read_text()
    told("report", copied)
    page = words_of(copied / "report.html")
    for words in ("Stress tests", "what is left at each budget in HU", "the true ones dashed", "Dice, organ"):
        assert words in page


def test_test_cases_are_attacked_only_where_that_is_asked_for(copied: Path) -> None:
    ledger = copied.parent.parent / "ledger.jsonl"
    before = len(openings(ledger))
    options = ("--attack", "fgsm", "--budget", "0.5", "--in-noise", "--most", "1")
    found = told("stress", copied, *options, "--json").json["parts"]["attacks"]
    assert found["n"] == 1
    assert found["budget_unit"] == "noise sd"
    assert len(openings(ledger)) == before
    told("stress", copied, *options, "--open-test", "--reason", "how stable is it")
    assert openings(ledger)[-1].reason == "how stable is it"
    assert (copied / "stress" / "attacks-test.json").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--parts", "borders"), "borders is for networks that answer with labels"),
        (("--attack", "one-pixel"), "one-pixel turns answers"),
        (("--towards", "organ"), "--towards is for networks that answer with labels"),
        (("--case", "999"), "case 999 is no tuning case"),
    ],
)
def test_what_is_only_for_labels_is_refused(trained: Path, options: tuple[str, ...], words: str) -> None:
    run = trained / "study" / "runs" / "run-001"
    assert words in refused("stress", run, *options)
    assert not (run / "stress").exists()
