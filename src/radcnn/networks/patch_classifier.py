"""A network that classifies patches, applied at every voxel in one pass (Lu et al. 2017; IDSIA's window of 2012).

Trained on patches it answers for the voxel in their middle. To label an image it need not be run once per voxel: with
pooling of stride 1 and later layers whose taps lie as far apart as the strides that were left out, one pass over the
image gives what the patches would (Giusti et al. 2013, arXiv:1302.1700).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.image_network import ImageNetwork, mirrored
from radcnn.networks.layers import convolution
from radcnn.networks.network import Ends
from radcnn.networks.options import at_least, probability

SIDE = 3


@dataclass(frozen=True, kw_only=True)
class PatchClassifierOptions:
    """Options of a classifier of patches.

    kernels  of two convolutions each; a max pooling of 2 lies between them
    dense    outputs of the layer that sees all that is left of a patch
    last     side in voxels of what that layer sees
    dropout  before the last layer
    """

    kernels: tuple[int, ...] = (32, 64)
    dense: int = 128
    last: int = 5
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if not self.kernels:
            raise SettingsError("a classifier of patches needs kernels for at least one resolution")
        at_least(1, kernels=min(self.kernels), dense=self.dense, last=self.last)
        probability(dropout=self.dropout)


class PatchClassifier(ImageNetwork):
    """Convolutions without padding and poolings, then a layer that sees the whole patch, and the answer.

    patch    side of the patches that it learns from
    on_patches(x)  answers (B, outputs, 1, ...) for patches of that side
    """

    def __init__(self, ends: Ends, options: PatchClassifierOptions) -> None:
        super().__init__()
        dims = ends.dims
        self.blocks = nn.ModuleList()
        before = ends.channels
        for kernels in options.kernels:
            self.blocks.append(
                nn.ModuleList([convolution(dims, before, kernels, SIDE), convolution(dims, kernels, kernels, SIDE)])
            )
            before = kernels
        self.dense = convolution(dims, before, options.dense, options.last)
        self.dropout = nn.Dropout(options.dropout)
        self.output = convolution(dims, options.dense, ends.outputs, 1)
        self.dims = dims
        side = options.last
        for k in reversed(range(len(options.kernels))):
            side = (side * 2 if k + 1 < len(options.kernels) else side) + 2 * (SIDE - 1)
        self.patch = side
        self.margins = (self.patch // 2, self.patch - 1 - self.patch // 2)
        self.halo = self.patch

    def on_patches(self, x: Tensor) -> Tensor:
        """Answers (B, outputs, 1, ...) for patches (B, C, *patch), with true poolings: what `maps` says, one by one."""
        return self._through(x, dense=False)

    def maps(self, x: Tensor) -> Tensor:
        """Answers at every voxel of an image, without its margins."""
        return self._through(x, dense=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.maps(mirrored(x, [self.margins] * self.dims))

    def needed(self, length: int) -> int:
        return length + self.patch - 1

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.maps(x),)

    def _through(self, x: Tensor, *, dense: bool) -> Tensor:
        step = 1
        for k, block in enumerate(self.blocks):
            if k:
                x = self._pooled(x, step, dense=dense)
                step *= 2
            for layer in block.children():
                x = F.relu(self._convolved(layer, x, step if dense else 1))
        x = self.dropout(F.relu(self._convolved(self.dense, x, step if dense else 1)))
        made: Tensor = self.output(x)
        return made

    def _pooled(self, x: Tensor, step: int, *, dense: bool) -> Tensor:
        pool = F.max_pool2d if self.dims == 2 else F.max_pool3d
        return pool(x, 2, stride=1, dilation=step) if dense else pool(x, 2)

    def _convolved(self, layer: nn.Module, x: Tensor, step: int) -> Tensor:
        convolve = F.conv2d if self.dims == 2 else F.conv3d
        made: Tensor = convolve(x, layer.weight, layer.bias, dilation=step)  # type: ignore[arg-type]
        return made
