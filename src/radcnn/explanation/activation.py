"""Class activation by gradients: which places of a layer's maps speak for a class, in any network.

Selvaraju et al. 2017, Grad-CAM, ICCV. The maps of Zhou et al. 2016, which need no gradients, are in `cam`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.explanation.asked import Classes
from radcnn.explanation.layers import Seen, look_at, look_at_modules


def class_activation(
    network: nn.Module, layer: nn.Module | str, images: Tensor, classes: Classes
) -> tuple[Tensor, Tensor]:
    """Grad-CAM of one class per image, and the logits: map (B, *size of the layer's maps) and logits (B, outputs).

    network  gives logits (B, outputs); it is left as it was, in the mode it is in: call network.eval() first
    layer    one of its modules, or its name; its output is the maps (B, K, ...) that are weighted
    images   (B, C, *size)
    classes  which output speaks: one per image, or one for all

        map = relu(sum_k a_k A_k)        a_k = mean over places of d logit / d A_k

    Where the layer is followed by global average pooling and a dense layer this is Zhou's class activation map, up to
    a factor of the number of places and the rectifier. Nothing before the layer is differentiated: the graph begins at
    its output, so that the whole costs little more than a forward pass. The layer's last call counts where it is used
    several times.

    Raises SettingsError when the layer is not of this network, is not reached, or gives no maps, or when a class is no
    output.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    >>> maps, logits = class_activation(network, "0", torch.zeros(4, 1, 8, 8), 2)
    >>> tuple(maps.shape), tuple(logits.shape)
    ((4, 6, 6), (4, 3))
    """
    module = network.get_submodule(layer) if isinstance(layer, str) and _has(network, layer) else layer
    if not isinstance(module, nn.Module) or all(module is not part for part in network.modules()):
        raise SettingsError(f"layer must be a module of this network or its name, got {_called(layer)}")
    name = _called(layer)
    seen, logits = look_at_modules(network, {name: module}, images, classes)
    return weighted(seen[name]), logits


def class_activations(
    network: nn.Module, layers: Sequence[str], images: Tensor, classes: Classes
) -> tuple[Mapping[str, Tensor], Tensor]:
    """Grad-CAM at several layers in one pass: layer -> map (B, *cells), and the logits; see `class_activation`."""
    seen, logits = look_at(network, layers, images, classes)
    return {name: weighted(one) for name, one in seen.items()}, logits


def weighted(seen: Seen) -> Tensor:
    """relu(sum_k a_k A_k) of maps (B, K, *cells), a_k being the mean of the derivative: (B, *cells)."""
    weights = seen.gradient.flatten(2).mean(2)
    return torch.einsum("bk...,bk->b...", seen.maps, weights).relu()


def _has(network: nn.Module, name: str) -> bool:
    return name in dict(network.named_modules())


def _called(layer: nn.Module | str) -> str:
    return repr(layer) if isinstance(layer, str) else type(layer).__name__
