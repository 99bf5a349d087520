"""Noise of CT: its size against the dose, its colour, its dependence on the object."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.physics.attenuation import MU_WATER_PER_MM, mu_to_hu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, ellipse_sinogram
from radcnn.physics.kernels import KERNELS
from radcnn.physics.noise import Dose, noise_image, noise_variance, noisy_sinogram
from radcnn.physics.reconstruction import fbp

BEAM = ParallelBeam(views=90, detectors=100, detector_mm=1.0, size=64, pixel_mm=1.0)
DISC = ellipse_sinogram([Ellipse(0, 0, 40, 40, MU_WATER_PER_MM)], BEAM)
MANY = np.repeat(DISC[None], 24, axis=0)


def _sd(image: np.ndarray) -> float:
    return float(image[:, 20:44, 20:44].std())


def test_noise_falls_with_the_square_root_of_the_dose():
    chance = np.random.default_rng(0)
    sds = [_sd(noise_image(MANY, BEAM, KERNELS["hann"], Dose(photons, 0), chance)) for photons in (1e4, 4e4, 16e4)]
    np.testing.assert_allclose(np.divide(sds[:-1], sds[1:]), 2, rtol=0.03)


def test_noise_alone_equals_the_noise_of_a_whole_poisson_scan():
    dose = Dose(2e4, electronic=20)
    measured = noisy_sinogram(MANY, dose, np.random.default_rng(1))
    scanned = mu_to_hu(fbp(torch.from_numpy(measured), BEAM, KERNELS["soft"]).numpy())
    alone = noise_image(MANY, BEAM, KERNELS["soft"], dose, np.random.default_rng(2))
    assert _sd(alone) == pytest.approx(_sd(scanned), rel=0.03)
    assert abs(scanned[:, 20:44, 20:44].mean()) < 5


def test_variance_of_a_measured_ray_is_the_formula():
    p, dose = np.full(200_000, 3.0), Dose(1e4, electronic=15)
    assert noisy_sinogram(p, dose, np.random.default_rng(3)).var() == pytest.approx(
        float(noise_variance(np.array(3.0), dose)), rel=0.03
    )


def _power(kernel: str) -> tuple[float, float, float]:
    """Noise power at low, middle and high frequencies."""
    noise = noise_image(MANY, BEAM, KERNELS[kernel], Dose(1e4), np.random.default_rng(4))
    power = (np.abs(np.fft.fft2(noise * np.outer(np.hanning(64), np.hanning(64)))) ** 2).mean(axis=0)
    f = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None, :])
    low, middle, high = (power[(f > a) & (f < b)].mean() for a, b in ((0.01, 0.05), (0.15, 0.25), (0.45, 0.55)))
    return low, middle, high


def test_noise_is_coloured_like_the_filter_and_not_white():
    low, middle, _ = _power("ramp")
    assert middle > 3 * low  # the ramp takes the low frequencies away
    _, middle, high = _power("hann")
    assert middle > 3 * high  # the window the high ones


def test_noise_is_larger_where_rays_are_longer_and_kernels_sharper():
    wide = ellipse_sinogram([Ellipse(0, 0, 48, 20, 2 * MU_WATER_PER_MM)], BEAM)
    noise = noise_image(np.repeat(wide[None], 24, axis=0), BEAM, KERNELS["hann"], Dose(2e4), np.random.default_rng(5))
    assert noise[:, 31:33, 31:33].std() > 1.2 * noise[:, :4, 31:33].std()
    sharp, soft = (
        _sd(noise_image(MANY, BEAM, KERNELS[k], Dose(2e4), np.random.default_rng(6))) for k in ("ramp", "hann")
    )
    assert sharp > 1.5 * soft


def test_a_dose_without_photons_is_refused():
    with pytest.raises(SettingsError, match="photons above 0"):
        Dose(0)
