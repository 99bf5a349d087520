"""Networks that take noise from an image: Chen's three layers, DnCNN, RED-CNN, Nishio's auto-encoder.

All keep the size by zeros at the edges, where the papers' patches shrank; within the halo of an edge a voxel sees them.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.networks.image_network import ImageNetwork, refuse_lopsided
from radcnn.networks.initialisation import Initialisation
from radcnn.networks.layers import convolution, normalisation, transposed_convolution
from radcnn.networks.network import Ends
from radcnn.networks.options import at_least


def odd(**options: int) -> None:
    """Raises SettingsError for the first option that is not an odd number of at least 1."""
    for name, value in options.items():
        if value < 1 or value % 2 == 0:
            raise SettingsError(f"option {name} must be an odd number of at least 1, got {value}")


@dataclass(frozen=True, kw_only=True)
class ThreeLayerOptions:
    """Options of the three-layer network.

    kernels       of the first two convolutions
    kernel_sizes  of the three
    """

    kernels: tuple[int, int] = (64, 32)
    kernel_sizes: tuple[int, int, int] = (9, 3, 5)

    def __post_init__(self) -> None:
        if len(self.kernels) != 2 or len(self.kernel_sizes) != 3:
            raise SettingsError("the three-layer network has 2 kernels and 3 kernel_sizes")
        at_least(1, kernels=min(self.kernels))
        for size in self.kernel_sizes:
            odd(kernel_sizes=size)


class ThreeLayers(ImageNetwork):
    """Patches are coded, filtered and put together again: `coding`, `filtering`, `output`."""

    def __init__(self, ends: Ends, options: ThreeLayerOptions) -> None:
        super().__init__()
        widths = (ends.channels, *options.kernels, ends.outputs)
        names = ("coding", "filtering", "output")
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for k, name in enumerate(names):
            size = options.kernel_sizes[k]
            layers[name] = convolution(ends.dims, widths[k], widths[k + 1], size, padding=size // 2)
            if k < 2:
                layers[f"activation{k + 1}"] = nn.ReLU(inplace=True)
        self.maps = nn.Sequential(layers)
        self.halo = sum(size // 2 for size in options.kernel_sizes)
        self.initialisation = Initialisation(passing=tuple(f"maps.{name}" for name in names))


@dataclass(frozen=True, kw_only=True)
class DnCNNOptions:
    """Options of DnCNN.

    depth    number of convolutions, at least 3
    kernels  of all but the last
    """

    depth: int = 17
    kernels: int = 64

    def __post_init__(self) -> None:
        at_least(3, depth=self.depth)
        at_least(1, kernels=self.kernels)


class DnCNN(ImageNetwork):
    """The noise is predicted by `body`, and taken from the input."""

    residual = True

    def __init__(self, ends: Ends, options: DnCNNOptions) -> None:
        super().__init__()
        refuse_lopsided(ends, "dncnn")
        self.outputs = ends.outputs
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["conv1"] = convolution(ends.dims, ends.channels, options.kernels, 3, padding=1)
        layers["activation1"] = nn.ReLU(inplace=True)
        for k in range(2, options.depth):
            layers[f"conv{k}"] = convolution(ends.dims, options.kernels, options.kernels, 3, padding=1, bias=False)
            layers[f"norm{k}"] = normalisation("batch", ends.dims, options.kernels)
            layers[f"activation{k}"] = nn.ReLU(inplace=True)
        layers[f"conv{options.depth}"] = convolution(ends.dims, options.kernels, ends.outputs, 3, padding=1)
        self.body = nn.Sequential(layers)
        self.halo = options.depth

    def maps(self, x: Tensor) -> Tensor:
        noise: Tensor = self.body(x)
        return self.carried(x, self.outputs) - noise


@dataclass(frozen=True, kw_only=True)
class REDCNNOptions:
    """Options of RED-CNN.

    kernels      of all but the last layer
    kernel_size  of all layers
    nonnegative  whether the output ends with a ReLU, as in the paper, whose values begin at 0
    """

    kernels: int = 96
    kernel_size: int = 5
    nonnegative: bool = True

    def __post_init__(self) -> None:
        at_least(1, kernels=self.kernels)
        odd(kernel_size=self.kernel_size)


class REDCNN(ImageNetwork):
    """Five convolutions, five transposed ones, three shortcuts; nothing is padded on the way, so that sizes mirror."""

    residual = True

    def __init__(self, ends: Ends, options: REDCNNOptions) -> None:
        super().__init__()
        refuse_lopsided(ends, "redcnn")
        self.outputs = ends.outputs
        k, side = options.kernels, options.kernel_size
        inputs, outputs = (ends.channels, k, k, k, k), (k, k, k, k, ends.outputs)
        self.conv = nn.ModuleList(convolution(ends.dims, channels, k, side) for channels in inputs)
        self.tconv = nn.ModuleList(transposed_convolution(ends.dims, k, channels, side) for channels in outputs)
        self.activation, self.nonnegative, self.shrinks = nn.ReLU(), options.nonnegative, 5 * (side - 1)
        self.halo = self.shrinks
        self.initialisation = Initialisation(convolution="normal")  # the paper's: sd 0.01, so that it changes little

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) <= self.shrinks:
            raise SettingsError(f"redcnn needs images of more than {self.shrinks} pixels, got {tuple(x.shape[2:])}")
        return super().forward(x)

    def maps(self, x: Tensor) -> Tensor:
        active = self.activation
        second = active(self.conv[1](active(self.conv[0](x))))
        fourth = active(self.conv[3](active(self.conv[2](second))))
        y = active(self.tconv[0](active(self.conv[4](fourth))) + fourth)
        y = active(self.tconv[2](active(self.tconv[1](y))) + second)
        y = self.tconv[4](active(self.tconv[3](y))) + self.carried(x, self.outputs)
        made: Tensor = active(y) if self.nonnegative else y
        return made


@dataclass(frozen=True, kw_only=True)
class AutoEncoderOptions:
    """Options of the convolutional auto-encoder.

    kernels  at each level, from the image down; each level but the last halves the resolution
    """

    kernels: tuple[int, ...] = (32, 64, 128)

    def __post_init__(self) -> None:
        if len(self.kernels) < 2:
            raise SettingsError("an auto-encoder needs at least two levels of kernels")
        at_least(1, kernels=min(self.kernels))


class AutoEncoder(ImageNetwork):
    """Convolutions that halve on the way down, transposed ones up; no shortcut: all of the image passes the middle.

    Nishio et al. 2017 do not print their layers: these are ours. With pooling in their place the image would have to be
    guessed from the largest of each four voxels; as it is, the network begins by giving back what it was given.
    """

    def __init__(self, ends: Ends, options: AutoEncoderOptions) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = ends.channels
        for level, kernels in enumerate(options.kernels, start=1):
            if level > 1:
                layers[f"halve{level}"] = convolution(ends.dims, channels, kernels, 2, stride=2)
                layers[f"halve_activation{level}"] = nn.ReLU(inplace=True)
                channels = kernels
            layers[f"down{level}"] = convolution(ends.dims, channels, kernels, 3, padding=1)
            layers[f"down_activation{level}"] = nn.ReLU(inplace=True)
            channels = kernels
        for level, kernels in reversed(list(enumerate(options.kernels[:-1], start=1))):
            layers[f"up{level}"] = transposed_convolution(ends.dims, channels, kernels, 2, stride=2)
            layers[f"up_activation{level}"] = nn.ReLU(inplace=True)
            layers[f"smooth{level}"] = convolution(ends.dims, kernels, kernels, 3, padding=1)
            layers[f"smooth_activation{level}"] = nn.ReLU(inplace=True)
            channels = kernels
        layers["output"] = convolution(ends.dims, channels, ends.outputs, 3, padding=1)
        self.maps = nn.Sequential(layers)
        levels = len(options.kernels) - 1
        self.multiple = 2**levels
        # a voxel for each convolution at its resolution, the output's, and where in a coarse voxel one lies
        self.halo = 2 * (self.multiple - 1) + self.multiple + 1 + self.multiple - 1
        self.initialisation = Initialisation(
            passing=tuple(f"maps.{name}" for name in layers if "activation" not in name)
        )
