"""NETWORKS, and build: a name, its ends and its options become a network with first weights drawn from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from radcnn.core.catalogue import look_up
from radcnn.networks.alexnet import AlexNetOptions, alexnet
from radcnn.networks.chain import ChainOptions, chain
from radcnn.networks.densenet import DenseNetOptions, WideDenseNetOptions, densenet
from radcnn.networks.googlenet import GoogLeNetOptions, googlenet
from radcnn.networks.initialisation import with_first_weights
from radcnn.networks.layers import Dims
from radcnn.networks.network import Builder, Ends, Network
from radcnn.networks.options import read_options
from radcnn.networks.resnet import ResNetOptions, resnet
from radcnn.networks.vgg import VGGNormOptions, VGGOptions, vgg

LENET = "LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 1998"
ALEXNET = "Krizhevsky et al., NIPS 2012; one-tower form arXiv:1404.5997"
VGG = "Simonyan & Zisserman, ICLR 2015, arXiv:1409.1556"
GOOGLENET = "Szegedy et al., CVPR 2015, arXiv:1409.4842"
RESNET = "He et al., CVPR 2016, arXiv:1512.03385"
DENSENET = "Huang et al., CVPR 2017, arXiv:1608.06993"

NETWORKS: dict[str, Builder[Network]] = {
    "chain": Builder(chain, ChainOptions, LENET),
    "alexnet": Builder(alexnet, AlexNetOptions, ALEXNET),
    "vgg11": Builder(partial(vgg, 11), VGGOptions, VGG),
    "vgg13": Builder(partial(vgg, 13), VGGOptions, VGG),
    "vgg16": Builder(partial(vgg, 16), VGGOptions, VGG),
    "vgg19": Builder(partial(vgg, 19), VGGOptions, VGG),
    "vgg11_bn": Builder(partial(vgg, 11), VGGNormOptions, VGG),
    "vgg13_bn": Builder(partial(vgg, 13), VGGNormOptions, VGG),
    "vgg16_bn": Builder(partial(vgg, 16), VGGNormOptions, VGG),
    "vgg19_bn": Builder(partial(vgg, 19), VGGNormOptions, VGG),
    "googlenet": Builder(googlenet, GoogLeNetOptions, GOOGLENET),
    "resnet18": Builder(partial(resnet, 18), ResNetOptions, RESNET),
    "resnet34": Builder(partial(resnet, 34), ResNetOptions, RESNET),
    "resnet50": Builder(partial(resnet, 50), ResNetOptions, RESNET),
    "resnet101": Builder(partial(resnet, 101), ResNetOptions, RESNET),
    "densenet121": Builder(partial(densenet, 121), DenseNetOptions, DENSENET),
    "densenet161": Builder(partial(densenet, 161), WideDenseNetOptions, DENSENET),
    "densenet169": Builder(partial(densenet, 169), DenseNetOptions, DENSENET),
    "densenet201": Builder(partial(densenet, 201), DenseNetOptions, DENSENET),
}


def build(
    name: str,
    *,
    channels: int,
    outputs: int,
    dims: Dims = 2,
    options: Mapping[str, object] | None = None,
    seed: int | None = None,
) -> Network:
    """A network of NETWORKS on the CPU in float32, in training mode.

    channels, outputs  of the image and of the logits; dims is 2 for images, 3 for volumes
    options            by name: the fields of NETWORKS[name].options
    seed               of the first weights; None draws one from torch's own generator

    Raises SettingsError on an unknown name or option, or a value that does not fit.

    >>> build("resnet18", channels=1, outputs=2, options={"stem": "small", "base_width": 8}, seed=0).head_name
    'fc'
    """
    network, _, _ = bare(name, channels=channels, outputs=outputs, dims=dims, options=options)
    return with_first_weights(network, network.initialisation, seed)


def bare(
    name: str, *, channels: int, outputs: int, dims: Dims, options: Mapping[str, object] | None
) -> tuple[Network, Any, str]:
    """A network without weights (torch's meta device), its options and its paper: enough for counting."""
    builder = look_up(NETWORKS, name, "network")
    settings = read_options(builder.options, options or {}, name)
    with torch.device("meta"):
        network = builder.make(Ends(channels, outputs, dims), settings)
    return network, settings, builder.paper
