"""The layers networks are made of: `dims` 2 or 3 picks torch's module for images or for volumes.

Tensors are (batch, channels, rows, columns) or (batch, channels, slices, rows, columns).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Dims = Literal[2, 3]
Activation = Literal["relu", "leaky_relu", "prelu", "swish", "tanh", "sigmoid", "identity"]
Norm = Literal["batch", "group", "instance"]
Pooling = Literal["max", "average", "none"]
Side = int | tuple[int, ...]

GROUPS = 32  # Wu & He, Group Normalization, ECCV 2018: 32 groups did best

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "prelu": nn.PReLU,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}


def convolution(
    dims: Dims, channels: int, kernels: int, size: Side, *, stride: Side = 1, padding: Side = 0, bias: bool = True
) -> nn.Conv2d | nn.Conv3d:
    """A convolution with `kernels` kernels of side `size`: a cross-correlation, as in every deep-learning library.

    out = floor((n + 2 padding - size) / stride) + 1 per axis; size^dims * channels * kernels + kernels parameters.

    >>> sum(p.numel() for p in convolution(3, 1, 8, 3).parameters())
    224
    """
    kind = nn.Conv2d if dims == 2 else nn.Conv3d
    # torch types its arguments as pairs for images and triples for volumes; both take one number for all axes
    return kind(channels, kernels, size, stride=stride, padding=padding, bias=bias)  # type: ignore[arg-type]


def transposed_convolution(
    dims: Dims, channels: int, kernels: int, size: Side, *, stride: Side = 1
) -> nn.ConvTranspose2d | nn.ConvTranspose3d:
    """The transpose of a convolution without padding: (n - 1) stride + size voxels per axis; its weight is (in, out).

    With stride 2 and side 3 the last row and column are one too many, and are cut off by who uses it.
    """
    kind = nn.ConvTranspose2d if dims == 2 else nn.ConvTranspose3d
    return kind(channels, kernels, size, stride=stride)  # type: ignore[arg-type]


def max_pool(dims: Dims, size: int, *, stride: int, padding: int = 0, ceil: bool = False) -> nn.Module:
    """The largest value of each window; depth is kept. With `ceil` a last, incomplete window is kept too."""
    kind = nn.MaxPool2d if dims == 2 else nn.MaxPool3d
    return kind(size, stride=stride, padding=padding, ceil_mode=ceil)


def average_pool(dims: Dims, size: Side, *, stride: Side, padding: int = 0) -> nn.Module:
    """The mean of each window; depth is kept."""
    kind = nn.AvgPool2d if dims == 2 else nn.AvgPool3d
    return kind(size, stride=stride, padding=padding)  # type: ignore[arg-type]


def global_average(dims: Dims, side: int = 1) -> nn.Module:
    """Means over side^dims parts of the map; one part is global average pooling (Lin et al. 2013, arXiv:1312.4400)."""
    return nn.AdaptiveAvgPool2d(side) if dims == 2 else nn.AdaptiveAvgPool3d(side)


def groups_of(channels: int) -> int:
    """Groups of a group normalisation: at most 32, dividing the channels, two channels or more in each.

    A single channel per group would be instance normalisation, which erases a map of one voxel.

    >>> groups_of(64), groups_of(48), groups_of(6)
    (32, 24, 3)
    """
    return max(g for g in range(1, min(GROUPS, max(1, channels // 2)) + 1) if channels % g == 0)


def normalisation(kind: Norm, dims: Dims, channels: int, *, eps: float = 1e-5) -> nn.Module:
    """Batch (Ioffe & Szegedy 2015), group (Wu & He 2018) or instance normalisation with learned scale and shift.

    Batch normalisation fails at one or two cases per batch, which is what volumes often allow: take "group" there.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels, eps=eps) if dims == 2 else nn.BatchNorm3d(channels, eps=eps)
    if kind == "group":
        return nn.GroupNorm(groups_of(channels), channels, eps=eps)
    instance = nn.InstanceNorm2d if dims == 2 else nn.InstanceNorm3d
    return instance(channels, eps=eps, affine=True)


def activation(kind: Activation) -> nn.Module:
    """A nonlinearity by name; PReLU (He 2015) has one learned slope, swish (Ramachandran 2017) is x sigmoid(x)."""
    return ACTIVATIONS[kind]()


class Add(nn.Module):
    """The sum of two maps; a layer of its own, so that joins show in a card."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left + right


class Concatenate(nn.Module):
    """Maps one behind the other along the channels; a layer of its own, so that joins show in a card."""

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(maps), dim=1)
