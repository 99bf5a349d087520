"""IMAGE_NETWORKS, and build_image_network: networks from images to images, by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from radcnn.core.catalogue import look_up
from radcnn.networks.denoisers import (
    REDCNN,
    AutoEncoder,
    AutoEncoderOptions,
    DnCNN,
    DnCNNOptions,
    REDCNNOptions,
    ThreeLayerOptions,
    ThreeLayers,
)
from radcnn.networks.image_network import ImageNetwork
from radcnn.networks.initialisation import with_first_weights
from radcnn.networks.layers import Dims
from radcnn.networks.modern_unet import ModernUNet, ModernUNetOptions, ResEncUNetOptions
from radcnn.networks.network import Builder, Ends
from radcnn.networks.options import read_options
from radcnn.networks.patch_classifier import PatchClassifier, PatchClassifierOptions
from radcnn.networks.unet import FBPConvNetOptions, UNet, UNetOptions
from radcnn.networks.valid_unet import ValidUNet, ValidUNetOptions
from radcnn.networks.vnet import VNet, VNetOptions

IMAGE_NETWORKS: dict[str, Builder[ImageNetwork]] = {
    "chen2017": Builder(ThreeLayers, ThreeLayerOptions, "Chen et al., Biomed Opt Express 2017;8:679"),
    "redcnn": Builder(REDCNN, REDCNNOptions, "Chen et al., IEEE TMI 2017;36:2524"),
    "nishio2017": Builder(AutoEncoder, AutoEncoderOptions, "Nishio et al., Heliyon 2017;3:e00393"),
    "fbpconvnet": Builder(UNet, FBPConvNetOptions, "Jin et al., IEEE TIP 2017;26:4509"),
    "dncnn": Builder(DnCNN, DnCNNOptions, "Zhang et al., IEEE TIP 2017;26:3142"),
    "unet": Builder(UNet, UNetOptions, "Ronneberger et al., MICCAI 2015, arXiv:1505.04597"),
    "unet2015": Builder(ValidUNet, ValidUNetOptions, "Ronneberger et al., MICCAI 2015, arXiv:1505.04597"),
    "modern_unet": Builder(ModernUNet, ModernUNetOptions, "Isensee et al., Nature Methods 2021;18:203"),
    "resenc_unet": Builder(ModernUNet, ResEncUNetOptions, "Isensee et al., MICCAI 2024, arXiv:2404.09556"),
    "vnet": Builder(VNet, VNetOptions, "Milletari et al., 3DV 2016, arXiv:1606.04797"),
    "lu2017": Builder(PatchClassifier, PatchClassifierOptions, "Lu et al., Int J CARS 2017;12:171"),
}


def build_image_network(
    name: str,
    *,
    channels: int = 1,
    outputs: int = 1,
    dims: Dims = 2,
    options: Mapping[str, object] | None = None,
    seed: int | None = None,
) -> ImageNetwork:
    """A network of IMAGE_NETWORKS on the CPU in float32, in training mode.

    channels, outputs  of the image that comes in and of the one that goes out; dims is 2 for images, 3 for volumes
    options            by name: the fields of IMAGE_NETWORKS[name].options
    seed               of the first weights; None draws one from torch's own generator

    Raises SettingsError on an unknown name or option, or a value that does not fit.

    >>> sum(p.numel() for p in build_image_network("redcnn", seed=0).parameters())
    1848865
    """
    network = bare_image_network(name, channels=channels, outputs=outputs, dims=dims, options=options)
    return with_first_weights(network, network.initialisation, seed)


def bare_image_network(
    name: str, *, channels: int = 1, outputs: int = 1, dims: Dims = 2, options: Mapping[str, object] | None = None
) -> ImageNetwork:
    """The same without weights (torch's meta device): enough for counting, or to be filled."""
    builder = look_up(IMAGE_NETWORKS, name, "network")
    settings = read_options(builder.options, options or {}, name)
    with torch.device("meta"):
        return builder.make(Ends(channels, outputs, dims), settings)
