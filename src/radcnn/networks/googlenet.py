"""GoogLeNet (Inception v1): Szegedy et al., Going Deeper with Convolutions, CVPR 2015 (arXiv:1409.4842).

As in torchvision each convolution is normalised, and the branch the paper draws with 5x5 kernels has 3x3 ones (a fault
inherited from the TensorFlow form that its published weights need); `branch3_kernel=5` gives the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from radcnn.networks.initialisation import Initialisation, Scheme
from radcnn.networks.layers import Concatenate, Norm, convolution, global_average, max_pool, normalisation
from radcnn.networks.network import Ends, Network
from radcnn.networks.options import at_least, probability

Stem = Literal["imagenet", "small"]
Widths = tuple[int, int, int, int, int, int]
AUXILIARY_PARTS = 4  # the auxiliary heads see 4 x 4 (x 4) means
AUXILIARY_DROPOUT = 0.7
# the paper's Table 1: kernels of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
INCEPTIONS: dict[str, Widths] = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}


@dataclass(frozen=True, kw_only=True)
class GoogLeNetOptions:
    """Options of GoogLeNet.

    stem            "imagenet": 7x7 kernels, stride 2, then max pooling; "small": 3x3, stride 1, no pooling
    base_width      kernels of the first layer; the others keep their proportion to it
    branch3_kernel  3 as in torchvision's published weights, 5 as in the paper
    norm            normalisation after each convolution
    dropout         before the last layer
    auxiliary       two more heads on earlier maps, for training only: a bundle leaves them out
    initialisation  one scheme for all weights instead of torchvision's
    """

    stem: Stem = "imagenet"
    base_width: int = 64
    branch3_kernel: Literal[3, 5] = 3
    norm: Norm = "batch"
    dropout: float = 0.2
    auxiliary: bool = False
    initialisation: Scheme | None = None

    def __post_init__(self) -> None:
        at_least(1, base_width=self.base_width)
        probability(dropout=self.dropout)

    def width(self, kernels: int) -> int:
        """A number of kernels of the paper, at this network's width."""
        return max(1, round(kernels * self.base_width / 64))


class ConvNormReLU(nn.Module):
    """A convolution without bias, a normalisation, a ReLU: torchvision's BasicConv2d."""

    def __init__(self, ends: Ends, size: int, norm: Norm, *, stride: int = 1) -> None:
        super().__init__()
        channels, kernels, dims = ends.channels, ends.outputs, ends.dims
        self.conv = convolution(dims, channels, kernels, size, stride=stride, padding=size // 2, bias=False)
        self.bn = normalisation(norm, dims, kernels, eps=0.001)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.relu(self.bn(self.conv(x)))
        return maps


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 and 3x3; 1x1 and 5x5 (see above); max pooling and 1x1."""

    def __init__(self, ends: Ends, widths: Widths, options: GoogLeNetOptions) -> None:
        super().__init__()
        dims, norm, channels = ends.dims, options.norm, ends.channels
        one, reduce3, three, reduce5, five, pool = widths

        def unit(before: int, kernels: int, size: int) -> ConvNormReLU:
            return ConvNormReLU(Ends(before, kernels, dims), size, norm)

        self.branch1 = unit(channels, one, 1)
        self.branch2 = nn.Sequential(unit(channels, reduce3, 1), unit(reduce3, three, 3))
        self.branch3 = nn.Sequential(unit(channels, reduce5, 1), unit(reduce5, five, options.branch3_kernel))
        self.branch4 = nn.Sequential(max_pool(dims, 3, stride=1, padding=1, ceil=True), unit(channels, pool, 1))
        self.concatenate = Concatenate()

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]
        maps: Tensor = self.concatenate(branches)
        return maps


class AuxiliaryHead(nn.Module):
    """Logits from the maps of an earlier stage, so that gradients reach it (section 5 of the paper)."""

    def __init__(self, ends: Ends, options: GoogLeNetOptions) -> None:
        super().__init__()
        kernels, width = options.width(128), options.width(1024)
        self.avgpool = global_average(ends.dims, AUXILIARY_PARTS)
        self.conv = ConvNormReLU(Ends(ends.channels, kernels, ends.dims), 1, options.norm)
        self.fc1 = nn.Linear(kernels * AUXILIARY_PARTS**ends.dims, width)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(AUXILIARY_DROPOUT)
        self.fc2 = nn.Linear(width, ends.outputs)

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.flatten(self.conv(self.avgpool(x)), 1)
        logits: Tensor = self.fc2(self.dropout(self.relu(self.fc1(maps))))
        return logits


class GoogLeNet(Network):
    """Nine inception modules, global average pooling, one dense layer `fc`."""

    head_name = "fc"

    def __init__(self, ends: Ends, options: GoogLeNetOptions) -> None:
        super().__init__()
        dims, width = ends.dims, options.width
        small = options.stem == "small"
        first, second = width(64), width(192)
        size, stride = (3, 1) if small else (7, 2)
        self.conv1 = ConvNormReLU(Ends(ends.channels, first, dims), size, options.norm, stride=stride)
        self.maxpool1 = nn.Identity() if small else max_pool(dims, 3, stride=2, ceil=True)
        self.conv2 = ConvNormReLU(Ends(first, first, dims), 1, options.norm)
        self.conv3 = ConvNormReLU(Ends(first, second, dims), 3, options.norm)
        self.maxpool2 = max_pool(dims, 3, stride=2, ceil=True)
        self.maxpool3 = max_pool(dims, 3, stride=2, ceil=True)
        self.maxpool4 = max_pool(dims, 2, stride=2, ceil=True)
        channels = self._add_inceptions(second, dims, options)
        self.aux1 = self._auxiliary("inception4a", ends, options)
        self.aux2 = self._auxiliary("inception4d", ends, options)
        self.auxiliary = ("aux1", "aux2") if options.auxiliary else ()
        self.avgpool = global_average(dims)
        self.dropout = nn.Dropout(options.dropout)
        self.fc = nn.Linear(channels, ends.outputs)
        self.initialisation = Initialisation("normal", "normal").overruled(options.initialisation)

    def _add_inceptions(self, channels: int, dims: Literal[2, 3], options: GoogLeNetOptions) -> int:
        for name, paper in INCEPTIONS.items():
            one, reduce3, three, reduce5, five, pool = (options.width(kernels) for kernels in paper)
            widths = (one, reduce3, three, reduce5, five, pool)
            outputs = one + three + five + pool
            self.add_module(name, Inception(Ends(channels, outputs, dims), widths, options))
            channels = outputs
        return channels

    def _auxiliary(self, after: str, ends: Ends, options: GoogLeNetOptions) -> AuxiliaryHead | None:
        if not options.auxiliary:
            return None
        one, _, three, _, five, pool = (options.width(kernels) for kernels in INCEPTIONS[after])
        return AuxiliaryHead(Ends(one + three + five + pool, ends.outputs, ends.dims), options)

    def _stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The maps after inception 4a, 4d and 5b."""
        maps = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        maps = self.maxpool3(self._through(maps, "3a", "3b"))
        after_4a = self._through(maps, "4a")
        after_4d = self._through(after_4a, "4b", "4c", "4d")
        maps = self.maxpool4(self._through(after_4d, "4e"))
        return after_4a, after_4d, self._through(maps, "5a", "5b")

    def _through(self, maps: Tensor, *names: str) -> Tensor:
        for name in names:
            maps = self.get_submodule(f"inception{name}")(maps)
        return maps

    def _logits(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.dropout(torch.flatten(self.avgpool(maps), 1)))
        return logits

    def features(self, x: Tensor) -> Tensor:
        """The maps of the last inception module, (B, K, ...)."""
        return self._stages(x)[2]

    def forward(self, x: Tensor) -> Tensor:
        return self._logits(self.features(x))

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, ...]:
        """The logits (B, outputs), then those of the auxiliary heads, if any."""
        after_4a, after_4d, last = self._stages(x)
        heads = ((self.aux1, after_4a), (self.aux2, after_4d))
        return (self._logits(last), *(head(maps) for head, maps in heads if head is not None))


def googlenet(ends: Ends, options: GoogLeNetOptions | None = None) -> GoogLeNet:
    """GoogLeNet with torchvision's parameter names; its weights are not drawn yet.

    6,624,904 parameters without auxiliary heads, 13,004,888 with them (3 channels, 1000 outputs, 2D).
    """
    return GoogLeNet(ends, options or GoogLeNetOptions())
