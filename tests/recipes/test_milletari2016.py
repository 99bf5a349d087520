"""V-Net by two losses: a table with both, what one leads by, bundles that outline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_in_process import refused, told
from radcnn.recipes import milletari2016, outlining


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A V-Net of two kernels, small patches, a few steps."""
    for name, value in (("KERNELS", 2), ("PATCH", (8, 32, 32)), ("GRID_MM", (3.6, 3.2, 3.2)), ("EPOCHS", 2)):
        monkeypatch.setattr(milletari2016, name, value)
    monkeypatch.setattr(outlining, "EPOCHS", 2)


def test_both_losses_stand_in_one_table(tmp_path: Path) -> None:
    asked = ("--images", "12", "--minutes", "0.001", "--out", tmp_path / "out", "--quiet")
    said = told("reproduce", "milletari2016", *asked).out
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert list(found["table"]) == ["Dice loss", "logistic loss"]
    assert found["table"]["Dice loss"]["Dice"]["n"] == 4
    assert "Dice loss over logistic loss, patient by patient: Dice" in said
    assert "SIMULATED" in said
    bundle = json.loads((tmp_path / "out" / "Dice-loss" / "bundle" / "bundle.json").read_text())
    assert bundle["segmentation"]["loss"] == "vdice"
    assert bundle["synthetic"] is True


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert "at least 12 patients" in refused("reproduce", "milletari2016", "--images", "3", *out)
    assert "minutes must be positive" in refused("reproduce", "milletari2016", "--minutes", "0", *out)
    assert list(tmp_path.iterdir()) == []
