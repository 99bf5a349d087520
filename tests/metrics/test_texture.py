"""Noise power, sharpness and contrast: of noise and edges whose figures are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radcnn.core.errors import InputError
from radcnn.metrics.texture import (
    FrequencyCurve,
    contrast_to_noise,
    disc_transfer,
    frequency_at,
    mean_frequency,
    noise_power_spectrum,
)


def noise(sigma: float, n: int = 60, side: int = 64) -> np.ndarray:
    white = np.random.default_rng(0).normal(0, 10, (n, side, side))
    return gaussian_filter(white, (0, sigma, sigma), mode="wrap") if sigma else white


@pytest.mark.parametrize(("sigma", "pixel_mm"), [(0.0, 0.7), (1.0, 0.7), (2.0, 1.3)])
def test_noise_power_is_that_of_filtered_white_noise(sigma, pixel_mm):
    found = noise_power_spectrum(noise(sigma), pixel_mm)
    f = found.frequency_per_mm[1:]
    wanted = 100 * pixel_mm**2 * np.exp(-2 * (2 * math.pi * f * sigma * pixel_mm) ** 2 / 2)
    low = f * pixel_mm < 0.25
    assert found.value[1:][low] == pytest.approx(wanted[low], rel=0.12)
    assert f[-1] == pytest.approx(0.5 / pixel_mm)


def test_the_integral_of_the_power_is_the_variance():
    found = noise_power_spectrum(noise(1.5), 0.8)
    ring = 2 * math.pi * found.frequency_per_mm * (found.frequency_per_mm[1] - found.frequency_per_mm[0])
    assert (found.value * ring).sum() == pytest.approx(noise(1.5).var(), rel=0.03)


def test_coarse_noise_has_a_lower_mean_frequency():
    found = [mean_frequency(noise_power_spectrum(noise(sigma), 1.0)) for sigma in (0.0, 1.0, 2.0)]
    assert found[0] > found[1] > found[2]
    assert math.isnan(mean_frequency(FrequencyCurve(np.arange(3.0), np.zeros(3))))


def disc(sigma: float, contrast: float = 100.0, pixel_mm: float = 0.8) -> np.ndarray:
    k = 5
    at = (np.arange(128 * k) + 0.5) / k - 0.5
    fine = contrast * (np.hypot(at[:, None] - 63.3, at[None, :] - 60.8) * pixel_mm < 25)
    return gaussian_filter(fine.reshape(128, k, 128, k).mean((1, 3)), sigma)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
@pytest.mark.parametrize("contrast", [100.0, -30.0])
def test_the_transfer_of_a_blurred_disc_is_that_of_its_blur(sigma, contrast):
    found = disc_transfer(disc(sigma, contrast), (63.3, 60.8), 25, 0.8)
    wanted = np.exp(-2 * (math.pi * found.frequency_per_mm * sigma * 0.8) ** 2)
    assert found.value == pytest.approx(wanted, abs=0.06)
    half = math.sqrt(math.log(2) / 2) / (math.pi * sigma * 0.8)
    assert frequency_at(found, 0.5) == pytest.approx(half, rel=0.06)


def test_a_curve_that_never_falls_so_low_has_no_frequency():
    flat = FrequencyCurve(np.array([0.0, 0.1]), np.array([1.0, 0.9]))
    assert math.isnan(frequency_at(flat, 0.5))
    assert frequency_at(flat, 0.95) == pytest.approx(0.05)
    assert frequency_at(flat, 1.0) == 0


def test_contrast_to_noise():
    image, lesion = noise(0.0)[0], np.zeros((64, 64), bool)
    lesion[20:30, 20:30] = True
    assert contrast_to_noise(image + 50 * lesion, lesion, ~lesion) == pytest.approx(5, abs=0.3)
    assert contrast_to_noise(1.0 * lesion, lesion, ~lesion) == math.inf


def test_what_means_nothing_is_refused():
    with pytest.raises(InputError, match=r"\(n, rows, rows\)"):
        noise_power_spectrum(np.zeros((3, 8, 9)), 1.0)
    with pytest.raises(InputError, match="within the image"):
        disc_transfer(np.zeros((60, 60)), (30, 30), 28, 1.0)
    with pytest.raises(InputError, match="not empty"):
        contrast_to_noise(np.zeros((4, 4)), np.zeros((4, 4)), np.ones((4, 4)))
