"""The U-Net as nnU-Net builds it, plain or with a residual encoder (Isensee et al. 2021 and 2024, arXiv:2404.09556).

Strided convolutions halve, instance normalisation and leaky ReLU follow each convolution. Thick slices are met as they
are: at the first resolutions kernels lie within a slice and slices are not halved, until voxels are about as long as
they are wide. Coarser resolutions can answer too while the network is trained (deep supervision).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.layers import (
    Activation,
    Dims,
    Norm,
    activation,
    average_pool,
    convolution,
    normalisation,
    transposed_convolution,
)
from radcnn.networks.network import Ends
from radcnn.networks.options import at_least


@dataclass(frozen=True, kw_only=True)
class ModernUNetOptions:
    """Options of a modern U-Net.

    kernels     at each resolution, the image's own first
    down, up    convolutions at each resolution on the way down (residual blocks of two, where `residual`) and up
    residual    whether the way down is made of residual blocks
    flat        first resolutions at which volumes are taken slice by slice: no kernel and no halving across slices
    supervised  coarser resolutions that answer too while training
    """

    kernels: tuple[int, ...] = (32, 64, 128, 256, 320)
    down: tuple[int, ...] = (2,)
    up: int = 2
    residual: bool = False
    flat: int = 0
    supervised: int = 0
    norm: Norm = "instance"
    activation: Activation = "leaky_relu"

    def __post_init__(self) -> None:
        if len(self.kernels) < 2:
            raise SettingsError("a U-Net needs kernels for at least two resolutions")
        if len(self.down) not in (1, len(self.kernels)):
            raise SettingsError(f"option down must have 1 number or {len(self.kernels)}, got {len(self.down)}")
        at_least(1, kernels=min(self.kernels), down=min(self.down), up=self.up)
        at_least(0, flat=self.flat, supervised=self.supervised)
        if self.flat >= len(self.kernels) or self.supervised >= len(self.kernels) - 1:
            raise SettingsError(
                f"options flat and supervised count resolutions of {len(self.kernels)}, got {self.flat} and "
                f"{self.supervised}"
            )


@dataclass(frozen=True, kw_only=True)
class ResEncUNetOptions(ModernUNetOptions):
    """The same with the residual encoder of 2024: 1, 3, 4, 6 and 6 blocks, one convolution on the way up."""

    down: tuple[int, ...] = (1, 3, 4, 6, 6)
    up: int = 1
    residual: bool = True


class ModernUNet(ImageNetwork):
    """`encoder` stages, of which all but the first halve; `upsample` and `decoder`; `output`, and `coarser` answers."""

    def __init__(self, ends: Ends, options: ModernUNetOptions) -> None:
        super().__init__()
        widths, dims = options.kernels, ends.dims
        flat = options.flat if dims == 3 else 0
        many = options.down if len(options.down) == len(widths) else options.down * len(widths)
        strides = [self._stride(dims, level, flat) for level in range(len(widths))]
        sides = [(1, 3, 3) if level < flat else (3,) * dims for level in range(len(widths))]
        self.stem = _unit(dims, ends.channels, widths[0], sides[0], (1,) * dims, options) if options.residual else None
        self.encoder, self.upsample, self.decoder = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        before = widths[0] if options.residual else ends.channels
        for level, width in enumerate(widths):
            self.encoder.append(_stage(dims, before, width, many[level], sides[level], strides[level], options))
            before = width
        for level in reversed(range(len(widths) - 1)):
            width, below, side, stride = widths[level], widths[level + 1], sides[level], strides[level + 1]
            self.upsample.append(transposed_convolution(dims, below, width, stride, stride=stride))
            inputs = (2 * width, *(width,) * (options.up - 1))
            units = [_unit(dims, channels, width, side, (1,) * dims, options) for channels in inputs]
            self.decoder.append(nn.Sequential(*units))
        self.output = convolution(dims, widths[0], ends.outputs, 1)
        self.coarser = nn.ModuleList(
            convolution(dims, widths[level], ends.outputs, 1) for level in range(1, options.supervised + 1)
        )
        self.multiples = tuple(2 ** sum(s[axis] == 2 for s in strides) for axis in range(dims))
        self.multiple = max(self.multiples)
        self.halo = self._halo(many, options)

    @staticmethod
    def _stride(dims: Dims, level: int, flat: int) -> tuple[int, ...]:
        if level == 0:
            return (1,) * dims
        return (1, 2, 2) if level <= flat and dims == 3 else (2,) * dims

    def maps(self, x: Tensor) -> Tensor:
        made: Tensor = self.output(self._decoded(x)[-1])
        return made

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, ...]:
        """Answers at the image's own resolution, then at the coarser ones that are supervised."""
        decoded = self._decoded(x)
        return self.output(decoded[-1]), *(head(decoded[-2 - k]) for k, head in enumerate(self.coarser))

    def leave_out_auxiliary(self) -> None:
        """Take the coarser answers away: prediction has no use for them."""
        self.coarser = nn.ModuleList()

    def _decoded(self, x: Tensor) -> list[Tensor]:
        """The maps of every resolution on the way up, from coarse to fine."""
        kept, y = [], x if self.stem is None else self.stem(x)
        for stage in self.encoder:
            y = stage(y)
            kept.append(y)
        found = [kept.pop()]
        for upsample, block in zip(self.upsample, self.decoder, strict=True):
            found.append(block(torch.cat([kept.pop(), upsample(found[-1])], dim=1)))
        return found

    def _halo(self, many: tuple[int, ...], options: ModernUNetOptions) -> int:
        """Down and up again, in voxels of the image: one for each convolution, and the step of each halving."""
        per = 2 if options.residual else 1
        reach = 1 if options.residual else 0
        for level, count in enumerate(many):
            up = options.up if level < len(many) - 1 else 0
            reach += (per * count + up) * 2**level + 2**level
        return reach


def _stage(
    dims: Dims, channels: int, kernels: int, many: int, side: tuple[int, ...], stride: tuple[int, ...],
    options: ModernUNetOptions,
) -> nn.Sequential:  # fmt: skip
    """Convolutions, or residual blocks, of which the first has the stride."""
    make = ResidualBlock if options.residual else _unit
    layers = [make(dims, channels, kernels, side, stride, options)]
    layers += [make(dims, kernels, kernels, side, (1,) * dims, options) for _ in range(many - 1)]
    return nn.Sequential(*layers)


def _unit(
    dims: Dims, channels: int, kernels: int, side: tuple[int, ...], stride: tuple[int, ...], options: ModernUNetOptions
) -> nn.Sequential:
    """A convolution, its normalisation and its activation."""
    padding = tuple(n // 2 for n in side)
    return nn.Sequential(
        convolution(dims, channels, kernels, side, stride=stride, padding=padding, bias=False),
        normalisation(options.norm, dims, kernels),
        activation(options.activation),
    )


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut: the mean of each window where it halves, 1 x 1 where it widens."""

    def __init__(
        self, dims: Dims, channels: int, kernels: int, side: tuple[int, ...], stride: tuple[int, ...],
        options: ModernUNetOptions,
    ) -> None:  # fmt: skip
        super().__init__()
        padding = tuple(n // 2 for n in side)
        self.first = _unit(dims, channels, kernels, side, stride, options)
        self.second = nn.Sequential(
            convolution(dims, kernels, kernels, side, padding=padding, bias=False),
            normalisation(options.norm, dims, kernels),
        )
        shortcut: list[nn.Module] = []
        if max(stride) > 1:
            shortcut.append(average_pool(dims, stride, stride=stride))
        if channels != kernels:
            shortcut.append(convolution(dims, channels, kernels, 1, bias=False))
            shortcut.append(normalisation(options.norm, dims, kernels))
        self.shortcut = nn.Sequential(*shortcut)
        self.active = activation(options.activation)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.active(self.second(self.first(x)) + self.shortcut(x))
        return made
