"""Iterative reconstruction solves what it says it solves, for both geometries, and few views are its use."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radcnn.core.errors import SettingsError
from radcnn.physics.beam import FanBeam, ParallelBeam
from radcnn.physics.ellipses import Ellipse, draw_ellipses, ellipse_sinogram
from radcnn.physics.iterative import (
    best_weight,
    cgls,
    differences,
    differences_adjoint,
    projection_norm,
    sirt,
    total_variation,
)
from radcnn.physics.projection import project
from radcnn.physics.reconstruction import fbp

FEW = ParallelBeam(20, 96, 1.0, 64, 1.0)
FAN = FanBeam(24, 96, 1.7, 64, 1.0, source_mm=200, detector_at_mm=330)
TINY = ParallelBeam(9, 16, 1.0, 8, 1.0)
HEAD = [Ellipse(3, -2, 22, 27, 1.0), Ellipse(-6, 5, 7, 5, 0.8, 0.4), Ellipse(9, -8, 4, 6, -0.6)]
GEOMETRIES = pytest.mark.parametrize("beam", [FEW, FAN], ids=["parallel", "fan"])


def matrix(beam: ParallelBeam) -> torch.Tensor:
    """The projection of every pixel, (rays, pixels)."""
    pixels = torch.eye(beam.size**2, dtype=torch.float64).reshape(-1, beam.size, beam.size)
    return project(pixels, beam).flatten(1).T


def snr(image: torch.Tensor, truth: np.ndarray) -> float:
    return float(10 * np.log10((truth**2).sum() / ((image.numpy() - truth) ** 2).sum()))


def test_the_norm_is_the_largest_singular_value():
    assert projection_norm(TINY) == pytest.approx(float(torch.linalg.matrix_norm(matrix(TINY), 2)), rel=1e-3)


def test_differences_and_their_adjoint():
    x, y = (torch.randn(shape, dtype=torch.float64) for shape in ((3, 5, 7), (2, 3, 5, 7)))
    assert float((differences(x) * y).sum()) == pytest.approx(float((x * differences_adjoint(y)).sum()))


def test_conjugate_gradients_end_at_the_least_squares_solution():
    system, chance = matrix(TINY), torch.Generator().manual_seed(0)
    y = torch.randn(2, *TINY.shape, dtype=torch.float64, generator=chance)
    wanted = torch.linalg.lstsq(system, y.flatten(1).T, driver="gelsd").solution.T.reshape(2, 8, 8)
    torch.testing.assert_close(cgls(y, TINY, iterations=200), wanted, rtol=1e-5, atol=1e-5)


def test_sirt_finds_an_image_that_explains_the_rays():
    truth = torch.rand(8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = project(truth, TINY)
    image = sirt(y, TINY, iterations=3000)
    assert float((project(image, TINY) - y).norm()) < 0.005 * float(y.norm())
    assert float(image.min()) >= 0
    torch.testing.assert_close(sirt(y, TINY, iterations=10, start=image), sirt(y, TINY, iterations=3010))


def objective(image: torch.Tensor, y: torch.Tensor, weight: float) -> float:
    misfit = 0.5 * float((project(image, FEW) - y).square().sum())
    return misfit + weight * float(differences(image).square().sum(0).sqrt().sum())


@pytest.mark.parametrize("weight", [0.1, 3.0])
def test_total_variation_is_minimised(weight):
    y = torch.from_numpy(ellipse_sinogram(HEAD, FEW))
    y = y + 0.3 * torch.randn(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    best = total_variation(y, FEW, weight=weight, iterations=3000)
    lowest = objective(best, y, weight)
    assert objective(total_variation(y, FEW, weight=weight), y, weight) < 1.03 * lowest
    chance = torch.Generator().manual_seed(3)
    for _ in range(20):
        moved = best + 0.01 * torch.randn(best.shape, dtype=torch.float64, generator=chance)
        assert objective(moved.clamp_min(0), y, weight) > lowest


@GEOMETRIES
def test_of_few_views_all_are_better_than_back_projection_and_total_variation_best(beam):
    y, truth = torch.from_numpy(ellipse_sinogram(HEAD, beam)).float(), draw_ellipses(HEAD, beam)
    plain = snr(fbp(y, beam), truth)
    found = [snr(image, truth) for image in (sirt(y, beam), cgls(y, beam), total_variation(y, beam, weight=2.0))]
    assert min(found) > plain + 1.5
    assert found[2] > max(found[:2]) + 3, "ellipses have few edges, which is what total variation counts"


def test_a_batch_is_reconstructed_as_its_images_are():
    y = torch.from_numpy(ellipse_sinogram(HEAD, FEW))
    both = torch.stack([y, 2 * y.flip(0)])
    for method in (sirt, cgls, lambda v, beam, **asked: total_variation(v, beam, weight=0.3, **asked)):
        torch.testing.assert_close(method(both, FEW, iterations=5)[1], method(both[1], FEW, iterations=5))


def test_the_weight_is_the_best_of_those_given():
    y, truth = torch.from_numpy(ellipse_sinogram(HEAD, FEW))[None], torch.from_numpy(draw_ellipses(HEAD, FEW))[None]
    weights = (1e-3, 0.3, 300.0)
    assert best_weight(y, truth, FEW, weights, iterations=100) == 0.3


def test_wrong_settings_are_refused():
    y = torch.zeros(TINY.shape)
    with pytest.raises(SettingsError, match="iterations must be at least 1, got 0"):
        sirt(y, TINY, iterations=0)
    with pytest.raises(SettingsError, match="weight of total variation must be at least 0, got -1"):
        total_variation(y, TINY, weight=-1)
    with pytest.raises(SettingsError, match="at least one weight"):
        best_weight(y[None], y[None], TINY, ())
