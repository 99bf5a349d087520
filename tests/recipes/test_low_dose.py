"""Dose pairs: networks beside the input and the filters, at their dose and others, on simulated and on real scans."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli_in_process import refused, told
from radcnn.core.volume import Volume
from radcnn.data.nifti import write_nifti
from radcnn.inference import classical
from radcnn.physics.phantoms.dose_pairs import ChestField
from radcnn.plan.settings import NetworkPlan
from radcnn.recipes import dose_sweep, low_dose, real_scans, taught, ways
from written_pairs import noisy, scan


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of a few kernels, a few steps, one filter."""
    small = NetworkPlan("unet", {"kernels": [4, 8], "norm": "none"})
    for name in ("CHEN", "RED", "NISHIO"):
        made = getattr(low_dose, name)
        monkeypatch.setattr(low_dose, name, made.__class__(**{**vars(made), "network": small, "batch": 4}))
    monkeypatch.setattr(dose_sweep, "UNET", replace(dose_sweep.UNET, network=small, batch=4))
    for module in (taught, low_dose):
        monkeypatch.setattr(module, "EPOCHS", 2, raising=False)
    monkeypatch.setattr(ways, "FILTERS", {"non-local means": classical.non_local_means})
    monkeypatch.setattr(ways, "STRENGTHS", (0.6, 1.0))


def small(tmp_path: Path, *more: str | Path) -> tuple[str | Path, ...]:
    return "--size", "64", "--images", "9", "--minutes", "0.002", "--out", tmp_path / "out", "--quiet", *more


def test_two_networks_stand_beside_input_and_filters(tmp_path: Path) -> None:
    said = told("reproduce", "redcnn", *small(tmp_path)).out
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert list(found["table"]) == ["input", "non-local means", "redcnn", "chen2017"]
    assert found["table"]["redcnn"]["RMSE"]["n"] == 3
    assert set(found["more"]) == {
        "tested at 20 % of the dose, trained at 10 %", "tested at 5 % of the dose, trained at 10 %",
        "tested at 2.5 % of the dose, trained at 10 %", "tested on a sharp kernel, trained on a soft one",
    }  # fmt: skip
    assert "SIMULATED" in said
    assert re.search(r"redcnn over chen2017, patient by patient: PSNR, soft tissue -?\d", said)
    bundle, made = tmp_path / "out" / "redcnn" / "bundle", tmp_path / "made.nii.gz"
    image, _ = two_scans(tmp_path / "scans")
    said = refused("predict", bundle, image, "--out", made)
    assert "in arbitrary units, but the network learned from images in HU; --hu says" in said
    told("predict", bundle, image, "--hu", "--out", made)
    first = made.read_bytes()
    assert "exists already" in refused("predict", bundle, image, "--hu", "--out", made)
    assert made.read_bytes() == first


def two_scans(folder: Path) -> list[Path]:
    folder.mkdir()
    made = []
    for k in range(2):
        clean = scan(k, size=(4, 96, 96))
        values = np.rint(clean + (noisy(clean, k) - clean) / 6).astype(np.int16)
        made.append(folder / f"scan{k}.nii.gz")
        write_nifti(Volume.from_spacing(values[None], (3.0, 2.5, 2.5), "HU"), made[-1])
    return made


def test_real_scans_are_tested_by_networks_that_did_not_see_them(tmp_path: Path) -> None:
    two_scans(tmp_path / "scans")
    told("reproduce", "chen2017", *small(tmp_path, "--scans", tmp_path / "scans"))
    found = json.loads((tmp_path / "out" / "result.json").read_text())["more"]
    for name in ("trained on simulated ones", "trained on the other scans"):
        table = found[f"real scans at 10 % of the dose, {name}"]
        assert table["chen2017"]["RMSE"]["n"] == 2
    assert "but for tables of real scans" in (tmp_path / "out" / "result.txt").read_text()
    for name, simulated in (("chen2017-without-scan-1", False), ("chen2017", True)):
        bundle = json.loads((tmp_path / "out" / name / "bundle" / "bundle.json").read_text())
        assert bundle["synthetic"] is simulated


def test_a_sweep_gives_the_observers_auc_at_each_dose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dose_sweep, "TRAINING", 2)
    monkeypatch.setattr(dose_sweep, "TUNING", 1)
    monkeypatch.setattr(dose_sweep, "DOSES", (1.0, 0.05))
    monkeypatch.setattr(dose_sweep, "ChestField", lambda size: ChestField(size, slices=3))
    told(
        "reproduce",
        "dose-sweep",
        "--size",
        "128",
        "--images",
        "13",
        "--minutes",
        "0.01",
        "--out",
        tmp_path / "s",
        "--quiet",
    )
    found = json.loads((tmp_path / "s" / "result.json").read_text())
    aucs = found["table"]["AUC, input"]
    assert aucs["100 % of the dose"]["value"] > aucs["5 % of the dose"]["value"]
    assert aucs["5 % of the dose"]["low"] < aucs["5 % of the dose"]["high"]
    assert list(found["more"]["5 % of the dose"]) == ["input", "non-local means", "U-Net"]


def test_a_sweep_without_places_for_lesions_is_refused_before_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in (("TRAINING", 2), ("TUNING", 1), ("ENOUGH_PLACES", 500)):
        monkeypatch.setattr(dose_sweep, name, number)
    few = ("--size", "64", "--images", "13", "--quiet", "--out", tmp_path / "s")
    assert "the observer needs 500 places in even tissue" in refused("reproduce", "dose-sweep", *few)
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert "images must be at least 9 patients" in refused("reproduce", "redcnn", "--images", "3", *out)
    assert "does not exist" in refused("reproduce", "redcnn", "--scans", tmp_path / "none", *out)
    assert "redcnn takes no views" in refused("reproduce", "redcnn", "--views", "50", *out)
    assert "minutes must be positive" in refused("reproduce", "nishio2017", "--minutes", "0", *out)
    assert list(tmp_path.iterdir()) == []


def test_strengths_are_chosen_on_the_middles_of_scans_of_any_size() -> None:
    first = np.arange(3 * 64 * 80, dtype=np.float32).reshape(3, 64, 80)
    second = np.zeros((5, 70, 66), np.float32)
    low, full = real_scans.middles([(first, first + 1), (second, second + 1)])
    assert low.shape == full.shape == (2, 64, 66)
    assert np.array_equal(low[0], first[1, :, 7:73])
    assert (full == low + 1).all()
