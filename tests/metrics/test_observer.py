"""The observer reaches what is possible in white noise, knows coloured noise, and is not fooled by its own data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radcnn.core.errors import InputError
from radcnn.metrics.observer import CHANNELS, d_prime, dense_gaussian_channels, detectability, trained_observer
from radcnn.metrics.ranking import auc

SIDE, MANY = 32, 1500
AT = np.arange(SIDE) - (SIDE - 1) / 2
LESION = np.exp(-(AT[:, None] ** 2 + AT[None, :] ** 2) / (2 * 3.0**2))


def noise(n: int, seed: int, sigma: float = 0.0) -> np.ndarray:
    white = np.random.default_rng(seed).normal(size=(n, SIDE, SIDE))
    return gaussian_filter(white, (0, sigma, sigma), mode="wrap") if sigma else white


def judged(contrast: float, sigma: float = 0.0) -> float:
    """The AUC on patches that the observer was not made from."""
    observer = trained_observer(noise(MANY, 1, sigma) + contrast * LESION, noise(MANY, 2, sigma))
    there, gone = noise(MANY, 3, sigma) + contrast * LESION, noise(MANY, 4, sigma)
    scores = np.concatenate([observer.scores(there), observer.scores(gone)])
    return auc(scores, np.arange(2 * MANY) < MANY)


def test_in_white_noise_it_comes_near_the_ideal_observer():
    contrast = 0.3
    ideal = contrast * math.sqrt((LESION**2).sum())
    assert 0.85 * ideal < d_prime(judged(contrast)) < 1.05 * ideal


def test_coarse_noise_hides_a_lesion_of_its_size():
    fine, coarse = noise(100, 5, 0.0), noise(100, 5, 3.0)
    contrast = 0.3
    assert judged(contrast * coarse.std() / fine.std(), 3.0) < judged(contrast) - 0.1


def test_more_contrast_is_seen_better_and_none_not_at_all():
    assert judged(0.0) == pytest.approx(0.5, abs=0.03)
    assert judged(0.1) < judged(0.2) < judged(0.4)


def test_channels_are_centred_and_see_no_mean():
    channels = dense_gaussian_channels(SIDE)
    assert channels.shape == (CHANNELS, SIDE, SIDE)
    assert np.allclose(channels, channels[:, ::-1, ::-1], atol=1e-9)
    assert np.allclose(channels.sum((1, 2)), 0, atol=1e-9)


def test_detectability_is_judged_on_other_patients_with_an_interval():
    patients = np.repeat(np.arange(40), 3)
    seen = detectability(noise(120, 6) + 0.3 * LESION, noise(120, 7), patients, patients)
    assert seen.low < seen.value < seen.high
    assert seen.patients == 40
    assert seen.value > 0.75
    nothing = detectability(noise(120, 6), noise(120, 7), patients, patients)
    assert nothing.low < 0.5 < nothing.high, "a template judged on its own patches would see a lesion in noise"


def test_too_few_patches_and_wrong_sizes_are_refused():
    with pytest.raises(InputError, match="needs more than 10 patches with and without the lesion, got 10 and 30"):
        trained_observer(noise(10, 0), noise(30, 1))
    with pytest.raises(InputError, match="of one size"):
        trained_observer(noise(30, 0), np.zeros((30, 8, 8)))
    with pytest.raises(InputError, match="every patch needs its patient"):
        detectability(noise(30, 0), noise(30, 1), [1], [2])
