"""A beam of many energies: hardening, its correction for water, what bone leaves of it, and its noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.physics.attenuation import MU_WATER_PER_MM, mu_to_hu
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, ellipse_sinogram
from radcnn.physics.noise import Dose, detector_blur, hardened_sinogram
from radcnn.physics.reconstruction import fbp
from radcnn.physics.spectrum import ENERGIES_KEV, MASS_ATTENUATION_CM2_PER_G, Spectrum, attenuation_per_mm

BEAM = ParallelBeam(views=180, detectors=160, detector_mm=2.0, size=128, pixel_mm=2.0)
WATER = [Ellipse(0, 0, 110, 110, 1.0)]
BONES = [Ellipse(-55, 0, 14, 14, 1.0), Ellipse(55, 0, 14, 14, 1.0)]


def lengths() -> tuple[np.ndarray, np.ndarray]:
    """Millimetres of water and of bone along every ray: two bones in a disc of water."""
    bone = ellipse_sinogram(BONES, BEAM)
    return ellipse_sinogram(WATER, BEAM) - bone, bone


def hu(line_integrals: np.ndarray) -> np.ndarray:
    return mu_to_hu(fbp(torch.from_numpy(line_integrals), BEAM).numpy())


def test_attenuation_is_that_of_the_table_and_falls_between():
    for material, known in MASS_ATTENUATION_CM2_PER_G.items():
        found = attenuation_per_mm(material, np.array(ENERGIES_KEV))
        assert found / found[0] == pytest.approx(np.array(known) / known[0])
        assert (np.diff(attenuation_per_mm(material, np.linspace(15, 150, 200))) < 0).all()
    at_70 = attenuation_per_mm("water", np.array([70.0]))[0]
    assert at_70 == pytest.approx(MU_WATER_PER_MM, rel=0.01), "the one energy of attenuation.py"


def test_a_spectrum_holds_all_photons_and_is_harder_behind_more():
    usual, filtered = Spectrum(), Spectrum(filtration_mm=20)
    assert usual.photons.sum() == pytest.approx(1)
    assert usual.transmitted(np.array(0.0)).sum() == pytest.approx(1)
    assert (usual.transmitted(np.array([50.0, 100.0])).sum(-1) < 1).all()
    assert filtered.effective_kev > usual.effective_kev > Spectrum(80).effective_kev
    per_mm = usual.line_integrals(np.array([1.0, 100.0, 300.0])) / [1, 100, 300]
    assert (np.diff(per_mm) < 0).all()


def test_uncorrected_water_cups_and_corrected_water_is_flat():
    spectrum = Spectrum()
    water = ellipse_sinogram(WATER, BEAM)
    measured = spectrum.line_integrals(water)
    scaled = measured * (MU_WATER_PER_MM * water.max() / measured.max())
    middle, rim = (slice(60, 68), slice(60, 68)), (slice(60, 68), slice(14, 18))
    cupped, flat = hu(scaled), hu(spectrum.water_corrected(measured))
    assert cupped[rim].mean() - cupped[middle].mean() > 20
    assert abs(flat[middle].mean()) < 5
    assert abs(flat[rim].mean() - flat[middle].mean()) < 5


def test_between_bones_a_dark_band_is_left():
    spectrum = Spectrum()
    image = hu(spectrum.water_corrected(spectrum.line_integrals(*lengths())))
    between, above = image[62:66, 56:72].mean(), image[20:24, 56:72].mean()
    assert between < above - 10


def test_noise_of_added_energy_is_larger_than_of_counted_photons():
    chance, water = np.random.default_rng(0), np.full(60_000, 200.0)
    dose = Dose(2e5, electronic=0)
    spreads = {}
    for integrating in (True, False):
        spectrum = Spectrum(integrating=integrating)
        found = hardened_sinogram(water, 0.0, dose, spectrum, chance)
        assert found.mean() == pytest.approx(200 * MU_WATER_PER_MM, rel=1e-3)
        through = spectrum.transmitted(np.array(200.0))
        variance = (through @ spectrum.signal**2) / (through @ spectrum.signal) ** 2 / dose.photons
        slope = MU_WATER_PER_MM / (spectrum.line_integrals(np.array([199.0, 201.0])) @ [-0.5, 0.5])
        assert found.var() == pytest.approx(variance * slope**2, rel=0.03)
        spreads[integrating] = variance
    assert spreads[True] > 1.02 * spreads[False]


def test_a_detector_blur_detector_keeps_energy_and_softens_edges():
    water = ellipse_sinogram(WATER, BEAM) * MU_WATER_PER_MM
    soft = detector_blur(water, BEAM, 4.0)
    assert np.exp(-soft).sum() == pytest.approx(np.exp(-water).sum(), rel=1e-6)
    assert np.abs(np.diff(soft, axis=1)).max() < 0.8 * np.abs(np.diff(water, axis=1)).max()


def test_wrong_tubes_are_refused():
    with pytest.raises(SettingsError, match="40 to 150 kV, got 200"):
        Spectrum(200)
    with pytest.raises(SettingsError, match="at least 1 mm of aluminium, got 0"):
        Spectrum(filtration_mm=0)
