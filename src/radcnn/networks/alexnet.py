"""AlexNet in the one-tower form of Krizhevsky, One weird trick, 2014 (arXiv:1404.5997); first: NIPS 2012."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from radcnn.networks.initialisation import Initialisation, Scheme
from radcnn.networks.layers import convolution, global_average, max_pool
from radcnn.networks.network import Ends, Network
from radcnn.networks.options import at_least, probability

Head = Literal["dense", "gap"]
PARTS = 6  # the dense head sees 6 x 6 (x 6) means of the last maps


@dataclass(frozen=True, kw_only=True)
class AlexNetOptions:
    """Options of AlexNet.

    base_width      kernels of the first layer; the others keep their proportion to it
    dense_width     units of the two dense layers
    head            "dense": the paper's two dense layers; "gap": global average pooling and one dense layer
    dropout         before each dense layer of the head (the last one only for "gap")
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


class AlexNet(Network):
    """Five convolutions, three max poolings, then a dense head."""

    def __init__(self, ends: Ends, options: AlexNetOptions) -> None:
        super().__init__()
        widths = [max(1, round(k * options.base_width / 64)) for k in (64, 192, 384, 256, 256)]
        self.features = _features(ends, widths)
        if options.head == "gap":
            self.avgpool = global_average(ends.dims)
            self.classifier = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(widths[-1], ends.outputs))
        else:
            self.avgpool = global_average(ends.dims, PARTS)
            self.classifier = _dense_head(widths[-1] * PARTS**ends.dims, ends.outputs, options)
        self.head_name = f"classifier.{len(self.classifier) - 1}"
        self.initialisation = Initialisation("uniform", "uniform").overruled(options.initialisation)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
        return logits


def _features(ends: Ends, widths: list[int]) -> nn.Sequential:
    dims = ends.dims
    return nn.Sequential(
        convolution(dims, ends.channels, widths[0], 11, stride=4, padding=2),
        nn.ReLU(inplace=True),
        max_pool(dims, 3, stride=2),
        convolution(dims, widths[0], widths[1], 5, padding=2),
        nn.ReLU(inplace=True),
        max_pool(dims, 3, stride=2),
        convolution(dims, widths[1], widths[2], 3, padding=1),
        nn.ReLU(inplace=True),
        convolution(dims, widths[2], widths[3], 3, padding=1),
        nn.ReLU(inplace=True),
        convolution(dims, widths[3], widths[4], 3, padding=1),
        nn.ReLU(inplace=True),
        max_pool(dims, 3, stride=2),
    )


def _dense_head(inputs: int, outputs: int, options: AlexNetOptions) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(options.dropout),
        nn.Linear(inputs, options.dense_width),
        nn.ReLU(inplace=True),
        nn.Dropout(options.dropout),
        nn.Linear(options.dense_width, options.dense_width),
        nn.ReLU(inplace=True),
        nn.Linear(options.dense_width, outputs),
    )


def alexnet(ends: Ends, options: AlexNetOptions | None = None) -> AlexNet:
    """AlexNet with torchvision's parameter names; its weights are not drawn yet.

    61,100,840 parameters (3 channels, 1000 outputs, 2D). In 3D the dense head alone has 226 million
    weights: take "gap".
    """
    return AlexNet(ends, options or AlexNetOptions())
