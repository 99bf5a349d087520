"""Livers by patches and a cut, lesions by a cascade and a field: tables in mm with both, with and without."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cli_in_process import refused, told
from radcnn.core.volume import Volume
from radcnn.inference.refining import choice
from radcnn.physics.phantoms.abdomen import abdomen_images
from radcnn.physics.phantoms.scan import Field
from radcnn.plan.settings import NetworkPlan
from radcnn.recipes import livers, outlining
from radcnn.recipes.outlining import Masked


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small scans, networks of a few kernels, a few steps, two draws."""
    field = Field(size=48, pixel_mm=6.0, height_mm=176.0, views=60, aimed=False)
    monkeypatch.setattr(livers, "abdomen_images", partial(abdomen_images, field=field))
    monkeypatch.setattr(livers, "LU_GRID_MM", (10.0, 8.0, 8.0))
    monkeypatch.setattr(livers, "LU_PATCH", (4, 12, 12))
    monkeypatch.setattr(livers, "CHRIST_PATCH", (48, 48))
    for module in (livers, outlining):
        monkeypatch.setattr(module, "EPOCHS", 2)
    monkeypatch.setattr(choice, "DRAWS", 2)
    small = {"modern_unet": {"kernels": [4, 8]}, "lu2017": {"kernels": [4], "dense": 8, "last": 3}}
    monkeypatch.setattr(livers, "NetworkPlan", lambda name, options: NetworkPlan(name, small[name]))


def asked(tmp_path: Path) -> tuple[str | Path, ...]:
    return "--images", "12", "--minutes", "0.001", "--out", tmp_path / "out", "--quiet"


def test_a_graph_cut_stands_beside_what_it_refines(tmp_path: Path) -> None:
    said = told("reproduce", "lu2017", *asked(tmp_path)).out
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert list(found["table"]) == [
        f"{network}{more}"
        for network in ("patch classifier", "3D U-Net")
        for more in ("", ", graph cut", ", dense field")
    ]
    assert found["table"]["patch classifier, graph cut"]["mean distance"]["n"] == 4
    assert "SIMULATED" in said


def test_a_cascade_stands_beside_one_network(tmp_path: Path) -> None:
    told("reproduce", "christ2016", *asked(tmp_path))
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    rows = ["one network", "cascade", "one network, dense field", "cascade, dense field"]
    assert list(found["table"]) == list(found["more"]["the liver"]) == rows
    assert "lesion sensitivity" in found["table"]["cascade"]
    assert (tmp_path / "out" / "lesion" / "bundle" / "bundle.json").is_file()


def test_the_second_network_is_not_asked_about_what_lies_beyond_the_liver() -> None:
    labels = np.array([[[0, 1, 2]]], np.uint8)
    one = Masked("a", Volume(labels[None].astype(np.int16), None), labels)
    assert livers.within_liver(one).labels.tolist() == [[[livers.OUTSIDE, 0, 2]]]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert "at least 12 patients" in refused("reproduce", "lu2017", "--images", "3", *out)
    assert "minutes must be positive" in refused("reproduce", "christ2016", "--minutes", "0", *out)
    assert list(tmp_path.iterdir()) == []
