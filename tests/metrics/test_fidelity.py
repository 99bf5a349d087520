"""Figures of restored images: against their formulas, computed another way, and where they begin and end."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radcnn.core.errors import InputError, SettingsError
from radcnn.metrics.fidelity import psnr, regressed_snr, rms_error, ssim, vif, windowed

RNG = np.random.default_rng(0)
REFERENCE = np.cumsum(np.cumsum(RNG.normal(size=(64, 72)), 0), 1)
REFERENCE = (REFERENCE - REFERENCE.min()) / np.ptp(REFERENCE)


def noisy(sd: float, shape: tuple[int, ...] = (64, 72)) -> np.ndarray:
    return REFERENCE + np.random.default_rng(1).normal(0, sd, shape)


def ssim_by_definition(image: np.ndarray, reference: np.ndarray, data_range: float) -> float:
    """Window by window, as the paper says it."""
    at = np.arange(-5, 6)
    line = np.exp(-(at**2) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    found = []
    for r in range(5, image.shape[0] - 5):
        for c in range(5, image.shape[1] - 5):
            x, y = image[r - 5 : r + 6, c - 5 : c + 6], reference[r - 5 : r + 6, c - 5 : c + 6]
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            both = (weights * (x - mx) * (y - my)).sum()
            found.append((2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return float(np.mean(found))


@pytest.mark.parametrize("sd", [0.01, 0.2])
def test_ssim_is_its_definition(sd):
    assert ssim(noisy(sd), REFERENCE, data_range=1.0) == pytest.approx(ssim_by_definition(noisy(sd), REFERENCE, 1.0))


def test_peers_agree():
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is in the extra [peers]")
    usual = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    assert ssim(noisy(0.1), REFERENCE, data_range=1.0) == pytest.approx(
        metrics.structural_similarity(noisy(0.1), REFERENCE, **usual), abs=1e-12
    )
    assert psnr(noisy(0.1), REFERENCE, data_range=1.0) == pytest.approx(
        metrics.peak_signal_noise_ratio(REFERENCE, noisy(0.1), data_range=1.0)
    )


def test_equal_images_are_at_the_end_of_every_scale():
    assert rms_error(REFERENCE, REFERENCE) == 0
    assert psnr(REFERENCE, REFERENCE, data_range=1) == math.inf
    assert ssim(REFERENCE, REFERENCE, data_range=1) == pytest.approx(1)
    assert vif(REFERENCE, REFERENCE, data_range=1) == pytest.approx(1, abs=1e-6)
    assert regressed_snr(REFERENCE, REFERENCE) == math.inf


@pytest.mark.parametrize("figure", [ssim, psnr, vif])
def test_more_noise_is_worse_and_units_do_not_matter(figure):
    values = [figure(noisy(sd), REFERENCE, data_range=1.0) for sd in (0.01, 0.05, 0.2)]
    assert values[0] > values[1] > values[2]
    scaled = figure(1000 * noisy(0.05), 1000 * REFERENCE, data_range=1000.0)
    assert scaled == pytest.approx(values[1])


def test_psnr_follows_the_noise():
    assert psnr(noisy(0.05), REFERENCE, data_range=1.0) == pytest.approx(-20 * math.log10(0.05), abs=0.2)


def test_sharpening_raises_the_information_above_the_references():
    middle = REFERENCE.mean()
    assert vif(middle + 1.3 * (REFERENCE - middle), REFERENCE, data_range=1.0) > 1


def test_scale_and_offset_cost_no_regressed_snr():
    assert regressed_snr(3 * REFERENCE - 7, REFERENCE) == math.inf
    plain = regressed_snr(noisy(0.1), REFERENCE)
    assert regressed_snr(5 * noisy(0.1) + 2, REFERENCE) == pytest.approx(plain)
    unfitted = 10 * math.log10((REFERENCE**2).sum() / ((noisy(0.1) - REFERENCE) ** 2).sum())
    assert plain >= unfitted
    assert regressed_snr(REFERENCE, 0 * REFERENCE) == -math.inf


def test_volumes_have_figures_too():
    volume = RNG.normal(size=(48, 49, 50))
    assert ssim(volume, volume, data_range=1.0) == pytest.approx(1)
    assert vif(volume, volume, data_range=1.0) == pytest.approx(1, abs=1e-6)


def test_a_window_clips():
    assert windowed(REFERENCE, 0.2, 0.4).min() == 0.2
    with pytest.raises(SettingsError, match="window must end above its beginning, got 4 to 4"):
        windowed(REFERENCE, 4, 4)


def test_what_means_nothing_is_refused():
    with pytest.raises(InputError, match=r"one size, got \(64, 72\) and \(3,\)"):
        rms_error(REFERENCE, [1, 2, 3])
    with pytest.raises(InputError, match="NaN or infinite"):
        psnr(np.where(REFERENCE > 0.9, np.nan, REFERENCE), REFERENCE, data_range=1)
    with pytest.raises(SettingsError, match="data range must be positive, got 0"):
        ssim(REFERENCE, REFERENCE, data_range=0)
    with pytest.raises(InputError, match="at least 11 pixels"):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)), data_range=1)
    with pytest.raises(InputError, match="larger images"):
        vif(np.zeros((20, 20)), np.zeros((20, 20)), data_range=1)
