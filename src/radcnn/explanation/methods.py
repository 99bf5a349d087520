"""The ways of making a map of what speaks for a class, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radcnn.core.catalogue import look_up
from radcnn.explanation.activation import class_activation
from radcnn.explanation.cam import cam
from radcnn.explanation.cells import cells_of, grown, placed
from radcnn.explanation.fills import Fill
from radcnn.explanation.guided import guided_map
from radcnn.explanation.integrated import integrated_gradients
from radcnn.explanation.occlusion import occlusion


@dataclass(frozen=True)
class MapSettings:
    """What methods may be told.

    layer         the layer whose maps are weighted (`layers.layer_to_map` names the usual one)
    occlude       voxels per axis of the patch that is covered, one number for each axis of the image; without it an
                  eighth of each side of an image, a quarter of a volume's
    occlude_step  voxels from one patch to the next; without it half of the patch
    steps         of integrated gradients
    fill          what covered voxels become, and where integrated gradients begin: each image's darkest value or mean
    """

    layer: str
    occlude: tuple[int, ...] = ()
    occlude_step: tuple[int, ...] = ()
    steps: int = 32
    fill: Fill = "darkest"


MapMethod = Callable[[nn.Module, Tensor, Tensor, MapSettings], Tensor]


def on_voxels(network: nn.Module, layer: str, maps: Tensor, images: Tensor) -> Tensor:
    """A layer's maps (B, *cells) on the voxels of the images (B, C, *size): cells lie where they see, (B, *size).

    layer  its name; "" for the last with so many cells
    """
    lines = cells_of(network, layer, images, tuple(maps.shape[1:]))
    return grown(maps, tuple(images.shape[2:])) if lines is None else placed(maps, lines)


def gradcam(network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings) -> Tensor:
    """Grad-CAM of a class per image on the image's voxels: (B, *size), not negative."""
    maps, _ = class_activation(network, settings.layer, images, classes)
    return on_voxels(network, settings.layer, maps, images)


def zhou(network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings) -> Tensor:  # noqa: ARG001
    """Zhou's class activation map on the image's voxels: (B, *size), with its sign."""
    return on_voxels(network, "", cam(network, images, classes), images)


def occluded(network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings) -> Tensor:
    """How much the asked logit drops while a place is covered: (B, *size), with its sign."""
    patch, step = settings.occlude, settings.occlude_step
    return occlusion(network, images, classes, patch=patch, step=step, fill=settings.fill)


def integrated(network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings) -> Tensor:
    """Integrated gradients: (B, *size), with their sign."""
    return integrated_gradients(network, images, classes, steps=settings.steps, baseline=settings.fill)


def guided_gradcam(network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings) -> Tensor:
    """Guided Grad-CAM: (B, *size), with its sign."""
    return guided_map(network, images, classes, gradcam(network, images, classes, settings))


METHODS: dict[str, MapMethod] = {
    "gradcam": gradcam,
    "cam": zhou,
    "guided_gradcam": guided_gradcam,
    "integrated_gradients": integrated,
    "occlusion": occluded,
}


def maps_in_batches(
    method: str, network: nn.Module, images: Tensor, classes: Tensor, settings: MapSettings, *, at_once: int = 16
) -> Tensor:
    """The maps of many images by the method of this name, some images at a time: (B, *size).

    Raises SettingsError with "did you mean" for a method that is unknown.
    """
    make = look_up(METHODS, method, "method of maps")
    pairs = zip(images.split(at_once), classes.split(at_once), strict=True)
    return torch.cat([make(network, some, asked, settings) for some, asked in pairs])
