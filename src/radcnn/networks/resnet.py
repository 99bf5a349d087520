"""Residual networks: He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv:1512.03385)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from radcnn.networks.initialisation import Initialisation, Scheme
from radcnn.networks.layers import Add, Dims, Norm, convolution, global_average, max_pool, normalisation
from radcnn.networks.network import Ends, Network
from radcnn.networks.options import at_least, probability

Stem = Literal["imagenet", "strided", "pooled", "small"]


@dataclass(frozen=True, kw_only=True)
class ResNetOptions:
    """Options of every residual network.

    stem        "imagenet": 7x7 kernels, stride 2, then max pooling; "small": 3x3, stride 1, no pooling, for images of
                about 32 pixels (He 2016 section 4.2); "strided": 3x3, stride 2, no pooling, for small volumes, where
                layers at full resolution cost most of the time; "pooled": 3x3, stride 1, then max pooling, which keeps
                signs as thin as a voxel for a third more
    base_width  kernels of the first stage; the others have 2, 4 and 8 times as many
    norm        normalisation after each convolution
    dropout     before the last layer
    zero_init_residual  every block starts as the identity (Goyal et al. 2017)
    initialisation      one scheme for all weights instead of the paper's
    """

    stem: Stem = "imagenet"
    base_width: int = 64
    norm: Norm = "batch"
    dropout: float = 0.0
    zero_init_residual: bool = False
    initialisation: Scheme | None = None

    def __post_init__(self) -> None:
        at_least(1, base_width=self.base_width)
        probability(dropout=self.dropout)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: out = relu(x + f(x))."""

    expansion = 1
    last_scale = "bn2.weight"

    def __init__(self, dims: Dims, channels: int, width: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = convolution(dims, channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = normalisation(norm, dims, width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = convolution(dims, width, width, 3, padding=1, bias=False)
        self.bn2 = normalisation(norm, dims, width)
        self.downsample = _shortcut(dims, channels, width, stride, norm)
        self.add = Add()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        maps = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.add(self.bn2(self.conv2(maps)), shortcut))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the 3x3 one strides, as in torchvision."""

    expansion = 4
    last_scale = "bn3.weight"

    def __init__(self, dims: Dims, channels: int, width: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = convolution(dims, channels, width, 1, bias=False)
        self.bn1 = normalisation(norm, dims, width)
        self.conv2 = convolution(dims, width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = normalisation(norm, dims, width)
        self.conv3 = convolution(dims, width, width * self.expansion, 1, bias=False)
        self.bn3 = normalisation(norm, dims, width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(dims, channels, width * self.expansion, stride, norm)
        self.add = Add()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        maps = self.relu(self.bn1(self.conv1(x)))
        maps = self.relu(self.bn2(self.conv2(maps)))
        return self.relu(self.add(self.bn3(self.conv3(maps)), shortcut))


def _shortcut(dims: Dims, channels: int, width: int, stride: int, norm: Norm) -> nn.Sequential | None:
    """A strided 1x1 projection where the shape changes (option B of the paper), otherwise nothing."""
    if stride == 1 and channels == width:
        return None
    return nn.Sequential(
        convolution(dims, channels, width, 1, stride=stride, bias=False), normalisation(norm, dims, width)
    )


Block = type[BasicBlock] | type[Bottleneck]
DEPTHS: dict[int, tuple[Block, tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}


class ResNet(Network):
    """Four stages of residual blocks, global average pooling, one dense layer `fc`."""

    head_name = "fc"

    def __init__(self, ends: Ends, block: Block, counts: tuple[int, ...], options: ResNetOptions) -> None:
        super().__init__()
        dims, norm, width = ends.dims, options.norm, options.base_width
        size, stride = {"imagenet": (7, 2), "strided": (3, 2), "pooled": (3, 1), "small": (3, 1)}[options.stem]
        self.conv1 = convolution(dims, ends.channels, width, size, stride=stride, padding=size // 2, bias=False)
        self.bn1 = normalisation(norm, dims, width)
        self.relu = nn.ReLU(inplace=True)
        pools = options.stem in ("imagenet", "pooled")
        self.maxpool = max_pool(dims, 3, stride=2, padding=1) if pools else nn.Identity()
        widths = [width * 2**stage for stage in range(4)]
        before = [width, *(w * block.expansion for w in widths)]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(dims, block, counts[i], (before[i], widths[i]), 1 if i == 0 else 2, norm) for i in range(4)
        )
        self.avgpool = global_average(dims)
        self.dropout = nn.Dropout(options.dropout)
        self.fc = nn.Linear(before[-1], ends.outputs)
        how = Initialisation(convolution="he_fan_out", dense="uniform", zero_scales=self._zero_scales(options))
        self.initialisation = how.overruled(options.initialisation)

    def features(self, x: Tensor) -> Tensor:
        """The maps of the last stage, (B, K, ...)."""
        maps = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        last: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        return last

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.dropout(torch.flatten(self.avgpool(self.features(x)), 1)))
        return logits

    def _zero_scales(self, options: ResNetOptions) -> tuple[str, ...]:
        if not options.zero_init_residual:
            return ()
        blocks = ((name, m) for name, m in self.named_modules() if isinstance(m, BasicBlock | Bottleneck))
        return tuple(f"{name}.{block.last_scale}" for name, block in blocks)


def _stage(
    dims: Dims, block: Block, count: int, channels_width: tuple[int, int], stride: int, norm: Norm
) -> nn.Sequential:
    channels, width = channels_width
    first = block(dims, channels, width, stride, norm)
    rest = (block(dims, width * block.expansion, width, 1, norm) for _ in range(count - 1))
    return nn.Sequential(first, *rest)


def resnet(depth: Literal[18, 34, 50, 101], ends: Ends, options: ResNetOptions | None = None) -> ResNet:
    """ResNet-18, -34, -50 or -101 with torchvision's parameter names; its weights are not drawn yet.

    11,689,512 parameters for 18 layers, 25,557,032 for 50 (3 channels, 1000 outputs, 2D).
    """
    block, counts = DEPTHS[depth]
    return ResNet(ends, block, counts, options or ResNetOptions())
