"""Line integrals of images, and their exact adjoint, as differentiable operations of torch.

Images are (..., rows, columns), sinograms (..., views, detectors); leading axes are a batch and share one geometry, so
a whole volume is projected at once. On a CPU compiled loops do the work; elsewhere, and as their reference, torch does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.errors import GeometryError
from radcnn.physics.beam import Beam

BLOCK = 1 << 22  # crossings of rays and rows that torch holds at a time
ASIDE = -1e9  # the place of a ray that does not cross the rows


class Crossings(NamedTuple):
    """Where every ray (views, detectors) crosses the rows of an image; see `kernels.rays`."""

    at: NDArray[np.floating]
    slope: NDArray[np.floating]
    weight: NDArray[np.floating]


def project(image: Tensor, beam: Beam) -> Tensor:
    """Line integrals (..., views, detectors) of images (..., size, size), in image units x mm.

    Linear interpolation between the pixels a ray passes, along its steeper axis (Joseph, IEEE TMI 1982;1:192); beyond
    the image is nothing. Its gradient is `backproject`. Raises GeometryError for images of another size.

    >>> from radcnn.physics.beam import ParallelBeam
    >>> beam = ParallelBeam(views=4, detectors=3, detector_mm=1.0, size=3, pixel_mm=1.0)
    >>> project(torch.ones(3, 3), beam)[0]
    tensor([3., 3., 3.])
    """
    _check(image, (beam.size, beam.size), "image")
    made: Tensor = _Project.apply(image, beam)
    return made


def backproject(sinogram: Tensor, beam: Beam) -> Tensor:
    """The exact adjoint of project: <project(x), y> = <x, backproject(y)>; (..., size, size)."""
    _check(sinogram, beam.shape, "sinogram")
    made: Tensor = _Backproject.apply(sinogram, beam)
    return made


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, beam: Beam) -> Tensor:
        ctx.beam = beam
        return _forward(image, beam)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return backproject(gradients[0], ctx.beam), None


class _Backproject(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, sinogram: Tensor, beam: Beam) -> Tensor:
        ctx.beam = beam
        return _adjoint(sinogram, beam)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return project(gradients[0], ctx.beam), None


def _forward(image: Tensor, beam: Beam) -> Tensor:
    if image.device.type != "cpu" or image.dtype not in (torch.float32, torch.float64):
        return project_by_torch(image, beam)
    from radcnn.kernels.rays import integrate
    from radcnn.kernels.threads import over_slabs

    images = image.detach().reshape(-1, beam.size, beam.size)
    sums = np.zeros((len(images), *beam.shape), images.numpy().dtype)

    def add(turned: NDArray[np.floating], across: Crossings) -> None:
        over_slabs(lambda first, end: integrate(turned, *across, first, end, sums), beam.views)

    rows, columns = crossings(beam, str(sums.dtype))
    add(images.contiguous().numpy(), rows)
    add(images.mT.contiguous().numpy(), columns)
    return torch.from_numpy(sums).reshape(*image.shape[:-2], *beam.shape)


def _adjoint(sinogram: Tensor, beam: Beam) -> Tensor:
    if sinogram.device.type != "cpu" or sinogram.dtype not in (torch.float32, torch.float64):
        return backproject_by_torch(sinogram, beam)
    from radcnn.kernels.rays import spread
    from radcnn.kernels.threads import over_slabs

    values = sinogram.detach().reshape(-1, *beam.shape).contiguous().numpy()

    def made(across: Crossings) -> Tensor:
        image = np.zeros((len(values), beam.size, beam.size), values.dtype)
        over_slabs(lambda first, end: spread(values, *across, first, end, image), beam.size)
        return torch.from_numpy(image)

    rows, columns = crossings(beam, str(values.dtype))
    return (made(rows) + made(columns).mT).reshape(*sinogram.shape[:-2], beam.size, beam.size)


def project_by_torch(image: Tensor, beam: Beam) -> Tensor:
    """The same by torch alone, on any device: the reference of the compiled loops."""
    images = image.reshape(-1, beam.size, beam.size)
    total = images.new_zeros((len(images), *beam.shape))
    for turned, across in zip((images, images.mT), crossings(beam, "float64"), strict=True):
        lines = torch.nn.functional.pad(turned, (1, 1))
        for first, end in _blocks(beam):
            low, share, weight = _places(across, first, end, beam.size, images)
            views = low.shape[0]
            flat = low.movedim(1, 0).reshape(beam.size, -1).expand(len(images), -1, -1)
            left, right = (lines.gather(2, flat + k).unflatten(2, (views, -1)) for k in (0, 1))
            part = share.movedim(1, 0)
            total[:, first:end] += weight * ((1 - part) * left + part * right).sum(1)
    return total.reshape(*image.shape[:-2], *beam.shape)


def backproject_by_torch(sinogram: Tensor, beam: Beam) -> Tensor:
    """The same by torch alone, on any device: the reference of the compiled loops."""
    values = sinogram.reshape(-1, *beam.shape)
    made = []
    for across in crossings(beam, "float64"):
        lines = values.new_zeros((len(values), beam.size, beam.size + 2))
        for first, end in _blocks(beam):
            low, share, weight = _places(across, first, end, beam.size, values)
            given = (weight * values[:, first:end])[:, None]
            flat = low.movedim(1, 0).reshape(beam.size, -1).expand(len(values), -1, -1)
            part = share.movedim(1, 0)
            for k, amount in ((0, (1 - part) * given), (1, part * given)):
                lines.scatter_add_(2, flat + k, amount.flatten(2))
        made.append(lines[..., 1:-1])
    return (made[0] + made[1].mT).reshape(*sinogram.shape[:-2], beam.size, beam.size)


@lru_cache(maxsize=8)
def crossings(beam: Beam, dtype: str) -> tuple[Crossings, Crossings]:
    """Where the rays cross the rows of an image, and those that are too flat for that the rows of its transpose."""
    angles, offsets = (np.broadcast_to(part, beam.shape) for part in beam.rays())
    cos, sin, middle = np.cos(angles), np.sin(angles), (beam.size - 1) / 2
    steep = np.abs(cos) >= np.abs(sin)
    found = []
    for along, across, mine in ((cos, sin, steep), (sin, cos, ~steep)):
        safe = np.where(mine, along, 1.0)
        slope = np.where(mine, -across / safe, 0.0)
        at = np.where(mine, offsets / safe / beam.pixel_mm + middle - slope * middle, ASIDE)
        weight = np.where(mine, beam.pixel_mm / np.abs(safe), 0.0)
        found.append(Crossings(*(np.ascontiguousarray(part, dtype=dtype) for part in (at, slope, weight))))
    return found[0], found[1]


def _places(across: Crossings, first: int, end: int, size: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of some views: the padded column left of each crossing (views, rows, detectors), its share, and the weights."""
    at, slope, weight = (torch.from_numpy(part[first:end]).to(like.device) for part in across)
    rows = torch.arange(size, dtype=torch.float64, device=like.device)
    place = at[:, None] + rows[None, :, None] * slope[:, None]
    inside = (place > -1) & (place < size)
    low = place.floor()
    share = torch.where(inside, place - low, 0.0).to(like.dtype)
    return torch.where(inside, low + 1, 0.0).long(), share, weight.to(like.dtype)


def _blocks(beam: Beam) -> list[tuple[int, int]]:
    """Ranges of views that torch computes at a time."""
    step = max(1, BLOCK // (beam.size * beam.detectors))
    return [(first, min(first + step, beam.views)) for first in range(0, beam.views, step)]


def _check(values: Tensor, shape: tuple[int, int], name: str) -> None:
    if values.ndim < 2 or values.shape[-2:] != shape:
        raise GeometryError(f"the {name} must end in shape {shape} for this beam, got {tuple(values.shape)}")
