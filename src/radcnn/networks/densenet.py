"""DenseNets: Huang et al., Densely Connected Convolutional Networks, CVPR 2017 (arXiv:1608.06993)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from radcnn.networks.initialisation import Initialisation, Scheme
from radcnn.networks.layers import (
    Concatenate,
    Dims,
    Norm,
    average_pool,
    convolution,
    global_average,
    max_pool,
    normalisation,
)
from radcnn.networks.network import Ends, Network
from radcnn.networks.options import at_least, probability

Stem = Literal["imagenet", "small"]
BOTTLENECK = 4  # the 1x1 convolution makes 4 x growth_rate maps (DenseNet-B)
DEPTHS: dict[int, tuple[int, ...]] = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}


@dataclass(frozen=True, kw_only=True)
class DenseNetOptions:
    """Options of every DenseNet.

    stem            "imagenet": 7x7 kernels, stride 2, then max pooling; "small": 3x3, stride 1, no pooling
    growth_rate     maps each dense layer adds
    initial_width   maps of the first convolution
    norm            normalisation before each convolution
    layer_dropout   after each dense layer (0.2 in the paper where there was no augmentation)
    dropout         before the last layer
    initialisation  one scheme for all weights instead of the paper's
    """

    stem: Stem = "imagenet"
    growth_rate: int = 32
    initial_width: int = 64
    norm: Norm = "batch"
    layer_dropout: float = 0.0
    dropout: float = 0.0
    initialisation: Scheme | None = None

    def __post_init__(self) -> None:
        at_least(1, growth_rate=self.growth_rate)
        at_least(2, initial_width=self.initial_width)
        probability(layer_dropout=self.layer_dropout, dropout=self.dropout)


@dataclass(frozen=True, kw_only=True)
class WideDenseNetOptions(DenseNetOptions):
    """Options of DenseNet-161, which is wider: 48 maps a layer after 96 (the paper's k = 48)."""

    growth_rate: int = 48
    initial_width: int = 96


class DenseLayer(nn.Module):
    """Normalise, ReLU, 1x1; normalise, ReLU, 3x3: `growth_rate` new maps from all maps before."""

    def __init__(self, dims: Dims, channels: int, options: DenseNetOptions) -> None:
        super().__init__()
        inner = BOTTLENECK * options.growth_rate
        self.concatenate = Concatenate()
        self.norm1 = normalisation(options.norm, dims, channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = convolution(dims, channels, inner, 1, bias=False)
        self.norm2 = normalisation(options.norm, dims, inner)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = convolution(dims, inner, options.growth_rate, 3, padding=1, bias=False)
        self.dropout = nn.Dropout(options.layer_dropout)

    def forward(self, before: Sequence[Tensor]) -> Tensor:
        inner = self.conv1(self.relu1(self.norm1(self.concatenate(before))))
        new: Tensor = self.dropout(self.conv2(self.relu2(self.norm2(inner))))
        return new


class DenseBlock(nn.Module):
    """Layers that each see the maps of all layers before them; gives all maps."""

    def __init__(self, dims: Dims, channels: int, count: int, options: DenseNetOptions) -> None:
        super().__init__()
        self.names = [f"denselayer{i + 1}" for i in range(count)]
        for i, name in enumerate(self.names):
            self.add_module(name, DenseLayer(dims, channels + i * options.growth_rate, options))
        self.concatenate = Concatenate()

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for name in self.names:
            maps.append(self.get_submodule(name)(maps))
        every: Tensor = self.concatenate(maps)
        return every


class Transition(nn.Sequential):
    """Half as many maps by a 1x1 convolution, half the size by average pooling (compression 0.5)."""

    def __init__(self, dims: Dims, channels: int, norm: Norm) -> None:
        super().__init__()
        self.norm = normalisation(norm, dims, channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = convolution(dims, channels, channels // 2, 1, bias=False)
        self.pool = average_pool(dims, 2, stride=2)


class DenseNet(Network):
    """Four dense blocks with transitions between them, global average pooling, one dense layer `classifier`.

    The last ReLU stands inside `features`, so that the maps are the ones the classifier averages.
    """

    head_name = "classifier"

    def __init__(self, ends: Ends, counts: tuple[int, ...], options: DenseNetOptions) -> None:
        super().__init__()
        self.features = _stem(ends, options)
        channels = options.initial_width
        for i, count in enumerate(counts, start=1):
            self.features.add_module(f"denseblock{i}", DenseBlock(ends.dims, channels, count, options))
            channels += count * options.growth_rate
            if i < len(counts):
                self.features.add_module(f"transition{i}", Transition(ends.dims, channels, options.norm))
                channels //= 2
        self.features.add_module("norm5", normalisation(options.norm, ends.dims, channels))
        self.features.add_module("relu5", nn.ReLU(inplace=True))
        self.avgpool = global_average(ends.dims)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(channels, ends.outputs)
        self.initialisation = Initialisation("he", "uniform").overruled(options.initialisation)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.dropout(torch.flatten(self.avgpool(self.features(x)), 1)))
        return logits


def _stem(ends: Ends, options: DenseNetOptions) -> nn.Sequential:
    small = options.stem == "small"
    size, stride = (3, 1) if small else (7, 2)
    width = options.initial_width
    stem = nn.Sequential()
    first = convolution(ends.dims, ends.channels, width, size, stride=stride, padding=size // 2, bias=False)
    stem.add_module("conv0", first)
    stem.add_module("norm0", normalisation(options.norm, ends.dims, width))
    stem.add_module("relu0", nn.ReLU(inplace=True))
    if not small:
        stem.add_module("pool0", max_pool(ends.dims, 3, stride=2, padding=1))
    return stem


def densenet(depth: Literal[121, 161, 169, 201], ends: Ends, options: DenseNetOptions | None = None) -> DenseNet:
    """DenseNet-121, -161, -169 or -201 with torchvision's parameter names; its weights are not drawn yet.

    7,978,856 parameters for 121 layers, 28,681,000 for 161 with WideDenseNetOptions (3 channels, 1000 outputs, 2D).
    """
    return DenseNet(ends, DEPTHS[depth], options or (WideDenseNetOptions() if depth == 161 else DenseNetOptions()))
