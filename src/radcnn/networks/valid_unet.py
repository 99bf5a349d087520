"""The U-Net of 2015 as it was printed: convolutions without padding, so that only true voxels are seen.

Its output is smaller than its input (572 pixels give 388). Images are mirrored beyond their edges, as the paper does,
so that every voxel of an image is labelled: one pass over a mirrored image, or tiles that overlap, give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.image_network import ImageNetwork, mirrored
from radcnn.networks.layers import convolution, max_pool, transposed_convolution
from radcnn.networks.network import Ends
from radcnn.networks.options import at_least, probability


@dataclass(frozen=True, kw_only=True)
class ValidUNetOptions:
    """Options of the U-Net of 2015.

    kernels  at each resolution, the image's own first
    dropout  at the end of the way down: the maps of the two coarsest resolutions
    """

    kernels: tuple[int, ...] = (64, 128, 256, 512, 1024)
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if len(self.kernels) < 2:
            raise SettingsError("a U-Net needs kernels for at least two resolutions")
        at_least(1, kernels=min(self.kernels))
        probability(dropout=self.dropout)


class ValidUNet(ImageNetwork):
    """Pairs of 3 x 3 convolutions and ReLU, halving by max pooling, 2 x 2 up-convolutions, cropped maps beside them.

    `maps` takes sizes that `valid_size` gives, and returns `margins` less on each side.
    """

    def __init__(self, ends: Ends, options: ValidUNetOptions) -> None:
        super().__init__()
        widths, dims = options.kernels, ends.dims
        self.pool = max_pool(dims, 2, stride=2)
        self.encoder, self.upsample, self.decoder = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for before, width in zip((ends.channels, *widths[:-1]), widths, strict=True):
            self.encoder.append(_pair(ends, before, width))
        for width, below in pairwise(widths):
            self.upsample.append(transposed_convolution(dims, below, width, 2, stride=2))
            self.decoder.append(_pair(ends, 2 * width, width))
        self.output = convolution(dims, widths[0], ends.outputs, 1)
        self.dropout = nn.Dropout(options.dropout)
        self.levels = len(widths) - 1
        self.multiple = 2**self.levels
        margin = (valid_size(1, self.levels) - output_of(valid_size(1, self.levels), self.levels)) // 2
        self.margins = (margin, margin)
        self.halo = margin + self.multiple

    def forward(self, x: Tensor) -> Tensor:
        """Labels for every voxel of images of any size: they are mirrored beyond their edges."""
        size, before = x.shape[2:], self.margins[0]
        made = self.maps(mirrored(x, [(before, self.needed(n) - before - n) for n in size]))
        for axis, length in enumerate(size, start=2):
            made = made.narrow(axis, 0, length)
        return made

    def needed(self, length: int) -> int:
        return valid_size(length, self.levels)

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.maps(x),)

    def maps(self, x: Tensor) -> Tensor:
        """Maps (B, outputs, ...) without their margins; raises SettingsError for a size that leaves half voxels."""
        for n in x.shape[2:]:
            if n != valid_size(max(1, output_of(n, self.levels)), self.levels):
                fits = valid_size(max(1, output_of(n, self.levels)) + 1, self.levels)
                raise SettingsError(f"halving {n} voxels {self.levels} times leaves half ones; the next size is {fits}")
        kept, y = [], x
        for level, block in enumerate(self.encoder):
            y = block(y if level == 0 else self.pool(y))
            if level >= self.levels - 1:
                y = self.dropout(y)
            kept.append(y)
        kept.pop()
        for upsample, block in zip(reversed(self.upsample), reversed(self.decoder), strict=True):
            y = upsample(y)
            y = block(torch.cat([_middle(kept.pop(), y.shape[2:]), y], dim=1))
        made: Tensor = self.output(y)
        return made


def valid_size(length: int, levels: int) -> int:
    """The smallest input whose output has at least so many voxels, all halvings being whole.

    >>> valid_size(388, 4), valid_size(389, 4)
    (572, 588)
    """
    size = length
    for _ in range(levels):
        size = -(-(size + 4) // 2)
    size += 4
    for _ in range(levels):
        size = 2 * size + 4
    return size


def output_of(length: int, levels: int) -> int:
    """Voxels that are left of an input.

    >>> output_of(572, 4)
    388
    """
    size = length - 4
    for _ in range(levels):
        size = size // 2 - 4
    for _ in range(levels):
        size = 2 * size - 4
    return size


def _middle(maps: Tensor, size: torch.Size) -> Tensor:
    """The middle of maps: those of the way down are larger than what comes up."""
    for axis, length in enumerate(size, start=2):
        maps = maps.narrow(axis, (maps.shape[axis] - length) // 2, length)
    return maps


def _pair(ends: Ends, channels: int, kernels: int) -> nn.Sequential:
    return nn.Sequential(
        convolution(ends.dims, channels, kernels, 3), nn.ReLU(inplace=True),
        convolution(ends.dims, kernels, kernels, 3), nn.ReLU(inplace=True),
    )  # fmt: skip
