"""The chain of the review's Fig. 1: convolution, activation and pooling repeated, then dense layers.

The first of its kind is LeNet (LeCun et al. 1998). Every hyperparameter of the review's Table 1 is an option.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.initialisation import Initialisation, Scheme
from radcnn.networks.layers import (
    Activation,
    Norm,
    Pooling,
    activation,
    average_pool,
    convolution,
    global_average,
    max_pool,
    normalisation,
)
from radcnn.networks.network import Ends, Network
from radcnn.networks.options import at_least, probability
from radcnn.networks.receptive_field import Window, output_size

T = TypeVar("T")
PerLayer = int | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ChainOptions:
    """Options of a chain; a value of a layer is one for all convolutions, or a list with one for each.

    kernels         kernels of each convolution: their number is the depth of the chain
    kernel_size, stride, padding    of the convolutions; "same" keeps the size at stride 1 (odd kernels)
    norm            after each convolution, before its activation
    activation      after each convolution and each hidden dense layer
    pooling, pooling_size, pooling_stride, pooling_padding    after each activation
    head            "gap": global average pooling, any input size; "flatten": all voxels of the last maps
    input_size      rows and columns (or slices, rows, columns) of the images; needed by "flatten"
    dense           units of the hidden dense layers
    dropout         before each dense layer, the last one included
    initialisation  of all weights; initial_sd is the standard deviation of "normal"
    """

    kernels: tuple[int, ...] = (16, 32, 64)
    kernel_size: PerLayer = 3
    stride: PerLayer = 1
    padding: PerLayer | Literal["same"] = "same"
    norm: Norm | Literal["none"] = "none"
    activation: Activation = "relu"
    pooling: Pooling | tuple[Pooling, ...] = "max"
    pooling_size: PerLayer = 2
    pooling_stride: PerLayer = 2
    pooling_padding: PerLayer = 0
    head: Literal["gap", "flatten"] = "gap"
    input_size: tuple[int, ...] | None = None
    dense: tuple[int, ...] = ()
    dropout: float = 0.0
    initialisation: Scheme = "he"
    initial_sd: float = 0.01

    def __post_init__(self) -> None:
        if not self.kernels:
            raise SettingsError("option kernels of a chain must name at least one convolution, got none")
        for name in ("kernels", "kernel_size", "stride", "pooling_size", "pooling_stride", "dense"):
            at_least(1, **{name: min(_listed(getattr(self, name)), default=1)})
        at_least(0, pooling_padding=min(_listed(self.pooling_padding)), initial_sd=self.initial_sd)
        if self.padding != "same":
            at_least(0, padding=min(_listed(self.padding)))
        elif any(size % 2 == 0 for size in _listed(self.kernel_size)):
            raise SettingsError(f"padding 'same' needs odd kernels, got kernel_size {self.kernel_size}; give numbers")
        probability(dropout=self.dropout)
        self.stages()

    def stages(self) -> tuple[Stage, ...]:
        """One Stage per convolution; raises SettingsError when a list has another length than `kernels`."""
        sizes = self._each("kernel_size", self.kernel_size)
        paddings = tuple(k // 2 for k in sizes) if self.padding == "same" else self._each("padding", self.padding)
        columns = (
            self.kernels,
            sizes,
            self._each("stride", self.stride),
            paddings,
            self._each("pooling", self.pooling),
            self._each("pooling_size", self.pooling_size),
            self._each("pooling_stride", self.pooling_stride),
            self._each("pooling_padding", self.pooling_padding),
        )
        return tuple(Stage(*row) for row in zip(*columns, strict=True))

    def _each(self, name: str, value: T | tuple[T, ...]) -> tuple[T, ...]:
        if not isinstance(value, tuple):
            return (value,) * len(self.kernels)
        if len(value) != len(self.kernels):
            raise SettingsError(
                f"option {name} of a chain must be one value or one per convolution ({len(self.kernels)}), got {value}"
            )
        return value


@dataclass(frozen=True)
class Stage:
    """One convolution and the pooling behind it."""

    kernels: int
    size: int
    stride: int
    padding: int
    pooling: Pooling
    pooling_size: int
    pooling_stride: int
    pooling_padding: int

    def __post_init__(self) -> None:
        if self.pooling != "none" and self.pooling_padding > self.pooling_size // 2:
            raise SettingsError(
                f"pooling_padding must be at most half of pooling_size {self.pooling_size}, got {self.pooling_padding}"
            )

    def length_after(self, length: int) -> int:
        """Voxels along one axis after this stage."""
        length = output_size(length, Window(self.size, self.stride, self.padding))
        if self.pooling == "none":
            return length
        return output_size(length, Window(self.pooling_size, self.pooling_stride, self.pooling_padding))


class Chain(Network):
    """Convolutions conv1, conv2 ... in `features`; dense1, dense2 ... and `output` in `classifier`."""

    head_name = "classifier.output"

    def __init__(self, ends: Ends, options: ChainOptions) -> None:
        super().__init__()
        self.features = _features(ends, options)
        self.flattened = _flattened(ends, options)
        self.avgpool = nn.Identity() if self.flattened else global_average(ends.dims)
        inputs = options.kernels[-1] * math.prod(self.flattened or (1,))
        self.classifier = _classifier(inputs, ends.outputs, options)
        self.initialisation = Initialisation(options.initialisation, options.initialisation, options.initial_sd)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.avgpool(self.features(x))
        if self.flattened is not None and tuple(maps.shape[2:]) != self.flattened:
            raise SettingsError(
                f"a chain that flattens needs last maps of {self.flattened} voxels, as input_size says, "
                f"got {tuple(maps.shape[2:])}; resize the images or take head 'gap'"
            )
        logits: Tensor = self.classifier(torch.flatten(maps, 1))
        return logits


def _listed(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _features(ends: Ends, options: ChainOptions) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = ends.channels
    for i, stage in enumerate(options.stages(), start=1):
        layers[f"conv{i}"] = convolution(
            ends.dims, channels, stage.kernels, stage.size, stride=stage.stride, padding=stage.padding
        )
        if options.norm != "none":
            layers[f"norm{i}"] = normalisation(options.norm, ends.dims, stage.kernels)
        layers[f"activation{i}"] = activation(options.activation)
        if stage.pooling != "none":
            pool = max_pool if stage.pooling == "max" else average_pool
            layers[f"pool{i}"] = pool(
                ends.dims, stage.pooling_size, stride=stage.pooling_stride, padding=stage.pooling_padding
            )
        channels = stage.kernels
    return nn.Sequential(layers)


def _flattened(ends: Ends, options: ChainOptions) -> tuple[int, ...] | None:
    """Spatial size of the last maps for the head "flatten"; None for "gap"."""
    if options.head == "gap":
        return None
    size = options.input_size
    if size is None or len(size) != ends.dims:
        raise SettingsError(f"head 'flatten' of a chain needs input_size, {ends.dims} numbers, got {size}")
    for stage in options.stages():
        size = tuple(stage.length_after(length) for length in size)
    return size


def _classifier(inputs: int, outputs: int, options: ChainOptions) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    widths = (inputs, *options.dense)
    for i, (before, width) in enumerate(pairwise(widths), start=1):
        layers[f"dropout{i}"] = nn.Dropout(options.dropout)
        layers[f"dense{i}"] = nn.Linear(before, width)
        layers[f"activation{i}"] = activation(options.activation)
    layers["dropout"] = nn.Dropout(options.dropout)
    layers["output"] = nn.Linear(widths[-1], outputs)
    return nn.Sequential(layers)


def chain(ends: Ends, options: ChainOptions | None = None) -> Chain:
    """A chain of convolutions; its weights are not drawn yet.

    Raises SettingsError when the head "flatten" lacks the input size, or a window does not fit it.
    """
    return Chain(ends, options or ChainOptions())
