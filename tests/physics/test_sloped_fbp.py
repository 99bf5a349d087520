"""The slope of filtered back-projection is its adjoint, and that of the reference in torch."""

from __future__ import annotations

import pytest
import torch

from radcnn.core.chance import torch_generator
from radcnn.core.errors import GeometryError
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.kernels import KERNELS, Kernel
from radcnn.physics.reconstruction import fbp, gridded_by_torch
from radcnn.physics.sloped_fbp import adjoint_fbp, sloped_fbp

NEAR = 1e-5  # a place between two values of the window's table is rounded otherwise by torch


@pytest.mark.parametrize(("size", "detectors", "pixel_mm"), [(8, 15, 1.0), (9, 20, 1.3)])
def test_the_adjoint_is_exact_and_the_slope_that_of_the_reference(size: int, detectors: int, pixel_mm: float) -> None:
    beam, kernel = ParallelBeam(24, detectors, 0.8, size, pixel_mm), Kernel("hann", 0.5 / pixel_mm)
    dice = torch_generator(0, "adjoint")
    rays = torch.rand((2, *beam.shape), generator=dice, dtype=torch.float64)
    image = torch.rand((2, size, size), generator=dice, dtype=torch.float64)
    back = torch.from_numpy(adjoint_fbp(image.numpy(), beam, kernel))
    assert torch.allclose((fbp(rays, beam, kernel) * image).sum(), (rays * back).sum(), rtol=1e-12)
    held, other = rays.clone().requires_grad_(), rays.clone().requires_grad_()
    (sloped_fbp(held, beam, kernel) * image).sum().backward()
    (gridded_by_torch(other, beam, kernel) * image).sum().backward()
    assert held.grad is not None
    assert other.grad is not None
    assert torch.allclose(held.grad, other.grad, atol=NEAR)


def test_a_kernel_that_the_pixels_cannot_show_is_refused() -> None:
    with pytest.raises(GeometryError, match="give a kernel that ends there"):
        sloped_fbp(torch.zeros(8, 9), ParallelBeam(8, 9, 0.5, 6, 2.0), KERNELS["soft"])
