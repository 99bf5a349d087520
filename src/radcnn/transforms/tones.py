"""Gamma, Brightness, Contrast: random changes of grey values that move nothing. Nothing is clipped afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from radcnn.transforms.drawing import (
    Drawn,
    Shape,
    acts,
    check_not_negative,
    check_probability,
    check_range,
    log_uniform,
    per_sample,
    uniform,
    where_acting,
)


@dataclass(frozen=True, kw_only=True)
class Gamma:
    """x -> least + range ((x - least) / range)^gamma between a sample's own extremes; log gamma is uniform.

    invert  bend from the bright end: the same of the negative image
    """

    gamma: tuple[float, float] = (0.7, 1.5)
    invert: bool = False
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p, "gamma")
        check_range(self.gamma, "gamma")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        acting = acts(generator, shape[0], self.p)
        return {"gamma": torch.where(acting, log_uniform(generator, (shape[0],), *self.gamma), 1.0)}

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The batch (B, C, *spatial) with its grey values bent; extremes stay, a constant sample too."""

        def bend(samples: Tensor, rows: Tensor) -> Tensor:
            axes = tuple(range(1, samples.ndim))
            least, most = samples.amin(axes, keepdim=True), samples.amax(axes, keepdim=True)
            width = torch.where(most > least, most - least, torch.ones_like(most))
            gamma = per_sample(drawn["gamma"][rows], samples)
            if self.invert:
                return most - width * ((most - samples) / width).pow(gamma)
            return least + width * ((samples - least) / width).pow(gamma)

        return where_acting(batch, drawn["gamma"] != 1, bend)


@dataclass(frozen=True, kw_only=True)
class Brightness:
    """x -> x + shift, uniform within ±shift, in units of the prepared image (a tenth of a window, of an sd)."""

    shift: float = 0.1
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p, "brightness")
        check_not_negative(self.shift, "shift of brightness")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        acting = acts(generator, shape[0], self.p)
        return {"shift": torch.where(acting, uniform(generator, (shape[0],), -self.shift, self.shift), 0.0)}

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The batch (B, C, *spatial), lighter or darker."""
        return where_acting(
            batch, drawn["shift"] != 0, lambda samples, rows: samples + per_sample(drawn["shift"][rows], samples)
        )


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """x -> mean + factor (x - mean) about a sample's own mean; the factor's logarithm is uniform."""

    factor: tuple[float, float] = (0.8, 1.25)
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p, "contrast")
        check_range(self.factor, "factor of contrast")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        acting = acts(generator, shape[0], self.p)
        return {"factor": torch.where(acting, log_uniform(generator, (shape[0],), *self.factor), 1.0)}

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The batch (B, C, *spatial) with more or less contrast."""

        def spread(samples: Tensor, rows: Tensor) -> Tensor:
            mean = samples.mean(tuple(range(1, samples.ndim)), keepdim=True)
            return torch.lerp(mean, samples, per_sample(drawn["factor"][rows], samples))

        return where_acting(batch, drawn["factor"] != 1, spread)
