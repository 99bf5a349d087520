"""Projector and adjoint of both geometries: against exact line integrals, each other, and torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from radcnn.core.errors import GeometryError
from radcnn.physics.attenuation import hu_to_mu, mu_to_hu
from radcnn.physics.beam import Beam, FanBeam, ParallelBeam
from radcnn.physics.ellipses import Ellipse, draw_ellipses, ellipse_sinogram
from radcnn.physics.projection import backproject, backproject_by_torch, project, project_by_torch

PARALLEL = ParallelBeam(views=90, detectors=140, detector_mm=1.0, size=96, pixel_mm=1.0)
ARC = FanBeam(90, 180, 1.3, 160, 0.6, source_mm=300, detector_at_mm=520)
FLAT = FanBeam(90, 180, 1.3, 160, 0.6, source_mm=300, detector_at_mm=520, form="flat")
SMALL = {
    "parallel": ParallelBeam(7, 31, 1.7, 20, 0.8),
    "one pixel": ParallelBeam(3, 5, 0.5, 1, 2.0),
    "one ray": ParallelBeam(5, 1, 1.0, 6, 1.0),
    "limited": ParallelBeam(24, 30, 1.0, 16, 1.0).between(20, 100),
    "arc": FanBeam(9, 40, 2.0, 24, 1.0, source_mm=60, detector_at_mm=110),
    "flat": FanBeam(9, 40, 2.0, 24, 1.0, source_mm=60, detector_at_mm=110, form="flat"),
}
HEAD = [Ellipse(6, -4, 32, 22, 0.02, angle=0.4), Ellipse(-5, 8, 10, 6, -0.01, angle=-0.2)]


@pytest.mark.parametrize("beam", [PARALLEL, ARC, FLAT], ids=["parallel", "arc", "flat"])
def test_line_integrals_of_ellipses_agree_with_the_exact_ones_within_one_percent(beam: Beam):
    exact = ellipse_sinogram(HEAD, beam)
    numeric = project(torch.from_numpy(draw_ellipses(HEAD, beam)), beam).numpy()
    assert np.linalg.norm(numeric - exact) < 0.01 * np.linalg.norm(exact)


def test_a_view_holds_the_whole_mass_of_the_image():
    image = torch.from_numpy(draw_ellipses([Ellipse(3, 2, 20, 30, 0.02)], PARALLEL))
    np.testing.assert_allclose(project(image, PARALLEL).sum(1), float(image.sum()), rtol=0.01)


@pytest.mark.parametrize("form", ["arc", "flat"])
def test_rays_of_a_fan_pass_through_the_source_and_their_element(form):
    fan = FanBeam(5, 8, 9.0, 20, 1.0, source_mm=90, detector_at_mm=160, form=form)
    angles, offsets = np.broadcast_arrays(*fan.rays())
    for view, turned in enumerate(fan.angles):
        ahead = np.array([-math.sin(turned), math.cos(turned)])
        beside = np.array([math.cos(turned), math.sin(turned)])
        source = -90 * ahead
        for element, place in enumerate(fan.offsets_mm):
            there = 160 * ahead + place * beside
            if form == "arc":
                there = 160 * (math.cos(place / 160) * ahead + math.sin(place / 160) * beside)
            normal = np.array([math.cos(angles[view, element]), math.sin(angles[view, element])])
            assert source @ normal == pytest.approx(offsets[view, element])
            assert (source + there) @ normal == pytest.approx(offsets[view, element])


@pytest.mark.parametrize("name", SMALL)
def test_back_projection_is_the_adjoint_of_projection(name):
    beam, chance = SMALL[name], torch.Generator().manual_seed(0)
    x = torch.randn((2, beam.size, beam.size), dtype=torch.float64, generator=chance)
    y = torch.randn((2, *beam.shape), dtype=torch.float64, generator=chance)
    there, back = float((project(x, beam) * y).sum()), float((x * backproject(y, beam)).sum())
    assert there == pytest.approx(back, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SMALL)
def test_the_compiled_loops_compute_what_torch_does(name, dtype):
    beam, chance = SMALL[name], torch.Generator().manual_seed(1)
    x = torch.randn((2, 3, beam.size, beam.size), dtype=dtype, generator=chance)
    y = torch.randn((2, 3, *beam.shape), dtype=dtype, generator=chance)
    close = {"rtol": 1e-4, "atol": 1e-3} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(project(x, beam), project_by_torch(x, beam), **close)
    torch.testing.assert_close(backproject(y, beam), backproject_by_torch(y, beam), **close)


def test_in_bfloat16_torch_projects():
    x = torch.rand((20, 20), generator=torch.Generator().manual_seed(2))
    low = project(x.to(torch.bfloat16), SMALL["parallel"])
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), project(x, SMALL["parallel"]), rtol=0.05, atol=0.3)


@pytest.mark.parametrize("name", ["parallel", "arc", "flat"])
def test_gradients_are_right_twice(name):
    beam, chance = SMALL[name], torch.Generator().manual_seed(3)
    x = torch.randn((beam.size, beam.size), dtype=torch.float64, generator=chance, requires_grad=True)
    y = torch.randn(beam.shape, dtype=torch.float64, generator=chance, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: project(v, beam), x, eps=1e-3, fast_mode=True)
    assert torch.autograd.gradcheck(lambda v: backproject(v, beam), y, eps=1e-3, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda v: project(v, beam) ** 2, x, eps=1e-3, fast_mode=True)


def test_fewer_views_are_views_of_the_whole_scan():
    whole = ellipse_sinogram(HEAD, PARALLEL)
    assert np.array_equal(ellipse_sinogram(HEAD, PARALLEL.every(7)), whole[::7])
    np.testing.assert_allclose(ellipse_sinogram(HEAD, PARALLEL.between(30, 60)), whole[15:30])
    np.testing.assert_allclose(ellipse_sinogram(HEAD, ARC.every(4)), ellipse_sinogram(HEAD, ARC)[::4])
    assert ARC.between(0, 90).views == 23


def test_hounsfield_units_and_attenuation_are_inverse():
    hu = np.array([-1000.0, 0.0, 1500.0])
    np.testing.assert_allclose(mu_to_hu(hu_to_mu(hu)), hu, atol=1e-9)
    assert hu_to_mu(-1000.0) == 0


def test_wrong_shapes_and_geometries_are_refused():
    with pytest.raises(GeometryError, match=r"image must end in shape \(96, 96\)"):
        project(torch.zeros((90, 90)), PARALLEL)
    with pytest.raises(GeometryError, match=r"sinogram must end in shape \(90, 140\)"):
        backproject(torch.zeros(140), PARALLEL)
    with pytest.raises(GeometryError, match="must be positive"):
        ParallelBeam(0, 10, 1.0, 10, 1.0)
    with pytest.raises(GeometryError, match="3 views need 3 finite angles, got 2"):
        ParallelBeam(3, 10, 1.0, 10, 1.0, (0.0, 10.0))
    with pytest.raises(GeometryError, match="a step of at least 1, got 0"):
        PARALLEL.every(0)
    with pytest.raises(GeometryError, match="no view is left"):
        PARALLEL.between(200, 210)
    with pytest.raises(GeometryError, match="detector must lie behind"):
        FanBeam(3, 10, 1.0, 10, 1.0, source_mm=100, detector_at_mm=90)
    with pytest.raises(GeometryError, match="source must lie outside the image"):
        FanBeam(3, 10, 1.0, 200, 1.0, source_mm=100, detector_at_mm=190)
