"""Projector, adjoint and filtered back-projection against exact line integrals."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.errors import GeometryError
from radcnn.physics import projection
from radcnn.physics.attenuation import MU_WATER_PER_MM, hu_to_mu, mu_to_hu
from radcnn.physics.ellipses import Ellipse, draw_ellipses, ellipse_sinogram
from radcnn.physics.kernels import KERNELS, transfer
from radcnn.physics.projection import ParallelBeam, backproject, fbp, project

BEAM = ParallelBeam(views=90, detectors=140, detector_mm=1.0, size=96, pixel_mm=1.0)


def test_line_integrals_of_ellipses_agree_with_the_exact_ones_within_one_percent():
    ellipses = [Ellipse(6, -4, 32, 22, 0.02, angle=0.4), Ellipse(-5, 8, 10, 6, -0.01, angle=-0.2)]
    exact = ellipse_sinogram(ellipses, BEAM)
    numeric = project(draw_ellipses(ellipses, BEAM), BEAM)
    assert np.linalg.norm(numeric - exact) < 0.01 * np.linalg.norm(exact)


def test_a_view_holds_the_whole_mass_of_the_image():
    image = draw_ellipses([Ellipse(3, 2, 20, 30, 0.02)], BEAM)
    mass = image.sum()
    np.testing.assert_allclose(project(image, BEAM).sum(axis=1), mass, rtol=0.01)


@pytest.mark.parametrize("radius_mm", [20, 40])
def test_a_water_disc_is_reconstructed_to_zero_hu_at_its_centre(radius_mm):
    sinogram = ellipse_sinogram([Ellipse(0, 0, radius_mm, radius_mm, MU_WATER_PER_MM)], BEAM)
    for kernel in KERNELS.values():
        centre = mu_to_hu(fbp(sinogram, BEAM, kernel))[44:52, 44:52]
        assert abs(centre.mean()) < 5


def test_a_disc_off_centre_comes_back_where_it_was():
    sinogram = ellipse_sinogram([Ellipse(20, -12, 6, 6, MU_WATER_PER_MM)], BEAM)
    image = np.clip(fbp(sinogram, BEAM, KERNELS["hann"]), 0, None)
    rows, columns = np.indices(image.shape)
    at = [(image**2 * axis).sum() / (image**2).sum() for axis in (rows, columns)]
    np.testing.assert_allclose(at, [47.5 - 12, 47.5 + 20], atol=0.1)


@pytest.mark.parametrize("beam", [BEAM, ParallelBeam(7, 31, 1.7, 20, 0.8)])
def test_back_projection_is_the_adjoint_of_projection(beam):
    chance = np.random.default_rng(0)
    x = chance.normal(size=(2, beam.size, beam.size))
    y = chance.normal(size=(2, beam.views, beam.detectors))
    there, back = (project(x, beam) * y).sum(), (x * backproject(y, beam)).sum()
    assert there == pytest.approx(back, rel=1e-9)


def test_blocks_of_views_do_not_change_a_number(monkeypatch):
    beam = ParallelBeam(12, 40, 1.0, 24, 1.0)
    image = np.random.default_rng(1).normal(size=(3, 24, 24))
    whole = project(image, beam), fbp(project(image, beam), beam)
    monkeypatch.setattr(projection, "BLOCK_WEIGHTS", 3000)
    parts = project(image, beam), fbp(project(image, beam), beam)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_sharpness_of_a_reconstruction_is_the_kernels_transfer_function():
    """The reconstruction of a thin rod, transformed, is the MTF by which the study's clean images are blurred."""
    beam = ParallelBeam(views=180, detectors=201, detector_mm=0.7, size=129, pixel_mm=0.5)
    # a detector element averages the rays that fall on it: 9 rays stand for them
    fine = ParallelBeam(180, 201 * 9, 0.7 / 9, 129, 0.5)
    # off the centre, so that the rod falls on another part of a detector element in every view
    rod = ellipse_sinogram([Ellipse(7.3, 4.1, 0.3, 0.3, 1.0)], fine).reshape(180, 201, 9).mean(axis=2)
    f = np.hypot(np.fft.fftfreq(129, 0.5)[:, None], np.fft.fftfreq(129, 0.5)[None, :])
    for name in ("soft", "sharp"):
        spectrum = np.abs(np.fft.fft2(fbp(rod, beam, KERNELS[name]))) * 0.25 / (np.pi * 0.3**2)
        for low in (0.1, 0.2, 0.3, 0.4, 0.5):
            ring = (f > low - 0.02) & (f < low + 0.02)
            assert spectrum[ring].mean() == pytest.approx(transfer(KERNELS[name], f[ring], 0.7).mean(), abs=0.025)


def test_hounsfield_units_and_attenuation_are_inverse():
    hu = np.array([-1000.0, 0.0, 1500.0])
    np.testing.assert_allclose(mu_to_hu(hu_to_mu(hu)), hu, atol=1e-9)
    assert hu_to_mu(-1000.0) == 0


def test_wrong_shapes_and_geometries_are_refused():
    with pytest.raises(GeometryError, match=r"image must end in shape \(96, 96\)"):
        project(np.zeros((90, 90)), BEAM)
    with pytest.raises(GeometryError, match="must be positive"):
        ParallelBeam(0, 10, 1.0, 10, 1.0)
