"""Masks come back from the files that they are written to, and a file that cannot hold one is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radcnn.core.errors import InputError
from radcnn.core.volume import Volume
from radcnn.data.masks.read import read_mask
from radcnn.data.masks.writing import mask_endings, refuse_ending, write_mask

AFFINE = np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("affine", [None, AFFINE])
@pytest.mark.parametrize("size", [(7, 9), (3, 7, 9)])
def test_labels_come_back(tmp_path: Path, size: tuple[int, ...], affine: np.ndarray | None, kind: type) -> None:
    image = Volume(np.zeros((1, *size)), affine)
    labels = np.random.default_rng(0).integers(0, np.iinfo(kind).max, size, dtype=kind)
    for ending in mask_endings(image):
        write_mask(Volume(labels[None], affine, "mask", image.frame), tmp_path / f"mask{ending}")
        assert np.array_equal(read_mask(tmp_path / f"mask{ending}", image).volume.voxels[0], labels)
    if affine is None and len(size) == 2:
        with Image.open(tmp_path / "mask.png") as found:
            assert found.mode == ("L" if kind is np.uint8 else "I;16")


@pytest.mark.parametrize(
    ("name", "size", "affine", "said"),
    [
        ("a.nii.gz", (7, 9), None, r"an image whose voxels' size is not known .* into a\.nii\.gz; give --out a\.png"),
        ("a.nii", (3, 7, 9), None, r"a volume whose voxels' size is not known .* into a\.nii; give --out a\.npz"),
        ("a.png", (3, 7, 9), AFFINE, r"a volume whose voxels' size is known .* into a\.png; give --out a\.nii\.gz"),
        ("a.npz", (7, 9), AFFINE, r"give --out a\.nii\.gz"),
    ],
)
def test_a_file_that_cannot_hold_a_mask_is_refused_with_one_that_can(
    name: str, size: tuple[int, ...], affine: np.ndarray | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        refuse_ending(Path(name), Volume(np.zeros((1, *size)), affine))
    for ending in mask_endings(image := Volume(np.zeros((1, *size)), affine)):
        refuse_ending(Path(f"a{ending}"), image)
