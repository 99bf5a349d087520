"""The noise of an image from the image alone."""

from __future__ import annotations

import math

import numpy as np

from radcnn.metrics.noise_level import noise_sd

DICE = np.random.default_rng(0)


def test_structures_hardly_change_what_is_found() -> None:
    grid = np.linspace(0, 6, 128)
    anatomy = 300 * np.sin(grid)[:, None] * np.cos(2 * grid)[None]
    anatomy[30:60, 40:70] += 400
    assert abs(noise_sd(anatomy + DICE.normal(0, 10, (128, 128))) - 10) < 1


def test_clipped_air_does_not_count() -> None:
    image = np.clip(DICE.normal(40, 20, (128, 128)), -1000, 400)
    image[:, :90] = -1000
    assert abs(noise_sd(image) - 20) < 1.5


def test_an_image_without_enough_unclipped_pixels_has_no_figure() -> None:
    assert math.isnan(noise_sd(np.zeros((1, 64, 64))))
    assert math.isnan(noise_sd(DICE.normal(0, 1, (4, 4))))
