"""Elastic deformation: a coarse grid of random displacements, made smooth by cubic splines (Ronneberger 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from radcnn.core.errors import SettingsError
from radcnn.transforms.drawing import Drawn, Shape, acts, check_not_negative, check_probability
from radcnn.transforms.spatial import Grid, Spatial
from radcnn.transforms.steps import Step

FOLDING = 0.2  # sd over the distance of control points beyond which some of the maps fold over themselves


@dataclass(frozen=True, kw_only=True)
class Elastic(Spatial):
    """Displacements of normal distribution at points x points (x points) control points, natural cubic splines between.

    points  control points per axis, from the first to the last voxel (U-Net: 3)
    sd      of each displacement: a "fraction" of the axis, or in "voxels" (U-Net: 10 voxels of 512)

    Raises SettingsError where sd exceeds a fifth of the distance of control points: such maps fold.
    """

    points: int = 4
    sd: float = 0.02
    unit: Literal["fraction", "voxels"] = "fraction"
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p, "elastic")
        check_not_negative(self.sd, "sd of elastic")
        if self.points < 2:
            raise SettingsError(f"points of elastic must be at least 2, got {self.points}")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        """Displacements (B, d, points ...) of the control points in voxels; SettingsError where they would fold."""
        count, d = shape[0], len(shape) - 2
        sd = [0.0 if n == 1 else self.sd * (n if self.unit == "fraction" else 1) for n in shape[2:]]
        for n, voxels in zip(shape[2:], sd, strict=True):
            if voxels > FOLDING * n / (self.points - 1):
                raise SettingsError(
                    f"elastic with sd of {voxels:.1f} voxels and {self.points} control points over {n} voxels would "
                    f"fold the image; use an sd of at most {FOLDING * n / (self.points - 1):.1f} voxels or fewer points"
                )
        acting = acts(generator, count, self.p).reshape(count, *[1] * (d + 1))
        control = torch.randn((count, d, *[self.points] * d), generator=generator)
        control = control * torch.tensor(sd).reshape(1, d, *[1] * d)
        return {"control": torch.where(acting, control, 0.0)}

    def step(self, drawn: Drawn, grid: Grid, /) -> Step:
        return Step(control=drawn["control"], size=grid.size)
