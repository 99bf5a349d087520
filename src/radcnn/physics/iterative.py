"""Iterative reconstruction: SIRT, CGLS and total variation, with which a network has to be compared.

All take line integrals (..., views, detectors) of any beam and give images (..., size, size). They run by torch on the
device and in the precision of what they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from radcnn.core.errors import SettingsError
from radcnn.physics.beam import Beam
from radcnn.physics.projection import backproject, project

POWER_STEPS = 40  # of the power method: norms to a per mille
SAFE = 1.01  # by which a norm is taken larger than it was found
GRADIENT_NORM = 8**0.5  # of differences between neighbours along two axes, at most


def sirt(sinogram: Tensor, beam: Beam, *, iterations: int = 100, start: Tensor | None = None) -> Tensor:
    """Simultaneous iterative reconstruction: x + C A' R (y - A x), never below 0.

    start  an image (..., size, size) to begin with; 0 where none is given

    R and C are one over the sums of A's rows and columns (Gilbert 1972, doi:10.1016/0022-5193(72)90180-4). Raises
    SettingsError for fewer than 1 iteration.

    >>> from radcnn.physics.beam import ParallelBeam
    >>> beam = ParallelBeam(views=12, detectors=12, detector_mm=1.0, size=8, pixel_mm=1.0)
    >>> image = torch.ones(8, 8)
    >>> bool((sirt(project(image, beam), beam) - image).abs().mean() < 0.05)
    True
    """
    _check(iterations)
    ones = torch.ones((beam.size, beam.size), dtype=sinogram.dtype, device=sinogram.device)
    rows = _inverse(project(ones, beam))
    columns = _inverse(backproject(torch.ones_like(rows), beam))
    image = torch.zeros_like(backproject(sinogram, beam)) if start is None else start
    for _ in range(iterations):
        image = (image + columns * backproject(rows * (sinogram - project(image, beam)), beam)).clamp_min(0)
    return image


def cgls(sinogram: Tensor, beam: Beam, *, iterations: int = 20) -> Tensor:
    """Conjugate gradients for least squares, |A x - y|^2; stopping early is what keeps noise out.

    Hestenes and Stiefel 1952 (doi:10.6028/jres.049.044). Raises SettingsError for fewer than 1 iteration.

    >>> from radcnn.physics.beam import ParallelBeam
    >>> beam = ParallelBeam(views=12, detectors=12, detector_mm=1.0, size=8, pixel_mm=1.0)
    >>> image = torch.ones(8, 8)
    >>> bool((cgls(project(image, beam), beam) - image).abs().mean() < 0.05)
    True
    """
    _check(iterations)
    left = sinogram
    direction = gradient = backproject(left, beam)
    image, size = torch.zeros_like(gradient), _square(gradient)
    for _ in range(iterations):
        seen = project(direction, beam)
        step = size / _square(seen).clamp_min(torch.finfo(seen.dtype).tiny)
        image, left = image + step * direction, left - step * seen
        gradient = backproject(left, beam)
        new = _square(gradient)
        direction = gradient + new / size.clamp_min(torch.finfo(seen.dtype).tiny) * direction
        size = new
    return image


def total_variation(sinogram: Tensor, beam: Beam, *, weight: float, iterations: int = 300) -> Tensor:
    """The image x of at least 0 that minimises |A x - y|^2 / 2 + weight * TV(x).

    TV is the sum over pixels of the length of the differences to the next row and column. The primal-dual method of
    Chambolle and Pock (doi:10.1007/s10851-010-0251-1) as Sidky et al. use it for CT (doi:10.1088/0031-9155/57/10/3065).
    Raises SettingsError for fewer than 1 iteration or a weight below 0.

    >>> from radcnn.physics.beam import ParallelBeam
    >>> beam = ParallelBeam(views=12, detectors=12, detector_mm=1.0, size=8, pixel_mm=1.0)
    >>> image = torch.ones(8, 8)
    >>> bool((total_variation(project(image, beam), beam, weight=0.1) - image).abs().mean() < 0.05)
    True
    """
    _check(iterations)
    if not weight >= 0:
        raise SettingsError(f"the weight of total variation must be at least 0, got {weight:g}")
    scale = projection_norm(beam) / GRADIENT_NORM  # differences as large as projections, so that both converge alike
    step = 1 / (SAFE * (projection_norm(beam) ** 2 + (scale * GRADIENT_NORM) ** 2) ** 0.5)
    image = ahead = torch.zeros_like(backproject(sinogram, beam))
    rays, edges, most = torch.zeros_like(sinogram), torch.zeros_like(differences(image)), weight / scale
    for _ in range(iterations):
        rays = (rays + step * (project(ahead, beam) - sinogram)) / (1 + step)
        edges = edges + step * scale * differences(ahead)
        edges = edges / (edges.square().sum(0).sqrt() / max(most, 1e-30)).clamp_min(1)
        down = backproject(rays, beam) + scale * differences_adjoint(edges)
        new = (image - step * down).clamp_min(0)
        image, ahead = new, 2 * new - image
    return image


def best_weight(
    sinograms: Tensor, truths: Tensor, beam: Beam, weights: Sequence[float], *, iterations: int = 300
) -> float:
    """The weight of `total_variation` whose images (n, size, size) are nearest to the truths, by mean square.

    For the tuning images: the weight that is chosen on test images flatters. Raises SettingsError without a weight.
    """
    if not weights:
        raise SettingsError("give at least one weight to choose from")
    errors = {
        weight: float((total_variation(sinograms, beam, weight=weight, iterations=iterations) - truths).square().mean())
        for weight in weights
    }
    return min(errors, key=lambda weight: errors[weight])


@lru_cache(maxsize=32)
def projection_norm(beam: Beam) -> float:
    """The largest singular value of the projection, by the power method from a flat image."""
    image = torch.ones((beam.size, beam.size), dtype=torch.float64)
    norm = 0.0
    for _ in range(POWER_STEPS):
        image = backproject(project(image, beam), beam)
        norm = float(image.norm())
        image = image / norm
    return norm**0.5


def differences(image: Tensor) -> Tensor:
    """To the next row and column, (2, ..., size, size); 0 at the last."""
    down = torch.nn.functional.pad(image[..., 1:, :] - image[..., :-1, :], (0, 0, 0, 1))
    beside = torch.nn.functional.pad(image[..., 1:] - image[..., :-1], (0, 1))
    return torch.stack([down, beside])


def differences_adjoint(edges: Tensor) -> Tensor:
    """The exact adjoint of `differences`: (2, ..., size, size) to (..., size, size)."""
    down, beside = edges[0, ..., :-1, :], edges[1, ..., :-1]
    pad = torch.nn.functional.pad
    return pad(down, (0, 0, 1, 0)) - pad(down, (0, 0, 0, 1)) + pad(beside, (1, 0)) - pad(beside, (0, 1))


def _square(values: Tensor) -> Tensor:
    """Sum of squares of each of a batch, (..., 1, 1)."""
    return values.square().sum((-2, -1), keepdim=True)


def _inverse(sums: Tensor) -> Tensor:
    return torch.where(sums > 0, 1 / sums.clamp_min(torch.finfo(sums.dtype).tiny), 0.0)


def _check(iterations: int) -> None:
    if iterations < 1:
        raise SettingsError(f"iterations must be at least 1, got {iterations}")
