"""The U-Net, as Ronneberger et al. 2015 drew it and as FBPConvNet (Jin et al. 2017) changed it.

Down: convolutions, halving by max pooling, twice the kernels; up: a transposed convolution, the maps of the same
resolution beside it, convolutions. All is padded by zeros, so that the output is as large as the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.image_network import ImageNetwork, refuse_lopsided
from radcnn.networks.initialisation import Initialisation
from radcnn.networks.layers import (
    Activation,
    Dims,
    Norm,
    activation,
    convolution,
    max_pool,
    normalisation,
    transposed_convolution,
)
from radcnn.networks.network import Ends
from radcnn.networks.options import at_least


@dataclass(frozen=True, kw_only=True)
class UNetOptions:
    """Options of a U-Net.

    kernels       at each resolution, the image's own first
    convolutions  at each resolution on the way down, and on the way up
    first_convolutions  at the image's own resolution on the way down
    upsample_size       side of the transposed convolutions, 2 or 3; their stride is 2
    norm, activation    after each convolution
    residual      whether the input is added to the output: the network learns what is wrong with it
    """

    kernels: tuple[int, ...] = (32, 64, 128, 256)
    convolutions: int = 2
    first_convolutions: int = 2
    upsample_size: int = 2
    norm: Norm | Literal["none"] = "instance"
    activation: Activation = "leaky_relu"
    residual: bool = True

    def __post_init__(self) -> None:
        if len(self.kernels) < 2:
            raise SettingsError("a U-Net needs kernels for at least two resolutions")
        at_least(1, kernels=min(self.kernels), convolutions=self.convolutions)
        at_least(1, first_convolutions=self.first_convolutions)
        if self.upsample_size not in (2, 3):
            raise SettingsError(f"option upsample_size must be 2 or 3, got {self.upsample_size}")


@dataclass(frozen=True, kw_only=True)
class FBPConvNetOptions(UNetOptions):
    """The same, by default as Jin et al.: 64 to 1,024 kernels, three convolutions first, batch normalisation, ReLU."""

    kernels: tuple[int, ...] = (64, 128, 256, 512, 1024)
    first_convolutions: int = 3
    upsample_size: int = 3
    norm: Norm | Literal["none"] = "batch"
    activation: Activation = "relu"


class UNet(ImageNetwork):
    """`encoder` and `decoder` blocks from fine to coarse, `upsample` between them, `output`."""

    def __init__(self, ends: Ends, options: UNetOptions) -> None:
        super().__init__()
        if options.residual:
            refuse_lopsided(ends, "a residual U-Net", "; set residual=false")
        widths, dims = options.kernels, ends.dims
        self.residual, self.multiple, self.outputs = options.residual, 2 ** (len(widths) - 1), ends.outputs
        self.pool = max_pool(dims, 2, stride=2)
        self.encoder, self.upsample, self.decoder = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, (before, width) in enumerate(zip((ends.channels, *widths[:-1]), widths, strict=True)):
            many = options.convolutions if level else options.first_convolutions
            self.encoder.append(_block(dims, before, width, many, options))
        for width, below in pairwise(widths):
            self.upsample.append(transposed_convolution(dims, below, width, options.upsample_size, stride=2))
            self.decoder.append(_block(dims, 2 * width, width, options.convolutions, options))
        self.output = convolution(dims, widths[0], ends.outputs, 1)
        self.halo = self._halo(options)
        if options.residual:
            self.initialisation = Initialisation(zero_layers=("output",))

    def maps(self, x: Tensor) -> Tensor:
        kept, y = [], x
        for level, block in enumerate(self.encoder):
            y = block(y if level == 0 else self.pool(y))
            kept.append(y)
        kept.pop()
        for upsample, block in zip(reversed(self.upsample), reversed(self.decoder), strict=True):
            beside = kept.pop()
            y = upsample(y)[(..., *(slice(0, n) for n in beside.shape[2:]))]
            y = block(torch.cat([beside, y], dim=1))
        made: Tensor = self.output(y)
        return self.carried(x, self.outputs) + made if self.residual else made

    def _halo(self, options: UNetOptions) -> int:
        """Down and up again, in voxels of the image: what pooling and rising see, and a voxel for each convolution."""
        reach = 0
        for level in range(len(options.kernels)):
            many = options.convolutions + (options.convolutions if level else options.first_convolutions)
            reach += many * 2**level + 2 * 2**level
        return reach


def _block(dims: Dims, channels: int, kernels: int, many: int, options: UNetOptions) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(many):
        layers.append(convolution(dims, channels, kernels, 3, padding=1, bias=options.norm == "none"))
        if options.norm != "none":
            layers.append(normalisation(options.norm, dims, kernels))
        layers.append(activation(options.activation))
        channels = kernels
    return nn.Sequential(*layers)
