"""VGG networks: Simonyan & Zisserman, Very Deep Convolutional Networks, ICLR 2015 (arXiv:1409.1556)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from radcnn.networks.initialisation import Initialisation, Scheme
from radcnn.networks.layers import Norm, convolution, global_average, max_pool, normalisation
from radcnn.networks.network import Ends, Network
from radcnn.networks.options import at_least, probability

Head = Literal["dense", "gap"]
PARTS = 7  # the dense head sees 7 x 7 (x 7) means of the last maps
STAGE_WIDTHS = (1, 2, 4, 8, 8)  # times the base width
# convolutions in each of the five stages: columns A, B, D and E of the paper's Table 1
DEPTHS: dict[int, tuple[int, ...]] = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


@dataclass(frozen=True, kw_only=True)
class VGGOptions:
    """Options of the VGG networks.

    base_width      kernels of the first stage; the others have 2, 4, 8 and 8 times as many
    dense_width     units of the two dense layers
    head            "dense": the paper's two dense layers; "gap": global average pooling and one dense layer
    dropout         before the later dense layers
    initialisation  one scheme for all weights instead of torchvision's
    """

    base_width: int = 64
    dense_width: int = 4096
    head: Head = "dense"
    dropout: float = 0.5
    initialisation: Scheme | None = None

    def __post_init__(self) -> None:
        at_least(1, base_width=self.base_width, dense_width=self.dense_width)
        probability(dropout=self.dropout)


@dataclass(frozen=True, kw_only=True)
class VGGNormOptions(VGGOptions):
    """Options of the VGG networks that normalise after each convolution (torchvision's _bn forms)."""

    norm: Norm = "batch"


class VGG(Network):
    """Five stages of 3x3 convolutions, each ending in max pooling, then a dense head."""

    def __init__(self, ends: Ends, counts: tuple[int, ...], options: VGGOptions) -> None:
        super().__init__()
        widths = [options.base_width * times for times in STAGE_WIDTHS]
        self.features = _features(ends, counts, widths, getattr(options, "norm", None))
        if options.head == "gap":
            self.avgpool = global_average(ends.dims)
            self.classifier = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(widths[-1], ends.outputs))
        else:
            self.avgpool = global_average(ends.dims, PARTS)
            self.classifier = _dense_head(widths[-1] * PARTS**ends.dims, ends.outputs, options)
        self.head_name = f"classifier.{len(self.classifier) - 1}"
        self.initialisation = Initialisation("he_fan_out", "normal").overruled(options.initialisation)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
        return logits


def _features(ends: Ends, counts: tuple[int, ...], widths: list[int], norm: Norm | None) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = ends.channels
    for count, width in zip(counts, widths, strict=True):
        for _ in range(count):
            layers.append(convolution(ends.dims, channels, width, 3, padding=1))
            if norm is not None:
                layers.append(normalisation(norm, ends.dims, width))
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(max_pool(ends.dims, 2, stride=2))
    return nn.Sequential(*layers)


def _dense_head(inputs: int, outputs: int, options: VGGOptions) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, options.dense_width),
        nn.ReLU(inplace=True),
        nn.Dropout(options.dropout),
        nn.Linear(options.dense_width, options.dense_width),
        nn.ReLU(inplace=True),
        nn.Dropout(options.dropout),
        nn.Linear(options.dense_width, outputs),
    )


def vgg(depth: Literal[11, 13, 16, 19], ends: Ends, options: VGGOptions | None = None) -> VGG:
    """VGG-11, -13, -16 or -19 with torchvision's parameter names; its weights are not drawn yet.

    138,357,544 parameters for 16 layers (3 channels, 1000 outputs, 2D). With VGGNormOptions it is
    torchvision's _bn form. In 3D the dense head alone has 719 million weights: take "gap".
    """
    return VGG(ends, DEPTHS[depth], options or VGGOptions())
