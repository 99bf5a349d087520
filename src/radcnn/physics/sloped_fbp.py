"""Filtered back-projection that can be differentiated at the speed of its compiled loops: its exact adjoint.

An image is linear in its raw data, f = A p, so that the slope of anything at p is A' times its slope at f. A' takes
samples of the image's transform along the lines onto which A spreads those of the views (`kernels.gridding`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from radcnn.core.errors import GeometryError
from radcnn.physics.beam import ParallelBeam
from radcnn.physics.kernels import KERNELS, Kernel
from radcnn.physics.reconstruction import _gridding, fbp
from radcnn.physics.slices import FINE, WIDTH


def sloped_fbp(sinogram: Tensor, beam: ParallelBeam, kernel: Kernel = KERNELS["soft"]) -> Tensor:
    """Images (..., size, size) as of `fbp`, on the CPU; their slope is `adjoint_fbp`.

    Raises GeometryError for a kernel that ends beyond the pixels' Nyquist frequency, where fbp folds back what its
    adjoint would have to unfold (`Kernel.cutoff_per_mm`).

    >>> beam = ParallelBeam(views=12, detectors=9, detector_mm=1.0, size=6, pixel_mm=1.0)
    >>> held = torch.zeros(12, 9, requires_grad=True)
    >>> sloped_fbp(held, beam).sum().backward()
    >>> held.grad.shape
    torch.Size([12, 9])
    """
    ends = min(kernel.cutoff_per_mm or np.inf, 0.5 / beam.detector_mm)
    if ends > 0.5 / beam.pixel_mm * (1 + 1e-9):
        raise GeometryError(
            f"the kernel ends at {ends:.3g} per mm, and pixels of {beam.pixel_mm:g} mm show no more than "
            f"{0.5 / beam.pixel_mm:.3g}; give a kernel that ends there"
        )
    made: Tensor = _SlopedFbp.apply(sinogram, beam, kernel)
    return made


class _SlopedFbp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sinogram: Tensor, beam: ParallelBeam, kernel: Kernel) -> Tensor:
        ctx.beam, ctx.kernel = beam, kernel
        return fbp(sinogram.detach(), beam, kernel)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        images = gradients[0]
        flat = images.detach().reshape(-1, *images.shape[-2:]).contiguous().numpy()
        made = torch.from_numpy(adjoint_fbp(flat, ctx.beam, ctx.kernel))
        return made.reshape(*images.shape[:-2], *ctx.beam.shape), None, None


def adjoint_fbp(images: NDArray[np.floating], beam: ParallelBeam, kernel: Kernel) -> NDArray[np.floating]:
    """Sinograms (n, views, detectors) of images (n, size, size): <fbp(p), f> = <p, adjoint_fbp(f)>."""
    from radcnn.kernels.gridding import take_lines
    from radcnn.kernels.threads import over_slabs

    known = _gridding(beam, kernel, False, str(images.dtype))
    grid, (views, samples) = len(known.shift), known.filters.shape
    made = np.empty((len(images), *beam.shape), images.dtype)
    factors = known.filters.conj() * (2 * known.length / grid**2)

    def some(first: int, end: int) -> None:
        for number in range(first, end):
            spectrum = fft.rfft2(images[number] * known.unshade, (grid, grid)) * known.shift.conj()
            lines = np.zeros((views, known.length), spectrum.dtype)
            part = np.empty((views, samples), spectrum.dtype)
            take_lines(spectrum, known.across, known.down, WIDTH, known.table, FINE, 0, views, part)
            lines[:, :samples] = part * factors
            made[number] = fft.ifft(lines, axis=-1).real[:, : beam.detectors]

    over_slabs(some, len(images))
    return made
