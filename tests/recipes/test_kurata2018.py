"""Uteri by a U-Net: every woman is tested once, with a disorder or without, in mm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_in_process import refused, told
from radcnn.physics.phantoms import uterus
from radcnn.recipes import kurata2018, outlining


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of a few kernels, small patches, a few steps."""
    for name, value in (("KERNELS", (4, 8)), ("PATCH", (32, 32)), ("EPOCHS", 2)):
        monkeypatch.setattr(kurata2018, name, value)
    monkeypatch.setattr(outlining, "EPOCHS", 2)
    coarse = uterus.MRGrid(pixel_mm=3.6, slice_mm=9.0, size=64, slices=4, planes=2)
    for module in (uterus, kurata2018):
        monkeypatch.setattr(module, "GRID", coarse)


def test_every_woman_is_tested_once(tmp_path: Path) -> None:
    asked = ("--images", "14", "--minutes", "0.001", "--out", tmp_path / "out", "--quiet")
    said = told("reproduce", "kurata2018", *asked).out
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    names = list(found["table"])
    assert names[0] == "all (14)"
    sick, healthy = (int(name.rpartition("(")[2].rstrip(")")) for name in names[1:])
    assert sick + healthy == 14
    assert found["table"]["all (14)"]["mean distance"]["n"] == 14
    assert "Dice with a disorder over Dice without" in said
    assert "SIMULATED" in said
    assert (tmp_path / "out" / "fold-3" / "bundle" / "bundle.json").is_file()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert "at least 12 patients" in refused("reproduce", "kurata2018", "--images", "3", *out)
    assert list(tmp_path.iterdir()) == []
