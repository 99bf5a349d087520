"""Sinograms in npz files: reconstructed in HU, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import radcnn
from cli_in_process import refused, told
from radcnn.physics.attenuation import MU_WATER_PER_MM
from radcnn.physics.beam import FanBeam, ParallelBeam
from radcnn.physics.ellipses import Ellipse, ellipse_sinogram

BEAM = ParallelBeam(views=120, detectors=100, detector_mm=1.5, size=100, pixel_mm=1.5)
WATER = [Ellipse(0, 0, 50, 50, MU_WATER_PER_MM)]


def arrays(**changes: object) -> dict[str, np.ndarray]:
    made: dict[str, object] = {
        "line_integrals": ellipse_sinogram(WATER, BEAM),
        "angles_deg": np.rad2deg(BEAM.angles),
        "detector_mm": 1.5,
    }
    made.update(changes)
    return {name: np.asarray(value) for name, value in made.items() if value is not None}


def saved(path: Path, **changes: object) -> Path:
    np.savez(path, **arrays(**changes))
    return path


@pytest.mark.parametrize(
    "words", [("fbp",), ("sirt",), ("cgls", "--iterations", "10"), ("tv", "--weight", "0.01", "--iterations", "200")]
)
def test_a_water_disc_is_water(tmp_path: Path, words: tuple[str, ...]) -> None:
    path, out = saved(tmp_path / "disc.npz"), tmp_path / "disc.nii.gz"
    said = told("reconstruct", path, "--method", *words, "--out", out, "--json").json
    made = radcnn.read(out)
    assert abs(float(made.voxels[0, 45:55, 45:55].mean())) < 15
    assert made.spacing_mm == (1.5, 1.5)
    assert said["residual"] < 0.1
    assert said["views"] == 120


def test_counts_of_a_fan_are_read_too(tmp_path: Path) -> None:
    beam = FanBeam(240, 160, 2.0, 90, 1.4, source_mm=400, detector_at_mm=700)
    counts = np.random.default_rng(0).poisson(1e6 * np.exp(-ellipse_sinogram(WATER, beam)))
    slices = np.stack([counts, counts]).astype(np.float32)
    path = saved(
        tmp_path / "fan.npz", line_integrals=None, counts=slices, open_beam=1e6, angles_deg=np.rad2deg(beam.angles),
        detector_mm=2.0, source_mm=400.0, detector_at_mm=700.0, slice_mm=2.5,
    )  # fmt: skip
    made = radcnn.reconstruct(path, kernel="hann", pixel_mm=1.4, size=90)
    assert made.volume.spacing_mm == (2.5, 1.4, 1.4)
    assert made.volume.units == "HU"
    assert abs(float(made.volume.voxels[0, 1, 40:50, 40:50].mean())) < 15
    assert "fbp of 240 views" in told("reconstruct", path).out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"angles_deg": None}, "has no array angles_deg: without the angle of each of its 120 views"),
        ({"angles_deg": np.arange(100)}, "has 120 views and 100 angles"),
        ({"angles_deg": np.full(120, np.nan)}, "angles_deg of scan.npz hold 120 values that are not finite"),
        ({"line_integrals": None}, "has neither line_integrals nor counts"),
        ({"line_integrals": np.zeros(5)}, "must be (views, detectors) or (slices, views, detectors)"),
        ({"line_integrals": np.full((120, 100), np.inf)}, "hold 12000 values that are not finite"),
        ({"line_integrals": None, "counts": -np.ones((120, 100)), "open_beam": 10.0}, "hold 12000 negative values"),
        ({"line_integrals": None, "counts": np.ones((120, 100))}, "has counts but no open_beam"),
        ({"line_integrals": None, "counts": np.ones((120, 100)), "open_beam": 0.0}, "must be positive"),
        ({"line_integrals": None, "counts": np.ones((120, 100)), "open_beam": np.ones(7)}, "does not fit counts"),
        ({"detector_mm": None}, "has no detector_mm"),
        ({"detector_mm": -1.0}, "must be one positive number"),
        ({"source_mm": 100.0}, "has source_mm but no detector_at_mm"),
        ({"source_mm": 100.0, "detector_at_mm": 50.0}, "the detector must lie behind"),
    ],
)
def test_what_cannot_be_reconstructed_is_named(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    path = saved(tmp_path / "scan.npz", **changes)
    assert said in refused("reconstruct", path, "--out", tmp_path / "out.nii.gz")
    assert not (tmp_path / "out.nii.gz").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "fpb"), "did you mean fbp"),
        (("--kernel", "han"), "did you mean hann"),
        (("--weight", "1"), "fbp takes no iterations or weight"),
        (("--method", "sirt", "--weight", "1"), "sirt takes no weight"),
        (("--pixel-mm", "-1"), "size and pixel_mm must be positive"),
        (("--out", "a.png"), "must end in .nii or .nii.gz"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused("reconstruct", saved(tmp_path / "scan.npz"), *words)


def test_what_is_no_npz_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.txt").touch()
    assert "is no npz file" in refused("reconstruct", tmp_path / "scan.txt")
