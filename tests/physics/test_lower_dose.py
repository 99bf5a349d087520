"""Lowered doses: noise grows as it should, is coloured as the scan's, lies where the rays are weak; real and made."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radcnn.core.errors import GeometryError, InputError, SettingsError
from radcnn.core.volume import Volume
from radcnn.physics.attenuation import MU_WATER_PER_MM, mu_to_hu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, ellipse_sinogram
from radcnn.physics.kernels import KERNELS
from radcnn.physics.lower_dose import lower_dose
from radcnn.physics.noise import Dose, noisy_sinogram
from radcnn.physics.reconstruction import fbp

SIDE, PIXEL_MM, PHOTONS = 128, 2.0, 2e5
BEAM = ParallelBeam(720, 190, PIXEL_MM, SIDE, PIXEL_MM)
BODY = [Ellipse(0, 0, 105, 75, 1.03 * MU_WATER_PER_MM), Ellipse(-40, 0, 25, 30, -0.8 * MU_WATER_PER_MM)]


def scanned(photons: float, seed: int, slices: int = 6) -> Volume:
    """A trunk with one lung at this dose."""
    clean = np.repeat(ellipse_sinogram(BODY, BEAM)[None], slices, axis=0)
    measured = noisy_sinogram(clean, Dose(photons), np.random.default_rng(seed))
    hu = mu_to_hu(fbp(torch.from_numpy(measured), BEAM, KERNELS["soft"]).numpy())
    return Volume.from_spacing(hu[None].astype(np.float32), (5.0, PIXEL_MM, PIXEL_MM), units="HU")


def noise_of(volume: Volume) -> np.ndarray:
    return volume.voxels[0] - volume.voxels[0].mean(axis=0)


FULL = scanned(PHOTONS, 0)


def test_the_scans_photons_are_found_from_its_noise():
    assert lower_dose(FULL, 0.5, chance=np.random.default_rng(1)).photons == pytest.approx(PHOTONS, rel=0.15)


@pytest.mark.parametrize("fraction", [0.5, 0.25, 0.1])
def test_a_lowered_scan_has_the_noise_of_a_scan_at_that_dose(fraction):
    lowered = lower_dose(FULL, fraction, chance=np.random.default_rng(2))
    scan = scanned(PHOTONS * fraction, 3)
    for part in ((slice(55, 73), slice(75, 100)), (slice(58, 70), slice(38, 50))):  # tissue, lung
        ours, wanted = (noise_of(volume)[:, *part].std() for volume in (lowered.volume, scan))
        assert ours == pytest.approx(wanted, rel=0.1)
    power = [np.abs(np.fft.fft2(noise_of(volume)[:, 48:80, 72:104])) ** 2 for volume in (lowered.volume, scan)]
    f = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32)[None, :])
    for low, high in ((0.03, 0.15), (0.15, 0.3), (0.3, 0.45)):
        ring = (f > low) & (f < high)
        ours, wanted = (found.mean(axis=0)[ring].mean() / found.mean() for found in power)
        assert ours == pytest.approx(wanted, rel=0.25), "the grain of the noise"
    assert lowered.noise_hu[1] > lowered.noise_hu[0]


def test_nothing_but_noise_is_added_and_a_seed_repeats_it():
    first, second = (lower_dose(FULL, 0.25, chance=np.random.default_rng(4)).volume for _ in range(2))
    assert np.array_equal(first.voxels, second.voxels)
    assert np.array_equal(first.affine, FULL.affine)
    apart = first.voxels - FULL.voxels
    assert abs(apart[..., 50:78, 70:100].mean()) < 1.0


def test_one_slice_that_is_not_square_is_lowered_too():
    image = Volume.from_spacing(FULL.voxels[:, 0, 20:, :], (PIXEL_MM, PIXEL_MM), units="HU")
    assert lower_dose(image, 0.5, chance=np.random.default_rng(5)).volume.voxels.shape == (1, 108, 128)


def test_a_real_series_is_lowered(real_data):
    from radcnn.data.read import read

    series = read(real_data / "ct_series")
    few = Volume(series.voxels[:, :4], series.affine, series.units, series.frame)
    quantum = lower_dose(few, 0.25, chance=np.random.default_rng(6), electronic=0)
    assert quantum.noise_hu[1] == pytest.approx(2 * quantum.noise_hu[0], rel=0.1), "a quarter of the photons"
    assert 1e4 < quantum.photons < 1e8
    usual = lower_dose(few, 0.25, chance=np.random.default_rng(6))
    assert usual.noise_hu[1] > quantum.noise_hu[1], "what the detector adds does not fall with the dose"


def test_what_cannot_be_lowered_is_refused():
    chance = np.random.default_rng(0)
    with pytest.raises(SettingsError, match="between 0 and 1, got 1"):
        lower_dose(FULL, 1.0, chance=chance)
    with pytest.raises(InputError, match="in grey"):
        lower_dose(Volume(np.zeros((1, 9, 9), np.float32), None, "grey"), 0.5, chance=chance)
    with pytest.raises(GeometryError, match="does not say"):
        lower_dose(Volume(np.zeros((1, 9, 9), np.float32), None, "HU"), 0.5, chance=chance)
    with pytest.raises(GeometryError, match="square pixels, got 1 x 2 mm"):
        lower_dose(Volume.from_spacing(np.zeros((1, 9, 9), np.float32), (1, 2), units="HU"), 0.5, chance=chance)
    air = Volume.from_spacing(np.full((1, 40, 40), -1000, np.float32), (1, 1), units="HU")
    with pytest.raises(InputError, match="too little soft tissue"):
        lower_dose(air, 0.5, chance=chance)
