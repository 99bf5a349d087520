"""The pelvis: the same for the same seed, a prostate of a usual size, and no threshold that finds it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from radcnn.core.chance import generator
from radcnn.core.errors import SettingsError
from radcnn.physics.phantoms.mr_grid import SITES
from radcnn.physics.phantoms.pelvis import draw_pelvis, pelvis_images


@pytest.fixture(scope="module")
def images() -> list:
    return list(pelvis_images(4, seed=3))


def test_the_same_seed_gives_the_same_images(images: list) -> None:
    again = draw_pelvis(generator(3, "physics", "pelvis", 2))
    assert np.array_equal(again.values, images[2].values)
    assert np.array_equal(again.mask, images[2].mask)
    assert not np.array_equal(images[0].values, images[1].values)


def test_the_prostate_is_one_piece_of_a_usual_size_and_a_small_part_of_the_image(images: list) -> None:
    for one in images:
        assert 15 < one.volume_ml < 120
        assert one.mask.sum() * 0.8**2 * 3.6 / 1000 == pytest.approx(one.volume_ml, rel=0.05)
        assert 0.008 < one.mask.mean() < 0.08
        assert ndimage.label(one.mask)[1] == 1
        assert one.site in SITES


def test_no_threshold_finds_it(images: list) -> None:
    for one in images:
        values = ndimage.gaussian_filter(one.values.astype(np.float32), (0, 1.5, 1.5))
        mask = one.mask > 0
        best = 0.0
        for low in np.quantile(values, np.linspace(0, 0.9, 10)):
            for high in np.quantile(values, np.linspace(0.1, 1, 10)):
                made = (values >= low) & (values <= high)
                best = max(best, 2 * (made & mask).sum() / (made.sum() + mask.sum()))
        assert best < 0.5


def test_a_study_of_nobody_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1 patient"):
        list(pelvis_images(0))
