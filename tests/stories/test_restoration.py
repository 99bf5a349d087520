"""Images that are to become others: one command on NIfTI and DICOM pairs, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch

import radcnn
from cli_in_process import refused, told, torch_threads
from radcnn.core.errors import Stopped
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.learning.events import Event, StepEnded
from radcnn.plan.restoration import RestorationPlan
from radcnn.study.listener import Silence
from written_pairs import NOISE_HU, dicom_pairs, nifti_pairs, noisy, scan

QUICK = (
    *("--network", "unet", "--set", "network.options.kernels=[8, 16]", "--set", "network.options.norm=none"),
    *("--set", "restoration.steps=40", "--set", "training.epochs=4", "--set", "restoration.patch=[32, 32]"),
    *("--set", "training.learning_rate=0.003", "--set", "training.batch=8", "--quiet"),
    *("--set", "training.precision=float32"),
)
PATIENTS = ("--patient-from", r"patient\d+")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with NIfTI pairs and a study of them, run to the end."""
    folder = tmp_path_factory.mktemp("restoration")
    low, full = nifti_pairs(folder)
    told("run", low, "--target", full, *PATIENTS, "--hu", "--out", folder / "study", *QUICK)
    return folder


def without_pixels(page: str) -> str:
    """A page without the base64 of its images, in which any three letters may stand by chance."""
    left, images = re.subn(r"base64,[A-Za-z0-9+/=]+", "base64,", page)
    assert images
    return left


def test_one_command_goes_from_two_folders_to_a_report(trained: Path) -> None:
    run = trained / "study" / "runs" / "run-001"
    found = json.loads((run / "judgement-test.json").read_text())
    before, after = (found["table"][way]["RMSE"]["value"] for way in ("input", "network"))
    assert before == pytest.approx(NOISE_HU, rel=0.1)
    assert after < 0.7 * before
    assert found["gains"]["network"]["PSNR, soft tissue"]["low"] > 0
    page = (run / "report.html").read_text()
    for words in ("soft tissue: -160 to 240 HU", "network minus reference", "was opened once", 'type="range"'):
        assert words in page
    card = (run / "bundle" / "README.md").read_text()
    assert "network minus input" in card
    assert "Research use only" in card
    assert "patient0" not in page + card
    assert "MRN" not in without_pixels(page)


def test_patients_are_apart(trained: Path) -> None:
    split = json.loads((trained / "study" / "split.json").read_text())
    assert sorted(split["sides"].values()).count("test") == 2
    ledger = (trained / "study" / "ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["entry"] for line in ledger] == ["split", "opening"]


def test_the_same_numbers_come_from_python_and_step_by_step(trained: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    told("new", trained / "low", "--target", trained / "full", *PATIENTS, "--hu", "--out", study, *QUICK)
    assert "a run will take about" in told("check", study, "--quiet").out
    told("train", study, "--quiet")
    said = told("evaluate", study, "--json").json
    first = json.loads((trained / "study" / "runs" / "run-001" / "judgement-tuning.json").read_text())
    assert said["table"] == first["table"]
    told("report", study, "--quiet")
    with torch_threads(1):
        assert radcnn.evaluate(study).table["network"]["RMSE"].value == first["table"]["network"]["RMSE"]["value"]


def test_a_restored_nifti_lies_where_its_image_lay(trained: Path, tmp_path: Path) -> None:
    image, out = trained / "low" / "patient1.nii.gz", tmp_path / "restored.nii.gz"
    told("predict", trained / "study", image, "--out", out)
    before, after = radcnn.read(image), radcnn.read(out)
    assert np.array_equal(before.affine, after.affine)  # type: ignore[arg-type]
    assert after.voxels.dtype == np.int16
    assert before.size == after.size
    error = np.sqrt(np.mean((after.voxels[0] - scan(1)) ** 2.0))
    assert error < 0.8 * NOISE_HU


def test_a_folder_is_restored_into_a_folder(trained: Path, tmp_path: Path) -> None:
    said = told("predict", trained / "study", trained / "low", "--out", tmp_path / "all", "--json").json
    assert len(said) == 8
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [f"patient{k}.nii.gz" for k in range(8)]


def test_dicom_pairs_give_dicom(trained: Path, tmp_path: Path) -> None:
    low, full = dicom_pairs(tmp_path)
    told("run", low, "--target", full, "--out", tmp_path / "study", *QUICK)
    told("predict", tmp_path / "study", low / "patient0", "--out", tmp_path / "restored")
    before, after = radcnn.read(low / "patient0"), radcnn.read(tmp_path / "restored")
    assert after.units == "HU"
    assert np.allclose(before.affine, after.affine)  # type: ignore[arg-type]
    assert np.sqrt(np.mean((after.voxels[0] - scan(0)) ** 2.0)) < 0.8 * NOISE_HU
    one = pydicom.dcmread(sorted((tmp_path / "restored").iterdir())[0])
    assert (one.PatientID, one.RescaleType, float(one.RescaleSlope)) == ("MRN0000", "HU", 1.0)
    assert float(one.RescaleIntercept) <= -1024
    page = (tmp_path / "study" / "runs" / "run-001" / "report.html").read_text()
    assert "MRN" not in without_pixels(page)


def test_the_dose_of_full_dose_scans_is_lowered(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    for patient in range(7):
        values = noisy(scan(patient, size=(4, 96, 96)), patient)
        clean = scan(patient, size=(4, 96, 96))
        quiet = np.rint(clean + (values - clean) / 6).astype(np.int16)
        write_nifti(Volume.from_spacing(quiet[None], (3.0, 2.5, 2.5)), full / f"patient{patient}.nii.gz")
    told("run", full, "--simulate-dose", "0.1", *PATIENTS, "--hu", "--out", tmp_path / "study", *QUICK)
    found = json.loads((tmp_path / "study" / "runs" / "run-001" / "judgement-test.json").read_text())
    assert found["table"]["network"]["RMSE"]["value"] < found["table"]["input"]["RMSE"]["value"]
    assert set(found["shifts"]) == {
        "20 % of the dose", "5 % of the dose", "2.5 % of the dose", "a sharp kernel's noise at 10 % of the dose",
    }  # fmt: skip
    page = (tmp_path / "study" / "runs" / "run-001" / "report.html").read_text()
    assert "Other doses and kernels" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "nowhere/"), "nowhere is not a folder"),
        (("--simulate-dose", "1.5"), "simulate_dose must lie between 0 and 1, got 1.5"),
        (("--target", "FULL", "--simulate-dose", "0.5"), "not both"),
        (("--target", "FULL", "--kind", "binary"), "kind says nothing of a restoration"),
        (("--target", "FULL", "--set", "restoration.patch=[0, 8]"), "patch must be 2 positive numbers"),
        (("--target", "FULL", "--set", "restoration.loss=l3"), "loss of restoration must be one of mse, l1, ssim"),
        (("--target", "FULL", "--network", "redcn"), "did you mean redcnn"),
        (("--target", "FULL", "--set", "training.folds=3"), "not trained in folds"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    trained: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    given = [str(trained / "full") if word == "FULL" else word for word in words]
    assert said in refused("run", trained / "low", *given, *PATIENTS, "--hu", "--out", tmp_path / "study", "--quiet")
    assert list(tmp_path.iterdir()) == []


class Stopper(Silence):
    """Stops in the middle of the third epoch."""

    def event(self, event: Event) -> None:
        if isinstance(event, StepEnded) and (event.epoch, event.step) == (3, 7):
            raise KeyboardInterrupt


def test_an_interrupted_training_goes_on_bit_for_bit(trained: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    told("new", trained / "low", "--target", trained / "full", *PATIENTS, "--hu", "--out", study, *QUICK)
    with torch_threads(1), pytest.raises(Stopped, match="go on with: radcnn train"):
        radcnn.train(study, listener=Stopper())
    told("train", study, "--resume", "--quiet")
    first, again = (
        (folder / "study" / "runs" / "run-001" / "bundle" / "weights-0.safetensors").read_bytes()
        for folder in (trained, tmp_path)
    )
    assert first == again


def test_a_plan_that_was_changed_does_not_go_on(trained: Path) -> None:
    plan = trained / "study" / "runs" / "run-001" / "plan.json"
    kept = plan.read_text()
    plan.write_text(kept.replace('"steps": 40', '"steps": 41'))
    assert "was changed after its run began" in refused("train", trained / "study", "--resume")
    plan.write_text(kept)


def test_a_stored_plan_is_trained_exactly(trained: Path, tmp_path: Path) -> None:
    study, plan = tmp_path / "study", trained / "study" / "runs" / "run-001" / "plan.json"
    told("new", trained / "low", "--target", trained / "full", *PATIENTS, "--hu", "--out", study, "--quiet")
    told("train", study, "--plan", plan, "--quiet")
    weights = [
        (folder / "study" / "runs" / "run-001" / "bundle" / "weights-0.safetensors").read_bytes()
        for folder in (trained, tmp_path)
    ]
    assert weights[0] == weights[1]


def test_what_was_asked_for_is_told_with_who_asked(trained: Path) -> None:
    plan = json.loads((trained / "study" / "runs" / "run-001" / "plan.json").read_text())
    sources = {reason["setting"]: reason["source"] for reason in plan["reasons"]}
    assert (sources["restoration.steps"], sources["training.batch"], sources["network"]) == ("option",) * 3
    assert sources["restoration.scale"] == "rule"


def test_bfloat16_is_refused_where_the_machine_has_none(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radcnn.study.planning.offers_bfloat16", lambda device: False)
    asked = (*PATIENTS, "--hu", "--set", "training.precision=bfloat16", "--out", tmp_path / "study", "--quiet")
    assert "no instructions for bfloat16" in refused("run", trained / "low", "--target", trained / "full", *asked)
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_bfloat16_restores_in_float32(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RestorationPlan] = []

    def agrees(plan: RestorationPlan, device: str) -> tuple[bool, str]:
        asked.append(plan)
        return True, f"agreed on {device}"

    monkeypatch.setattr("radcnn.study.planning.bfloat16_trial", agrees)
    study, ways = tmp_path / "study", QUICK[:-2]
    assert QUICK[-1] == "training.precision=float32"
    told("run", trained / "low", "--target", trained / "full", *PATIENTS, "--hu", "--out", study, *ways)
    assert [plan.training.precision for plan in asked] == ["float32"], "the network is the same, so it is asked once"
    plan = json.loads((study / "runs" / "run-001" / "plan.json").read_text())
    assert plan["training"]["precision"] == "bfloat16"
    (reason,) = [one["sentence"] for one in plan["reasons"] if one["setting"] == "training.precision"]
    assert reason == "agreed on cpu, and the minutes are planned for 1.4 times"
    told("predict", study, trained / "low" / "patient1.nii.gz", "--out", tmp_path / "one.nii.gz")
    made = radcnn.read(tmp_path / "one.nii.gz").voxels
    assert np.sqrt(np.mean((made[0] - scan(1)) ** 2.0)) < 0.8 * NOISE_HU
    rounded = torch.from_numpy(made / 1000 + 1).bfloat16().float().numpy() * 1000 - 1000
    assert np.abs(rounded - made).max() > 1, "values have more than the 8 bits of bfloat16"


def test_check_asks_what_a_run_would_need(trained: Path) -> None:
    said = told("check", trained / "study", "--json", "--quiet").json
    asked = {outcome["check"] for outcome in said["outcomes"]}
    assert {"disk", "memory", "minutes", "class counts"} <= asked
    assert said["disk_mib"] > 0


def spoiled(tmp_path: Path, volume: Volume) -> tuple[Path, Path]:
    """Pairs of which one reference is another volume."""
    low, full = nifti_pairs(tmp_path)
    write_nifti(volume, full / "patient3.nii.gz")
    return low, full


@pytest.mark.parametrize("what", ["smaller", "moved", "alone", "colour"])
def test_pairs_that_do_not_fit_are_named_before_anything_is_trained(tmp_path: Path, what: str) -> None:
    clean = scan(3).astype(np.int16)[None]
    volumes = {
        "smaller": Volume.from_spacing(clean[..., :40], (2.0, 0.8, 0.8)),
        "moved": Volume.from_spacing(clean, (2.0, 0.8, 0.9)),
        "colour": Volume.from_spacing(np.concatenate([clean] * 3), (2.0, 0.8, 0.8)),
        "alone": Volume.from_spacing(clean, (2.0, 0.8, 0.8)),
    }
    low, full = spoiled(tmp_path, volumes[what])
    if what == "alone":
        (full / "patient3.nii.gz").unlink()
    sentences = {
        "smaller": "a pair must lie on one grid",
        "moved": "mm apart; a pair must lie on one grid",
        "colour": "one channel",
        "alone": "1 image of low has no partner (patient3.nii.gz)",
    }
    said = refused("run", low, "--target", full, *PATIENTS, "--hu", "--out", tmp_path / "study", *QUICK)
    assert sentences[what] in said
    assert not (tmp_path / "study").exists()


def test_restoring_asks_where_to_write_and_in_which_unit(trained: Path, tmp_path: Path) -> None:
    image = trained / "low" / "patient1.nii.gz"
    assert "must be written somewhere" in refused("predict", trained / "study", image)
    assert "do not go into one file" in refused(
        "predict", trained / "study", trained / "low", "--out", tmp_path / "a.nii"
    )
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    assert "exists already" in refused("predict", trained / "study", image, "--out", tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """The trained study's run, that a test may add to."""
    return shutil.copytree(trained / "study", tmp_path / "study") / "runs" / "run-001"


def test_a_restoration_is_attacked_and_the_report_tells_it(copied: Path) -> None:
    with torch_threads(1):
        found = radcnn.stress(copied, attack=("pgd", "fgsm"), budget=(5, 20)).as_json()["parts"]["attacks"]
    judged = json.loads((copied / "judgement-tuning.json").read_text())["table"]["network"]
    by_name = {one["attack"]: one["points"] for one in found["curves"]}

    def values(attack: str, figure: str) -> list[float]:
        return [point["figures"][figure]["value"] for point in by_name[attack]]

    assert values("pgd", "RMSE")[0] == pytest.approx(judged["RMSE"]["value"], rel=1e-4)
    assert values("pgd", "RMSE")[0] < values("pgd", "RMSE")[1] < values("pgd", "RMSE")[2]
    assert values("pgd", "RMSE")[2] >= values("fgsm", "RMSE")[2]
    assert values("pgd", "PSNR, soft tissue")[2] < values("pgd", "PSNR, soft tissue")[0]
    noise = "noise of the same size"
    assert values("pgd", "growth of the change")[2] > values(noise, "growth of the change")[2]
    hidden = {one["attack"]: one["points"] for one in found["hidden"]}
    seen = [point["figures"]["AUC in the restored image"]["value"] for point in hidden["lesions hidden by pgd"]]
    assert seen[2] < seen[0]
    told("report", copied, "--quiet")
    page = without_pixels((copied / "report.html").read_text())
    for words in ("Stress tests", "RMSE in HU", "discs of 5 mm and -30 HU", "Lesions hidden by pgd", "growth of the"):
        assert words in page


def test_test_pairs_are_attacked_only_where_that_is_asked_for(copied: Path) -> None:
    ledger = copied.parent.parent / "ledger.jsonl"
    before = ledger.read_text()
    options = ("--attack", "fgsm", "--budget", "0.1", "--in-noise", "--most", "1")
    found = told("stress", copied, *options, "--json").json["parts"]["attacks"]
    assert (found["n"], found["budget_unit"]) == (1, "noise sd")
    assert "and one has" in found["hidden"][0]["points"][0]["figures"]["AUC in the restored image"]["undefined"]
    assert ledger.read_text() == before
    told("stress", copied, *options, "--open-test", "--reason", "how stable is it")
    assert "how stable is it" in ledger.read_text()
