"""Noise and Blur: the image as a noisier, or a softer, acquisition would have shown it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from radcnn.transforms.drawing import (
    Drawn,
    Shape,
    acts,
    check_not_negative,
    check_probability,
    check_range,
    per_sample,
    uniform,
    where_acting,
)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """White Gaussian noise; its sd is uniform in 0..sd, in units of the prepared image.

    A regulariser, not a model of a scanner: CT noise is coloured and depends on the object. A draw holds a seed
    for each sample; `white_noise` says what field a seed means.
    """

    sd: float = 0.05
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p, "noise")
        check_not_negative(self.sd, "sd of noise")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        acting = acts(generator, shape[0], self.p)
        sd = torch.where(acting, uniform(generator, (shape[0],), 0.0, self.sd), 0.0)
        return {"sd": sd, "seed": torch.randint(1 << 62, (shape[0],), generator=generator)}

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The batch (B, C, *spatial) with noise added."""

        def add(samples: Tensor, rows: Tensor) -> Tensor:
            sd, seeds = drawn["sd"][rows], drawn["seed"][rows]
            if samples.device.type == "cpu" and samples.dtype == torch.float32:
                return _noisy(samples, seeds, sd)
            noise = torch.stack([white_noise(int(seed), tuple(samples.shape[1:]), samples.device) for seed in seeds])
            return torch.addcmul(samples, noise.to(samples.dtype), per_sample(sd, samples))

        return where_acting(batch, drawn["sd"] > 0, add)


def white_noise(seed: int, shape: Shape, device: torch.device | str = "cpu") -> Tensor:
    """White Gaussian noise of variance 1 in this shape, float32: the field that a seed (0 to 2^62) means.

    The same on any device; the law and its source: `kernels.noise`.

    >>> bool((white_noise(3, (2, 5)).reshape(-1) == white_noise(3, (10,))).all())
    True
    """
    from radcnn.kernels.noise import BITS, FIRST, SECOND, STEP, half_normal_quantiles

    count, low = math.prod(shape), (1 << BITS) - 1
    mixed = _signed(STEP) * torch.arange(1, (count + 1) // 2 + 1, device=device) + seed  # integers wrap around
    mixed = (mixed ^ _shifted(mixed, 30)) * _signed(FIRST)
    mixed = (mixed ^ _shifted(mixed, 27)) * _signed(SECOND)
    mixed = mixed ^ _shifted(mixed, 31)
    pieces = torch.stack([(mixed >> BITS * place) & low for place in range(4)], 1)
    quantiles = torch.from_numpy(half_normal_quantiles()).to(device)[pieces]
    return (quantiles[:, ::2] + quantiles[:, 1::2]).reshape(-1)[:count].reshape(shape)


def _signed(constant: int) -> int:
    """The same 64 bits as torch writes them."""
    return constant - (1 << 64) if constant >> 63 else constant


def _shifted(values: Tensor, bits: int) -> Tensor:
    """A logical shift to the right of 64-bit integers; torch shifts the sign in."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def _noisy(samples: Tensor, seeds: Tensor, sd: Tensor) -> Tensor:
    """`white_noise` added in one compiled pass: 1 ms for 96^3 voxels, of which drawing and adding in torch take 13."""
    from radcnn.kernels.noise import add_noise

    given = samples.contiguous()
    made = torch.empty_like(given)
    for image, out, seed, size in zip(given, made, seeds.tolist(), sd.tolist(), strict=True):
        add_noise(image.reshape(-1).numpy(), out.view(-1).numpy(), seed, size)
    return made


@dataclass(frozen=True, kw_only=True)
class Blur:
    """Gaussian blur; sigma in voxels, uniform in low..high; the border is continued outwards."""

    sigma: tuple[float, float] = (0.3, 0.8)
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p, "blur")
        check_range(self.sigma, "sigma of blur")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        acting = acts(generator, shape[0], self.p)
        return {"sigma": torch.where(acting, uniform(generator, (shape[0],), *self.sigma), 0.0)}

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The batch (B, C, *spatial), softer."""
        radius = math.ceil(3 * self.sigma[1])
        return where_acting(
            batch, drawn["sigma"] > 0, lambda samples, rows: gaussian_blur(samples, drawn["sigma"][rows], radius)
        )


def gaussian_blur(batch: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Separable Gaussian blur of a batch (B, C, *spatial) with one sigma (B,) in voxels per sample.

    Weights exp(-k^2 / (2 sigma^2)) for |k| <= radius, normalised; the border voxel is continued outwards.
    """
    weights = torch.exp(-0.5 * (torch.arange(radius + 1, dtype=torch.float64) / sigma.cpu()[:, None]) ** 2)
    weights = weights / (weights[:, :1] + 2 * weights[:, 1:].sum(1, keepdim=True))
    for axis in range(2, batch.ndim):
        count = batch.shape[axis]
        if count == 1:
            continue
        padding = [0, 0] * (batch.ndim - 1 - axis) + [radius, radius]
        padding += [0, 0] * (axis - 2)
        wide = F.pad(batch, padding, mode="replicate")
        result = batch * per_sample(weights[:, 0], batch)
        for k in range(1, radius + 1):
            pair = wide.narrow(axis, radius - k, count) + wide.narrow(axis, radius + k, count)
            result = torch.addcmul(result, pair, per_sample(weights[:, k], batch))
        batch = result
    return batch
