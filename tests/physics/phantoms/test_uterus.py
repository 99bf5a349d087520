"""Uteri in sagittal MR: tilted pears of a usual size, with disorders as often as in the paper."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from radcnn.core.errors import SettingsError
from radcnn.core.volume import Volume
from radcnn.physics.phantoms.mr_grid import SITES
from radcnn.physics.phantoms.uterus import DISORDERS, GRID, NONE, sagittal_affine, uterus_images
from radcnn.transforms.orientation import acquired_plane, towards_patient_axes


@pytest.fixture(scope="module")
def images() -> list:
    return list(uterus_images(6))


def test_a_uterus_is_of_a_usual_size_and_a_small_part_of_the_image(images: list) -> None:
    for one in images:
        assert one.values.shape == one.mask.shape == (GRID.slices, GRID.size, GRID.size)
        assert 25 < one.volume_ml < 600
        assert one.mask.sum() * np.prod(GRID.spacing_mm) / 1000 == pytest.approx(one.volume_ml, rel=0.1)
        assert 0.005 < one.mask.mean() < 0.2
        sizes = np.bincount(ndimage.label(one.mask, np.ones((3, 3, 3)))[0].ravel())[1:]
        assert sizes.max() > 0.9 * sizes.sum()  # a leiomyoma may hang from a stalk that is not drawn
        assert one.site in SITES
        assert one.disorder in (*DISORDERS, NONE)


def test_the_same_seed_gives_the_same_women(images: list) -> None:
    again = list(uterus_images(2))
    assert all(
        np.array_equal(a.values, b.values) and np.array_equal(a.mask, b.mask)
        for a, b in zip(again, images, strict=False)
    )
    assert len(Counter(one.values.tobytes() for one in images)) == len(images)
    with pytest.raises(SettingsError, match="at least 1 patient"):
        list(uterus_images(0))


def test_slices_are_sagittal() -> None:
    volume = Volume(np.zeros((1, GRID.slices, GRID.size, GRID.size), np.uint8), sagittal_affine(), frame="patient")
    assert volume.spacing_mm == pytest.approx(GRID.spacing_mm)
    head, front = volume.world(np.array([[4, 0, 96], [4, 96, 0]]))
    assert head[2] > 100
    assert front[1] < -100
    assert acquired_plane(volume) == "sagittal"
    upright = towards_patient_axes(volume, "sagittal")
    assert np.array_equal(upright.affine, volume.affine)  # type: ignore[arg-type]
