"""Line integrals by the Fourier slice theorem: those of ellipses, of a sum done directly, and of rays one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from radcnn.core.errors import GeometryError
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.ellipses import Ellipse, draw_ellipses, ellipse_sinogram
from radcnn.physics.fourier_projection import fourier_project
from radcnn.physics.projection import project

ELLIPSES = [Ellipse(5, -8, 40, 28, 1.0, angle=0.5), Ellipse(-10, 6, 12, 7, -0.6, angle=-0.3)]


@pytest.mark.parametrize("size", [128, 129])
@pytest.mark.parametrize("detectors", [190, 191])
def test_ellipses_have_the_line_integrals_that_are_known(size: int, detectors: int) -> None:
    beam = ParallelBeam(views=90, detectors=detectors, detector_mm=1.0, size=size, pixel_mm=1.0)
    exact = ellipse_sinogram(ELLIPSES, beam)
    found = fourier_project(draw_ellipses(ELLIPSES, beam, supersampling=8), beam)
    assert np.linalg.norm(found - exact) < 0.01 * np.linalg.norm(exact)


def test_it_is_the_sum_over_all_pixels_of_their_waves() -> None:
    beam = ParallelBeam(views=7, detectors=40, detector_mm=1.3, size=20, pixel_mm=1.1)
    image = gaussian_filter(np.random.default_rng(0).normal(size=(20, 20)), 1.5)
    length = 40 + int(np.ceil(np.sqrt(2) * 20 * 1.1 / 1.3))
    found = fourier_project(image, beam)
    omega = np.fft.fftfreq(4096, 1.3 / 8)  # much finer, so that only the window's error is left
    x, y = np.meshgrid(beam.pixels_mm, beam.pixels_mm)
    for v, angle in enumerate(beam.angles):
        u, w = omega * np.cos(angle), omega * np.sin(angle)
        inside = (np.abs(u) <= 0.5 / 1.1 * 1.5) & (np.abs(w) <= 0.5 / 1.1 * 1.5) & (np.abs(omega) <= 0.5 / 1.3)
        waves = np.exp(-2j * np.pi * (u[:, None] * x.ravel() + w[:, None] * y.ravel())) @ image.ravel()
        view = waves * np.sinc(u * 1.1) * np.sinc(w * 1.1) * 1.1**2 * inside
        direct = (np.exp(2j * np.pi * np.outer(beam.offsets_mm, omega)) @ view).real * (omega[1] - omega[0])
        assert np.abs(found[v] - direct).max() < 5e-3 * np.abs(direct).max(), (v, length)


def test_rays_one_by_one_say_nearly_the_same_of_a_smooth_image() -> None:
    beam = ParallelBeam(views=60, detectors=140, detector_mm=1.0, size=96, pixel_mm=1.0)
    image = gaussian_filter(np.random.default_rng(1).normal(size=(3, 96, 96)), (0, 4, 4))
    image *= np.outer(np.hanning(96), np.hanning(96))
    one_by_one = project(torch.from_numpy(image), beam).numpy()
    assert np.linalg.norm(fourier_project(image, beam) - one_by_one) < 5e-3 * np.linalg.norm(one_by_one)


def test_every_view_holds_the_whole_image_and_nothing_comes_back_from_beyond_the_detector() -> None:
    wide = ParallelBeam(views=30, detectors=160, detector_mm=1.0, size=96, pixel_mm=1.0)
    narrow = ParallelBeam(views=30, detectors=40, detector_mm=1.0, size=96, pixel_mm=1.0)
    image = draw_ellipses([Ellipse(20, 10, 20, 15, 1.0)], wide)
    whole = fourier_project(image, wide)
    assert np.allclose(whole.sum(axis=1), image.sum(), rtol=1e-3)
    assert np.abs(fourier_project(image, narrow) - whole[:, 60:100]).max() < 2e-2 * whole.max()


def test_single_precision_is_enough_and_the_cores_change_nothing() -> None:
    beam = ParallelBeam(views=30, detectors=100, detector_mm=1.0, size=64, pixel_mm=1.0)
    images = gaussian_filter(np.random.default_rng(2).normal(size=(5, 64, 64)), (0, 2, 2))
    double = fourier_project(images, beam)
    single = fourier_project(images.astype(np.float32), beam)
    assert single.dtype == np.float32
    assert np.abs(single - double).max() < 1e-4 * np.abs(double).max()
    assert np.array_equal(fourier_project(images[:1], beam)[0], double[0])


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"must end in shape \(64, 64\)"):
        fourier_project(np.zeros((32, 32)), ParallelBeam(4, 90, 1.0, 64, 1.0))
