"""Filtered back-projection: HU, places, sharpness, and both geometries against each other and against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radcnn.core.errors import GeometryError
from radcnn.physics.attenuation import MU_WATER_PER_MM, mu_to_hu
from radcnn.physics.beam import Beam, FanBeam, ParallelBeam
from radcnn.physics.ellipses import Ellipse, draw_ellipses, ellipse_sinogram
from radcnn.physics.kernels import KERNELS, filter_response, transfer
from radcnn.physics.reconstruction import (
    _filtered_fan,
    backprojected_fan_by_torch,
    fbp,
    gridded_by_torch,
    view_weights,
)

PARALLEL = ParallelBeam(views=90, detectors=140, detector_mm=1.0, size=96, pixel_mm=1.0)
ARC = FanBeam(180, 150, 1.6, 96, 1.0, source_mm=300, detector_at_mm=520)
FLAT = FanBeam(180, 150, 1.6, 96, 1.0, source_mm=300, detector_at_mm=520, form="flat")
GEOMETRIES = pytest.mark.parametrize("beam", [PARALLEL, ARC, FLAT], ids=["parallel", "arc", "flat"])
HEAD = [Ellipse(6, -4, 32, 22, 0.02, angle=0.4), Ellipse(-5, 8, 10, 6, -0.01, angle=-0.2)]


def scanned(ellipses: list[Ellipse], beam: Beam) -> torch.Tensor:
    return torch.from_numpy(ellipse_sinogram(ellipses, beam))


@GEOMETRIES
@pytest.mark.parametrize("radius_mm", [20, 40])
def test_a_water_disc_is_reconstructed_to_zero_hu_at_its_centre(beam, radius_mm):
    sinogram = scanned([Ellipse(0, 0, radius_mm, radius_mm, MU_WATER_PER_MM)], beam)
    for kernel in KERNELS.values():
        centre = mu_to_hu(fbp(sinogram, beam, kernel).numpy())[44:52, 44:52]
        assert abs(centre.mean()) < 5


@GEOMETRIES
def test_a_disc_off_centre_comes_back_where_it_was(beam):
    image = np.clip(
        fbp(scanned([Ellipse(20, -12, 6, 6, MU_WATER_PER_MM)], beam), beam, KERNELS["hann"]).numpy(), 0, None
    )
    rows, columns = np.indices(image.shape)
    at = [(image**2 * axis).sum() / (image**2).sum() for axis in (rows, columns)]
    np.testing.assert_allclose(at, [47.5 - 12, 47.5 + 20], atol=0.1)


def by_definition(sinogram: np.ndarray, beam: ParallelBeam, kernel: str) -> np.ndarray:
    """The sum over views of the filtered view, read linearly at x cos a + y sin a."""
    length = 4 * beam.detectors
    response = filter_response(KERNELS[kernel], length, beam.detector_mm)
    filtered = np.fft.irfft(np.fft.rfft(sinogram, length) * response, length)[:, : beam.detectors]
    x, y = np.meshgrid(beam.pixels_mm, beam.pixels_mm)
    places = (x * np.cos(a) + y * np.sin(a) for a in beam.angles)
    return sum(
        weight * np.interp(at, beam.offsets_mm, view)
        for at, view, weight in zip(places, filtered, view_weights(beam), strict=True)
    )


@pytest.mark.parametrize("detector_mm", [0.6, 1.0, 1.5])
@pytest.mark.parametrize("kernel", ["soft", "hann"])
def test_gridding_computes_the_sum_over_views(detector_mm, kernel):
    beam = ParallelBeam(120, int(150 / detector_mm), detector_mm, 96, 1.0)
    sinogram = ellipse_sinogram([Ellipse(3, -9, 30, 25, 1.0)], beam)
    ours, plain = fbp(torch.from_numpy(sinogram), beam, KERNELS[kernel]).numpy(), by_definition(sinogram, beam, kernel)
    assert np.sqrt(np.mean((ours - plain) ** 2)) < 0.01, "but for what linear interpolation folds back"


@pytest.mark.parametrize(
    "beam", [PARALLEL, PARALLEL.every(3), PARALLEL.between(10, 150)], ids=["whole", "few", "limited"]
)
def test_a_finer_window_would_change_nothing(monkeypatch, beam):
    sinogram = scanned(HEAD, beam)
    usual = fbp(sinogram, beam)
    from radcnn.physics import reconstruction, slices

    for module in (slices, reconstruction):
        monkeypatch.setattr(module, "WIDTH", 9)
    monkeypatch.setattr(slices, "OVER", 2.0)
    reconstruction._gridding.cache_clear()
    try:
        assert float((usual - fbp(sinogram, beam)).abs().max()) < 2e-4 * 0.02
    finally:
        reconstruction._gridding.cache_clear()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("area", [False, True])
@pytest.mark.parametrize(
    "beam",
    [
        ParallelBeam(33, 70, 1.0, 48, 1.0),
        ParallelBeam(20, 71, 0.7, 33, 1.3),
        ParallelBeam(3, 9, 1.0, 1, 1.0),
        ParallelBeam(15, 60, 0.3, 10, 2.5),
    ],
)
def test_the_compiled_gridding_computes_what_torch_does(beam, area, dtype):
    sinograms = torch.rand((2, 3, *beam.shape), dtype=dtype, generator=torch.Generator().manual_seed(0))
    ours, reference = (
        fbp(sinograms, beam, area=area),
        gridded_by_torch(sinograms.flatten(0, 1), beam, KERNELS["ramp"], area=area),
    )
    tolerance = 2e-5 if dtype == torch.float32 else 2e-6  # a place between two tabled values may be rounded to either
    torch.testing.assert_close(ours.flatten(0, 1), reference, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(fbp(sinograms[0, 0], beam, area=area), ours[0, 0], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("beam", [ARC, FLAT], ids=["arc", "flat"])
def test_the_compiled_back_projection_of_a_fan_computes_what_torch_does(beam):
    sinogram = torch.rand((2, *beam.shape), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    filtered = _filtered_fan(sinogram, beam, KERNELS["soft"])
    torch.testing.assert_close(fbp(sinogram, beam, KERNELS["soft"]), backprojected_fan_by_torch(filtered, beam))


def test_a_fan_and_parallel_rays_reconstruct_the_same_image():
    parallel = ParallelBeam(180, 150, 1.6 * 300 / 520, 96, 1.0)
    images = [fbp(scanned(HEAD, beam), beam, KERNELS["soft"]).numpy() for beam in (parallel, ARC, FLAT)]
    truth = draw_ellipses(HEAD, PARALLEL)
    for image in images:
        assert np.sqrt(np.mean((image - images[0]) ** 2)) < 0.01 * 0.02
        assert np.sqrt(np.mean((image - truth) ** 2)) < 0.08 * 0.02


@GEOMETRIES
def test_it_is_differentiable_and_linear(beam):
    small = type(beam)(6, 14, 2.0 if beam is not PARALLEL else 1.0, 8, 1.0)
    x = torch.rand(small.shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: fbp(v, small), x, eps=1e-4, fast_mode=True)
    torch.testing.assert_close(fbp(3 * x.detach(), small), 3 * fbp(x, small).detach())


def test_means_over_pixels_are_the_means_of_finer_pixels():
    sinogram = scanned(HEAD, PARALLEL)
    fine = fbp(sinogram, ParallelBeam(90, 140, 1.0, 96 * 5, 0.2))
    means = fine.unflatten(0, (96, 5)).unflatten(2, (96, 5)).mean((1, 3))
    assert float((fbp(sinogram, PARALLEL, area=True) - means).abs().max()) < 0.01 * 0.02
    assert float((fbp(sinogram, PARALLEL) - means).abs().max()) > 0.05 * 0.02
    with pytest.raises(GeometryError, match="parallel rays only"):
        fbp(scanned(HEAD, ARC), ARC, area=True)


def test_uneven_views_count_as_the_angle_about_them():
    sevens = ParallelBeam(1000, 140, 1.0, 96, 1.0).every(7)
    assert sevens.views == 143
    weights = view_weights(sevens)
    assert weights.sum() == pytest.approx(np.pi)
    assert weights[1:-1] == pytest.approx(np.full(141, 7 * np.pi / 1000))
    limited = view_weights(PARALLEL.between(0, 60))
    assert limited == pytest.approx(np.full(30, np.pi / 90)), "no view stands in for the missing angles"
    assert view_weights(ParallelBeam(1, 5, 1.0, 4, 1.0)) == pytest.approx([np.pi])


def test_sharpness_of_a_reconstruction_is_the_kernels_transfer_function():
    """The reconstruction of a thin rod, transformed, is the MTF by which the study's clean images are blurred."""
    beam = ParallelBeam(views=180, detectors=201, detector_mm=0.7, size=129, pixel_mm=0.5)
    # a detector element averages the rays that fall on it: 9 rays stand for them
    fine = ParallelBeam(180, 201 * 9, 0.7 / 9, 129, 0.5)
    # off the centre, so that the rod falls on another part of a detector element in every view
    rod = ellipse_sinogram([Ellipse(7.3, 4.1, 0.3, 0.3, 1.0)], fine).reshape(180, 201, 9).mean(axis=2)
    f = np.hypot(np.fft.fftfreq(129, 0.5)[:, None], np.fft.fftfreq(129, 0.5)[None, :])
    for name in ("soft", "sharp"):
        image = fbp(torch.from_numpy(rod), beam, KERNELS[name]).numpy()
        spectrum = np.abs(np.fft.fft2(image)) * 0.25 / (np.pi * 0.3**2)
        for low in (0.1, 0.2, 0.3, 0.4, 0.5):
            ring = (f > low - 0.02) & (f < low + 0.02)
            assert spectrum[ring].mean() == pytest.approx(transfer(KERNELS[name], f[ring], 0.7).mean(), abs=0.025)


def test_wrong_shapes_are_refused():
    with pytest.raises(GeometryError, match=r"sinogram must end in shape \(90, 140\)"):
        fbp(torch.zeros(90, 139), PARALLEL)


def test_windows_fall_from_one_to_their_ends():
    ends = {"ramp": 1.0, "shepp-logan": 2 / np.pi, "cosine": 0.0, "hann": 0.0}
    f = np.linspace(0, 0.5, 101)
    for name, end in ends.items():
        window = KERNELS[name].response(f, 1.0)
        assert window[0] == 1
        assert window[-1] == pytest.approx(end, abs=1e-12)
        assert (np.diff(window) <= 1e-12).all()
        assert (KERNELS[name].response(f + 0.51, 1.0) == 0).all(), "beyond Nyquist there is nothing"


@pytest.mark.parametrize("cores", [1, 2, 3, 16])
def test_neither_cores_nor_other_images_change_a_number(monkeypatch, cores):
    from radcnn.physics import reconstruction

    sinograms = torch.rand((5, *PARALLEL.shape), generator=torch.Generator().manual_seed(2))
    usual = fbp(sinograms, PARALLEL)
    monkeypatch.setattr(reconstruction, "available_cores", lambda: cores)
    assert torch.equal(fbp(sinograms, PARALLEL), usual)
    assert torch.equal(fbp(sinograms[3], PARALLEL), usual[3])
