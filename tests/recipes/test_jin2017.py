"""FBPConvNet on few images: every way is in the table, with its interval, and the network gains over FBP."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cli_in_process import refused, told
from radcnn.core.chance import generator
from radcnn.core.errors import SettingsError
from radcnn.physics.ellipses import draw_ellipses
from radcnn.physics.phantoms.random_ellipses import ellipse_images, full_beam, random_ellipses, step_of
from radcnn.recipes import jin2017, taught


def test_all_ways_stand_in_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jin2017, "WIDTHS", (8,))
    monkeypatch.setattr(jin2017, "ITERATIONS", 60)
    monkeypatch.setattr(jin2017, "WEIGHTS", (30.0,))
    monkeypatch.setattr(taught, "EPOCHS", 4)
    monkeypatch.setattr(jin2017, "EPOCHS", 4)
    small = ("--size", "32", "--views", "10", "--images", "110", "--minutes", "0.02")
    said = told("reproduce", "jin2017", *small, "--out", tmp_path / "j", "--quiet").out
    found = json.loads((tmp_path / "j" / "result.json").read_text())
    ways = ["FBP", "CGLS", "total variation", "FBPConvNet", "without the residual connection",
            "from the sinogram, without FBP"]  # fmt: skip
    assert list(found["table"]) == ways
    assert found["synthetic"]
    assert "SIMULATED" in said
    snr = {way: row["regressed SNR (dB)"]["value"] for way, row in found["table"].items()}
    assert snr["FBPConvNet"] > snr["FBP"] + 1
    assert snr["total variation"] > snr["FBP"] + 1
    assert found["table"]["FBPConvNet"]["over FBP (dB)"]["low"] > 0
    assert found["table"]["FBP"]["over FBP (dB)"]["value"] == 0
    assert jin2017.PAPER[50] not in said, "10 views are not the paper's"


def test_other_numbers_of_views_are_refused_with_those_that_exist(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "j")
    assert "no even step leaves 60 of 1000 views; take 56, 59, 63" in refused(
        "reproduce", "jin2017", "--views", "60", *out
    )
    assert "size must be a multiple of 16" in refused("reproduce", "jin2017", "--size", "100", *out)
    assert "images must be at least 110" in refused("reproduce", "jin2017", "--images", "20", *out)
    assert "did you mean jin2017" in refused("reproduce", "jin201", *out)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "exists already" in refused("reproduce", "jin2017", "--out", tmp_path)


def test_the_systems_are_listed() -> None:
    assert "jin2017" in told("systems").out
    assert "jin2017" in {one["id"] for one in told("systems", "--json").json}


def test_ellipses_lie_within_the_field_and_are_the_same_for_one_seed() -> None:
    beam = full_beam(64)
    for k in range(5):
        image = draw_ellipses(random_ellipses(generator(k, "test")), beam)
        y, x = np.meshgrid(beam.pixels_mm, beam.pixels_mm, indexing="ij")
        assert np.all(image[np.hypot(x, y) > 0.91 * 256] == 0)
    first, again = (list(ellipse_images(3, 20, size=32, seed=1)) for _ in range(2))
    assert all(
        np.array_equal(a.full, b.full) and np.array_equal(a.sinogram, b.sinogram)
        for a, b in zip(first, again, strict=True)
    )
    assert first[0].sinogram.shape == (50, 46)


@pytest.mark.parametrize(("views", "step"), [(50, 20), (143, 7), (1000, 1), (500, 2)])
def test_views_are_kept_evenly(views: int, step: int) -> None:
    assert step_of(views) == step
    assert full_beam(32).every(step).views == views


def test_images_need_some_pixels() -> None:
    with pytest.raises(SettingsError, match="at least 16 pixels"):
        full_beam(8)
