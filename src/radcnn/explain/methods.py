"""The ways of making a map of what speaks for a class, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from radcnn.explain.activation import class_activation
from radcnn.explain.cam import cam


@dataclass(frozen=True)
class MapSettings:
    """What methods may be told.

    layer         the layer whose maps are weighted (`layers.last_maps` names the usual one)
    occlude       voxels per axis of the patch that is covered; one number for each axis of the image
    occlude_step  voxels from one patch to the next
    steps         of integrated gradients
    """

    layer: str
    occlude: tuple[int, ...] = ()
    occlude_step: tuple[int, ...] = ()
    steps: int = 32


MapMethod = Callable[[nn.Module, Tensor, Tensor, MapSettings], Tensor]


def grown(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Maps (B, *cells) brought to the image's voxels (B, *size), half-voxel exact: cells are areas, not points.

    >>> import torch
    >>> grown(torch.tensor([[[0.0, 1.0]]]), (1, 4)).tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return functional.interpolate(maps[:, None], size=size, mode=mode, align_corners=False)[:, 0]


def gradcam(network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings) -> Tensor:
    """Grad-CAM of a class per image on the image's voxels: (B, *size), not negative."""
    maps, _ = class_activation(network, settings.layer, images, classes)
    return grown(maps, tuple(images.shape[2:]))


def zhou(network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings) -> Tensor:  # noqa: ARG001
    """Zhou's class activation map on the image's voxels: (B, *size), with its sign."""
    return grown(cam(network, images, classes), tuple(images.shape[2:]))


METHODS: dict[str, MapMethod] = {"gradcam": gradcam, "cam": zhou}
