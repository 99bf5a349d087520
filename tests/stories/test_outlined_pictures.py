"""A network that learned from PNG pairs outlines new PNG files as PNG: nothing here knows a millimetre."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli_in_process import refused, told
from radcnn.physics.phantoms.neuropil import sections

QUICK = (
    *("--set", "network.options.kernels=[8, 16]", "--set", "segmentation.steps=25", "--set", "training.epochs=2"),
    *("--set", "training.learning_rate=0.01", "--set", "training.precision=float32", "--quiet", "--keep-sealed"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, new ones among them, and a study of the others."""
    folder = tmp_path_factory.mktemp("pictures")
    for k, one in enumerate(sections(10, size=64)):
        for part, values in (("images", one.levels), ("labels", one.mask)):
            place = folder / ("em" if k < 8 else "new") / part / f"{k}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(place)
    told("run", folder / "em", "--unit", "image", "--structure", "cell=255", "--out", folder / "study", *QUICK)
    return folder


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)


def test_new_pictures_have_masks_of_their_rows_and_columns(trained: Path, tmp_path: Path) -> None:
    told("predict", trained / "study", trained / "new" / "images", "--out", tmp_path / "out", "--quiet")
    said = json.loads((tmp_path / "out" / "volumes.json").read_text())
    assert [one["masks"]["cell"] for one in said["images"]] == [{"file": f"{k}.png", "label": 255} for k in (8, 9)]
    for k, one in zip((8, 9), said["images"], strict=True):
        made, wanted = pixels(tmp_path / "out" / f"{k}.png"), pixels(trained / "new" / "labels" / f"{k}.png")
        assert made.dtype == np.uint8
        assert set(np.unique(made)) == {0, 255}
        assert np.mean(made == wanted) > 0.6
        assert one["voxels"] == {"cell": int((made == 255).sum())}


def test_one_picture_is_written_as_png_and_not_as_nifti(trained: Path, tmp_path: Path) -> None:
    image = trained / "new" / "images" / "9.png"
    said = refused("predict", trained / "study", image, "--out", tmp_path / "mask.nii.gz", "--quiet")
    assert "give --out mask.png" in said
    wrote = told("predict", trained / "study", image, "--out", tmp_path / "mask.png", "--quiet").out
    assert f"wrote {tmp_path / 'mask.png'}" in wrote
    assert pixels(tmp_path / "mask.png").shape == (64, 64)
