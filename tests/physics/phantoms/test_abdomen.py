"""The abdomen: the same for the same seed, a liver of a usual size, lesions within it, no threshold finds it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from radcnn.core.chance import generator
from radcnn.core.errors import SettingsError
from radcnn.physics.phantoms.abdomen import AbdomenImage, abdomen_images, draw_abdomen
from radcnn.physics.phantoms.scan import Field

SMALL = Field(size=80, pixel_mm=4.0, height_mm=176.0, views=120, aimed=False)


@pytest.fixture(scope="module")
def images() -> list[AbdomenImage]:
    return list(abdomen_images(4, seed=1, field=SMALL))


def test_the_same_seed_gives_the_same_images(images: list[AbdomenImage]) -> None:
    again = draw_abdomen(generator(1, "physics", "abdomen", 1), SMALL)
    assert np.array_equal(again.hu, images[1].hu)
    assert np.array_equal(again.mask, images[1].mask)


def test_the_liver_has_a_usual_size_and_lesions_lie_in_it(images: list[AbdomenImage]) -> None:
    found = 0
    for one in images:
        ml = float((one.mask > 0).sum() * np.prod(one.spacing_mm) / 1000)
        assert 600 < ml < 2400
        liver = one.hu[one.mask == 1]
        assert 30 < liver.mean() < 135
        lesion = one.mask == 2
        found += int(lesion.any())
        if lesion.any():
            near = ndimage.binary_dilation(lesion, iterations=2) & ~lesion
            assert (one.mask[near] == 1).mean() > 0.4
        assert (one.lesions > 0) >= lesion.any()
    assert found >= 2


def test_no_threshold_finds_the_liver(images: list[AbdomenImage]) -> None:
    for one in images:
        values, mask = ndimage.gaussian_filter(one.hu.astype(np.float32), (0.5, 1, 1)), one.mask > 0
        best = 0.0
        for low in range(-20, 120, 10):
            for high in range(low + 20, 220, 20):
                made = (values >= low) & (values <= high)
                best = max(best, 2 * (made & mask).sum() / (made.sum() + mask.sum()))
        assert best < 0.85


def test_a_study_of_nobody_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1 patient"):
        list(abdomen_images(0))
