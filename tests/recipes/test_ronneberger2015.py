"""The U-Net of 2015: what it adds is left out in turn, and errors of its cells stand in one table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from cli_in_process import refused, told
from radcnn.plan.settings import NetworkPlan
from radcnn.recipes import outlining, ronneberger2015
from radcnn.recipes.ronneberger2015 import arms


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of a few kernels, small patches, a few steps."""
    small = {
        "unet2015": {"kernels": [2, 4]}, "lu2017": {"kernels": [2], "dense": 4, "last": 3},
        "modern_unet": {"kernels": [4, 8]},
    }  # fmt: skip

    def few(seed: int) -> MappingProxyType:
        made = {}
        for name, plan in arms(seed).items():
            network = NetworkPlan(plan.network.name, small[plan.network.name])
            made[name] = replace(plan, network=network, patch=(32, 32), training=replace(plan.training, epochs=2))
        return MappingProxyType(made)

    monkeypatch.setattr(ronneberger2015, "arms", few)
    for module in (ronneberger2015, outlining):
        monkeypatch.setattr(module, "EPOCHS", 2)


def test_what_the_paper_adds_is_left_out_in_turn(tmp_path: Path) -> None:
    asked = ("--images", "12", "--size", "96", "--minutes", "0.001", "--out", tmp_path / "out", "--quiet")
    said = told("reproduce", "ronneberger2015", *asked).out
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert list(found["table"]) == [f"{name}{looks}" for name in arms(0) for looks in ("", ", 8 looks")]
    assert set(found["table"]["U-Net of 2015"]) == set(ronneberger2015.SHOWN)
    assert found["table"]["U-Net of 2015, 8 looks"]["warping error"]["n"] == 4
    assert "SIMULATED" in said
    bundle = json.loads((tmp_path / "out" / "U-Net-of-2015" / "bundle" / "bundle.json").read_text())
    assert bundle["segmentation"]["border"] == 10
    assert bundle["segmentation"]["cells"] == ["cell"]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert "at least 12 patients" in refused("reproduce", "ronneberger2015", "--images", "3", *out)
    assert "64 pixels a side" in refused("reproduce", "ronneberger2015", "--images", "12", "--size", "20", *out)
