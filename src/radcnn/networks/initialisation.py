"""First weights: each tensor is drawn from the seed and its own name, so that nothing else can change it.

    he          N(0, 2 / fan_in)         He et al. 2015, arXiv:1502.01852
    he_fan_out  N(0, 2 / fan_out)        the same, keeping the variance of gradients
    glorot      U(+-sqrt(6 / (fan_in + fan_out)))   Glorot & Bengio 2010
    normal      N(0, sd^2), sd 0.01 in AlexNet and VGG
    uniform     U(+-1 / sqrt(fan_in)), torch's own for dense layers; also for biases

Biases are 0 (except "uniform"), scales of normalisations 1, shifts 0, slopes of PReLU 0.25.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from radcnn.core.chance import torch_generator

Scheme = Literal["he", "he_fan_out", "glorot", "normal", "uniform"]
N = TypeVar("N", bound=nn.Module)
PRELU_SLOPE = 0.25  # He et al. 2015, the start of the learned slope


@dataclass(frozen=True)
class Initialisation:
    """How a network's first weights are drawn.

    convolution, dense  schemes of the two kinds of weights
    sd                  standard deviation of "normal"
    zero_scales         names of normalisation scales that start at 0 instead of 1 (Goyal et al. 2017, arXiv:1706.02677)
    zero_layers         names of convolutions that start at 0: a residual network begins by changing nothing
    passing             names of a chain of convolutions that begins as the identity: the first maps of each are the
                        image (torch's dirac_), or its voxels where the resolution is halved; the last layer has no
                        others
    """

    convolution: Scheme = "he"
    dense: Scheme = "he"
    sd: float = 0.01
    zero_scales: tuple[str, ...] = ()
    zero_layers: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()

    def overruled(self, scheme: Scheme | None) -> Initialisation:
        """The same with one scheme for all weights; unchanged when `scheme` is None."""
        return self if scheme is None else replace(self, convolution=scheme, dense=scheme)


def fans(shape: torch.Size) -> tuple[int, int]:
    """Inputs and outputs that meet in one unit, for a weight (out, in, *kernel).

    >>> fans(torch.Size([64, 3, 7, 7]))
    (147, 3136)
    """
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def drawn(scheme: Scheme, shape: torch.Size, generator: torch.Generator, *, sd: float = 0.01) -> Tensor:
    """A weight (out, in, *kernel), float32 on the CPU, drawn from the generator."""
    fan_in, fan_out = fans(shape)
    limits = {"glorot": math.sqrt(6 / (fan_in + fan_out)), "uniform": 1 / math.sqrt(fan_in)}
    if scheme in limits:
        return torch.empty(shape).uniform_(-limits[scheme], limits[scheme], generator=generator)
    deviations = {"he": math.sqrt(2 / fan_in), "he_fan_out": math.sqrt(2 / fan_out), "normal": sd}
    return torch.empty(shape).normal_(0, deviations[scheme], generator=generator)


@torch.no_grad()
def initialise(network: nn.Module, how: Initialisation, seed: int) -> None:
    """Draw every weight of a network anew and clear its running statistics; same seed, same weights.

    A tensor depends on the seed and its name only: a new head leaves the weights of the rest as they were.
    """
    for name, module in network.named_modules():
        if name in how.zero_layers:
            for parameter in module.parameters():
                parameter.zero_()
        elif isinstance(module, nn.Conv2d | nn.Conv3d):
            _fill(module, name, how.convolution, how.sd, seed)
        elif isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
            _fill_transposed(module, name, how.convolution, how.sd, seed)
        elif isinstance(module, nn.Linear):
            _fill(module, name, how.dense, how.sd, seed)
        elif isinstance(module, nn.PReLU):
            module.weight.fill_(PRELU_SLOPE)
        else:
            _reset(module, name, how)
    _pass_on([network.get_submodule(name) for name in how.passing])


def _pass_on(layers: list[nn.Module]) -> None:
    """Let the image go through a chain of convolutions unchanged: the middle ones of the channels that come in.

    A convolution that halves lays the voxels of its window into maps of their own, a transposed one puts them together.
    """
    weights: list[Tensor] = [layer.weight for layer in layers]  # type: ignore[misc]
    carried = len(weights[-1]) if weights else 0
    for k, (layer, weight) in enumerate(zip(layers, weights, strict=True)):
        window = math.prod(weight.shape[2:])
        if isinstance(layer, nn.ConvTranspose2d | nn.ConvTranspose3d):
            carried //= window
            weight[:, :carried].zero_()
            _lay(weight, carried)
        elif layer.stride[0] > 1:  # type: ignore[index]
            weight[: carried * window].zero_()
            _lay(weight, carried)
            carried *= window
        else:
            passing = weight[:carried].zero_()
            before = max(0, weight.shape[1] - carried) // 2 if k == 0 else 0
            nn.init.dirac_(passing[:, before:])


def _lay(weight: Tensor, maps: int) -> None:
    """Tie each voxel of a window in each of some maps to a map of its own, as far as there are: (many, few, ...)."""
    windows = weight.flatten(2)
    for place in range(windows.shape[2]):
        few = torch.arange(maps)
        many = few * windows.shape[2] + place
        there = many < len(windows)
        windows[many[there], few[there], place] = 1


def with_first_weights(network: N, how: Initialisation, seed: int | None) -> N:
    """A network that was made without weights (on torch's meta device), on the CPU in float32 with its first ones.

    seed  of the weights; None draws one from torch's own generator
    """
    network.to_empty(device="cpu")
    initialise(network, how, int(torch.randint(2**62, ())) if seed is None else seed)
    return network


def _fill(module: nn.Conv2d | nn.Conv3d | nn.Linear, name: str, scheme: Scheme, sd: float, seed: int) -> None:
    generator = torch_generator(seed, "initialise", name)
    weight: Tensor = module.weight
    weight.copy_(drawn(scheme, weight.shape, generator, sd=sd))
    if module.bias is not None:
        limit = 1 / math.sqrt(fans(weight.shape)[0]) if scheme == "uniform" else 0.0
        module.bias.copy_(torch.empty(module.bias.shape).uniform_(-limit, limit, generator=generator))


def _fill_transposed(
    module: nn.ConvTranspose2d | nn.ConvTranspose3d, name: str, scheme: Scheme, sd: float, seed: int
) -> None:
    """As a convolution with its ends exchanged: an output meets the inputs of every stride-th place."""
    weight: Tensor = module.weight
    turned = torch.Size((weight.shape[1], weight.shape[0], *weight.shape[2:]))
    made = drawn(scheme, turned, torch_generator(seed, "initialise", name), sd=sd)
    if scheme != "normal":
        made = made * math.sqrt(math.prod(module.stride))
    weight.copy_(made.transpose(0, 1))
    if module.bias is not None:
        module.bias.zero_()


def _reset(module: nn.Module, name: str, how: Initialisation) -> None:
    """Normalisations start as the identity; any other module with parameters of its own is our mistake."""
    own = dict(module.named_parameters(recurse=False))
    assert set(own) <= {"weight", "bias"}, f"no rule for the parameters of {name}"
    for kind, parameter in own.items():
        parameter.fill_(float(kind == "weight" and f"{name}.weight" not in how.zero_scales))
    if isinstance(module, nn.modules.batchnorm._NormBase):
        module.reset_running_stats()
