"""Filters that networks are compared with: they take noise away and leave edges, each at its best strength."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radcnn.core.errors import SettingsError
from radcnn.inference.classical import FILTERS, best_strength, bm3d, filtered
from written_pairs import scan

SD = 30.0


def images() -> tuple[np.ndarray, np.ndarray]:
    clean = scan(0, size=(2, 72, 72))
    return clean + np.random.default_rng(0).normal(0, SD, clean.shape).astype(np.float32), clean


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_beats_the_best_blur(name: str) -> None:
    noisy, clean = images()
    strength = best_strength(noisy, clean, FILTERS[name], [share * SD for share in (0.3, 0.6, 1.0, 1.5, 2.5, 4.0)])
    made = filtered(noisy, FILTERS[name], strength)
    blurred = min(rms(gaussian_filter(noisy, (0, s, s)) - clean) for s in (0.3, 0.5, 0.7, 1.0, 1.5))
    assert rms(made - clean) < 0.85 * blurred
    assert made.dtype == np.float32
    assert made.shape == noisy.shape


def test_white_noise_of_known_strength_is_what_bm3d_is_made_for() -> None:
    clean = gaussian_filter(np.random.default_rng(1).normal(0, 400, (96, 96)), 4).astype(np.float32)
    noisy = clean + np.random.default_rng(2).normal(0, SD, clean.shape).astype(np.float32)
    assert rms(bm3d(noisy, SD) - clean) < 0.35 * SD


def test_an_image_without_noise_stays_what_it_is() -> None:
    clean = scan(1, size=(1, 40, 40))[0]
    assert rms(bm3d(clean, 1e-3) - clean) < 1e-2


def test_values_move_along_with_the_image() -> None:
    noisy, _ = images()
    for name in FILTERS:
        first, second = (filtered(noisy[:1] + offset, FILTERS[name], SD) for offset in (0.0, 500.0))
        assert np.abs(second - 500 - first).mean() < 0.1, name


@pytest.mark.parametrize(("shape", "strength"), [((6, 30), 1.0), ((30, 30), 0.0)])
def test_bm3d_refuses_what_it_cannot_do(shape: tuple[int, int], strength: float) -> None:
    with pytest.raises(SettingsError, match="needs a strength above 0 and 8 pixels a side"):
        bm3d(np.zeros(shape, np.float32), strength)


def test_a_strength_must_be_given() -> None:
    noisy, clean = images()
    with pytest.raises(SettingsError, match="at least one strength"):
        best_strength(noisy, clean, bm3d, [])
