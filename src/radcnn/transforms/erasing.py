"""Random erasing: one rectangle (2D) or box (3D) of a sample is replaced (Zhong 2017, arXiv 1708.04896)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from radcnn.core.errors import SettingsError
from radcnn.transforms.drawing import (
    Drawn,
    Shape,
    acts,
    check_probability,
    check_range,
    random_rows,
    uniform,
    where_acting,
)

ATTEMPTS = 20  # tries to find a box that fits; at the paper's settings one in ten fails, so all fail once in 1e20


@dataclass(frozen=True, kw_only=True)
class RandomErasing:
    """Erase a box of `area` of the image with probability p; the paper's settings are the defaults.

    area    share of the image's area (volume in 3D), uniform in low..high; a box that does not fit is drawn again
    aspect  height over width, uniform in low..high, sides as fractions of the image's; in 3D also depth over both
    fill    "random": each voxel uniform between the sample's least and greatest value; "mean" of the sample; "zero"
    """

    area: tuple[float, float] = (0.02, 0.4)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)
    fill: Literal["random", "mean", "zero"] = "random"
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p, "erasing")
        check_range(self.area, "area of erasing")
        check_range(self.aspect, "aspect of erasing")
        if self.area[1] >= 1:
            raise SettingsError(f"area of erasing must stay below 1, the whole image, got {self.area[1]:g}")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        """Corners (B, d) of the box of each image, and what it is filled with."""
        count, size = shape[0], torch.tensor(shape[2:])
        acting = acts(generator, count, self.p)
        side = self._sides(generator, count, size)
        fits = (side <= size).all(2)
        first = fits.to(torch.uint8).argmax(1)
        side = side[torch.arange(count), first]
        place = torch.rand((count, len(size)), generator=generator, dtype=torch.float64)
        low = torch.clamp(torch.floor(place * (size - side + 1)), min=0).to(torch.int64)
        acting = acting & fits.any(1)
        high = torch.where(acting[:, None], low + side, low)
        drawn = {"low": low, "high": high}
        if self.fill == "random":
            drawn["fill"] = random_rows(generator, acting, shape)
        return drawn

    def _sides(self, generator: torch.Generator, count: int, size: Tensor) -> Tensor:
        """Sides in voxels of ATTEMPTS boxes per sample, (count, ATTEMPTS, d); at least one voxel each."""
        thick = size > 1
        used = max(1, int(thick.sum()))
        area = uniform(generator, (count, ATTEMPTS, 1), *self.area)
        aspect = torch.log(uniform(generator, (count, ATTEMPTS, 2), *self.aspect))
        share = torch.zeros((count, ATTEMPTS, len(size)), dtype=torch.float64)
        axes = torch.nonzero(thick).flatten().tolist()
        if used >= 2:  # height / width is the first ratio
            share[..., axes[-2]], share[..., axes[-1]] = aspect[..., 0] / 2, -aspect[..., 0] / 2
        if used == 3:  # depth against the geometric mean of the other two is the second
            share[..., axes[0]] = aspect[..., 1] * 2 / 3
            share[..., axes[1:]] = share[..., axes[1:]] - aspect[..., 1:2] / 3
        fraction = torch.where(thick, area ** (1 / used) * torch.exp(share), 1.0)
        return torch.clamp(torch.round(fraction * size), min=1).to(torch.int64)

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The batch (B, C, *spatial) with one box erased where one was drawn."""
        acting = (drawn["high"] > drawn["low"]).all(1)
        return where_acting(batch, acting, lambda samples, rows: self._erase(samples, drawn, rows))

    def _erase(self, samples: Tensor, drawn: Drawn, rows: Tensor) -> Tensor:
        low, high = drawn["low"][rows].to(samples.device), drawn["high"][rows].to(samples.device)
        d = samples.ndim - 2
        inside = torch.ones((), dtype=torch.bool, device=samples.device)
        for axis, count in enumerate(samples.shape[2:]):
            at = torch.arange(count, device=samples.device)
            within = (at >= low[:, axis, None]) & (at < high[:, axis, None])
            inside = inside & within.reshape(len(rows), 1, *[count if a == axis else 1 for a in range(d)])
        return torch.where(inside, self._filling(samples, drawn, rows), samples)

    def _filling(self, samples: Tensor, drawn: Drawn, rows: Tensor) -> Tensor:
        axes = tuple(range(1, samples.ndim))
        if self.fill == "zero":
            return torch.zeros((), dtype=samples.dtype, device=samples.device)
        if self.fill == "mean":
            return samples.mean(axes, keepdim=True)
        least, most = samples.amin(axes, keepdim=True), samples.amax(axes, keepdim=True)
        fill = drawn["fill"] if len(rows) == len(drawn["fill"]) else drawn["fill"][rows]
        return least + (most - least) * fill.to(samples.device, samples.dtype)
