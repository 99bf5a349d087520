"""Flip, Translate, Crop, Rotate, Scale: random affine maps of a batch. Axes of one voxel are left alone."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from radcnn.core.errors import SettingsError
from radcnn.transforms.drawing import (
    Drawn,
    Shape,
    acts,
    check_not_negative,
    check_probability,
    check_range,
    log_uniform,
    uniform,
)
from radcnn.transforms.steps import Step
from radcnn.transforms.warp import resample

Laterality = Literal["free", "fixed"]


@dataclass(frozen=True)
class Grid:
    """Voxels per axis of a batch, and their distances where rotations are to be rigid in mm."""

    size: tuple[int, ...]
    spacing: tuple[float, ...] | None = None


class Spatial(ABC):
    """A transform that moves voxels, and with them masks, points and boxes."""

    @abstractmethod
    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        """Draw for a batch of this shape."""

    @abstractmethod
    def step(self, drawn: Drawn, grid: Grid, /) -> Step:
        """Its pull-back on this grid, to be composed with others."""

    def apply(self, batch: Tensor, drawn: Drawn) -> Tensor:
        """The moved batch (B, C, *spatial), this transform alone: one resampling, the border continued outwards."""
        return resample(batch, [self.step(drawn, Grid(tuple(batch.shape[2:])))], padding="border")


@dataclass(frozen=True, kw_only=True)
class Flip(Spatial):
    """Mirror along each of `axes` with probability p; exact, nothing is interpolated.

    axes        counted from the last: -1 columns, -2 rows, -3 slices
    laterality  "free": left and right may be exchanged; "fixed": they carry meaning (a heart, a side marker, a label
                that names a side), and a flip along `left_right_axis` is refused. There is no default: say which.
    left_right_axis  the axis along which the patient's left and right lie; None where no axis does (a sagittal image)
    """

    laterality: Laterality
    axes: tuple[int, ...] = (-1,)
    left_right_axis: int | None = -1
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p, "flip")
        if not self.axes or not set(self.axes) <= {-1, -2, -3} or len(set(self.axes)) < len(self.axes):
            raise SettingsError(f"axes of flip must be different ones of -1, -2, -3, got {self.axes}")
        if self.laterality == "fixed" and self.left_right_axis in self.axes:
            raise SettingsError(
                f"flip along axis {self.left_right_axis} exchanges the patient's left and right, and laterality is "
                "'fixed'; leave that axis out, or set laterality to 'free' if no label depends on the side"
            )

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        d = len(shape) - 2
        if min(self.axes) < -d:
            raise SettingsError(f"flip along axis {min(self.axes)} needs a 3D batch, got shape {tuple(shape)}")
        flipped = torch.zeros((shape[0], d), dtype=torch.bool)
        for axis in self.axes:
            flipped[:, axis] = acts(generator, shape[0], self.p)
        return {"flipped": flipped}

    def step(self, drawn: Drawn, _grid: Grid, /) -> Step:
        signs = torch.where(drawn["flipped"], -1.0, 1.0).to(torch.float64)
        return Step(diagonal(signs, torch.zeros_like(signs)))


@dataclass(frozen=True, kw_only=True)
class Translate(Spatial):
    """Shift each axis by up to `fraction` of its length, uniformly; `whole_voxels` keeps every value as it was."""

    fraction: float = 0.1
    whole_voxels: bool = False
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p, "translate")
        check_not_negative(self.fraction, "fraction of translate")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        acting = acts(generator, shape[0], self.p)
        length = torch.tensor([0.0 if n == 1 else float(n) for n in shape[2:]], dtype=torch.float64)
        shift = uniform(generator, (shape[0], len(length)), -self.fraction, self.fraction) * length
        shift = shift.round() if self.whole_voxels else shift
        return {"shift": torch.where(acting[:, None], shift, 0.0)}

    def step(self, drawn: Drawn, _grid: Grid, /) -> Step:
        return Step(diagonal(torch.ones_like(drawn["shift"]), -drawn["shift"]))


@dataclass(frozen=True, kw_only=True)
class Crop(Spatial):
    """A random part of the image, enlarged to the whole size (Szegedy 2015).

    area    the part's share of the image's area (2D) or volume (3D), uniform in low..high
    aspect  the largest ratio of two of its sides, each side as a fraction of the image's
    """

    area: tuple[float, float] = (0.6, 1.0)
    aspect: float = 4 / 3
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p, "crop")
        check_range(self.area, "area of crop")
        if self.area[1] > 1:
            raise SettingsError(f"area of crop must not exceed 1, the whole image, got {self.area[1]:g}")
        check_range((1.0, self.aspect), "aspect of crop")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        """Sides and places (B, d) of the boxes that are kept, in shares of the image and of the room that is left."""
        count, d = shape[0], len(shape) - 2
        acting = acts(generator, count, self.p)
        thick = torch.tensor([n > 1 for n in shape[2:]], dtype=torch.float64)
        used = max(1.0, float(thick.sum()))
        room = -torch.log(uniform(generator, (count, 1), *self.area)) / used  # log of what a side may still grow
        unequal = uniform(generator, (count, d), -0.5, 0.5) * math.log(self.aspect) * thick
        unequal = (unequal - unequal.sum(1, keepdim=True) / used) * thick
        # no side may exceed the image: the proportions give way, the area does not
        largest = unequal.amax(1, keepdim=True)
        unequal = unequal * torch.clamp(room / torch.where(largest > 0, largest, 1.0), max=1.0)
        side = torch.clamp(torch.exp((unequal - room) * thick), max=1.0)
        place = uniform(generator, (count, d), -1.0, 1.0)
        side = torch.where(acting[:, None], side, 1.0)
        length = torch.tensor([float(n) for n in shape[2:]], dtype=torch.float64)
        return {"side": side, "centre": place * (1 - side) * length / 2}

    def step(self, drawn: Drawn, _grid: Grid, /) -> Step:
        return Step(diagonal(drawn["side"], drawn["centre"]))


@dataclass(frozen=True, kw_only=True)
class Rotate(Spatial):
    """Turn about the middle by a uniform angle within ±degrees; positive is counter-clockwise as displayed.

    out_of_plane_degrees  3D only: the same for the slice-row and slice-column planes; as `degrees` where not given
    """

    degrees: float = 10.0
    out_of_plane_degrees: float | None = None
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p, "rotate")
        check_not_negative(self.degrees, "degrees of rotate")
        check_not_negative(self.out_of_plane_degrees or 0.0, "out_of_plane_degrees of rotate")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        planes = rotation_planes(len(shape) - 2)
        acting = acts(generator, shape[0], self.p)
        out = self.degrees if self.out_of_plane_degrees is None else self.out_of_plane_degrees
        limits = torch.tensor([self.degrees, out, out][: len(planes)], dtype=torch.float64)
        limits *= torch.tensor([float(shape[2 + a] > 1 and shape[2 + b] > 1) for a, b in planes], dtype=torch.float64)
        angle = uniform(generator, (shape[0], len(planes)), -1.0, 1.0) * torch.deg2rad(limits)
        return {"angle": torch.where(acting[:, None], angle, 0.0)}

    def step(self, drawn: Drawn, grid: Grid, /) -> Step:
        angle = drawn["angle"]
        d = len(grid.size)
        mm = grid.spacing or (1.0,) * d
        total = torch.eye(d + 1, dtype=torch.float64).repeat(len(angle), 1, 1)
        for plane, (a, b) in enumerate(rotation_planes(d)):
            turn = torch.eye(d + 1, dtype=torch.float64).repeat(len(angle), 1, 1)
            cos, sin = torch.cos(angle[:, plane]), torch.sin(angle[:, plane])
            turn[:, a, a], turn[:, b, b] = cos, cos
            turn[:, a, b], turn[:, b, a] = sin * mm[b] / mm[a], -sin * mm[a] / mm[b]
            total = total @ turn
        return Step(total)


@dataclass(frozen=True, kw_only=True)
class Scale(Spatial):
    """Enlarge (above 1) or shrink (below 1) about the middle; the factor's logarithm is uniform.

    per_axis  a factor of its own for each axis, instead of one for all
    """

    factor: tuple[float, float] = (0.9, 1.1)
    per_axis: bool = False
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p, "scale")
        check_range(self.factor, "factor of scale")

    def sample(self, generator: torch.Generator, shape: Shape) -> Drawn:
        d = len(shape) - 2
        acting = acts(generator, shape[0], self.p)
        factor = log_uniform(generator, (shape[0], d if self.per_axis else 1), *self.factor).expand(-1, d)
        thick = torch.tensor([n > 1 for n in shape[2:]])
        return {"factor": torch.where(acting[:, None] & thick, factor, 1.0)}

    def step(self, drawn: Drawn, _grid: Grid, /) -> Step:
        factor = drawn["factor"]
        return Step(diagonal(1.0 / factor, torch.zeros_like(factor)))


def rotation_planes(d: int) -> tuple[tuple[int, int], ...]:
    """Pairs of axes a rotation turns: (row, column), and in 3D also (slice, row) and (slice, column)."""
    return ((0, 1),) if d == 2 else ((1, 2), (0, 1), (0, 2))


def diagonal(scale: Tensor, shift: Tensor) -> Tensor:
    """Homogeneous matrices (B, d + 1, d + 1) of u -> scale u + shift, each (B, d)."""
    count, d = scale.shape
    matrix = torch.zeros((count, d + 1, d + 1), dtype=torch.float64)
    matrix[:, range(d), range(d)] = scale.to(torch.float64)
    matrix[:, :d, d] = shift.to(torch.float64)
    matrix[:, d, d] = 1.0
    return matrix
