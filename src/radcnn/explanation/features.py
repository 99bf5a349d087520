"""Which maps of a layer answers rest on: what each adds to the logit that is asked, over many images.

By gradients: a map adds, to first order, the sum over its places of value times derivative of the logit; its share is
that, without its sign, of what all maps of the layer add (a layer's shares are 1 together in each image).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.explanation.asked import Classes, asked_of
from radcnn.explanation.layers import LayerMaps, layers_of, look_at
from radcnn.metrics.clustered import Floats, clustered_mean
from radcnn.metrics.proportions import proportion

MOST_LAYERS = 5


@dataclass(frozen=True)
class HeavyMap:
    """A map of a layer that answers rest on: which, its mean share by patient, and the share of cases it speaks for.

    share    of |what all maps of the layer add|; 1 / maps if all were alike
    favours  share of cases in which it adds to the logit asked instead of taking from it
    """

    index: int
    share: Estimate
    favours: Estimate


def usual_layers(network: nn.Module, image: Tensor, most: int = MOST_LAYERS) -> tuple[LayerMaps, ...]:
    """The last layer of each size of maps, from the finest to the coarsest; at most so many, the ends among them.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1))
    >>> [layer.name for layer in usual_layers(network, torch.zeros(1, 1, 8, 8))]
    ['1', '2']
    """
    if most < 1:
        raise SettingsError(f"layers that are looked at must be 1 or more, got {most}")
    by_size = {layer.size: layer for layer in layers_of(network, image)}
    found = sorted(by_size.values(), key=lambda layer: -int(np.prod(layer.size)))
    kept = sorted({round(k) for k in np.linspace(len(found) - 1, 0, min(most, len(found)))})
    return tuple(found[k] for k in kept)


def heaviest(
    network: nn.Module, layers: Sequence[str], images: Tensor, classes: Classes, patients: Sequence[str], *,
    most: int, at_once: int = 16,
) -> dict[str, tuple[HeavyMap, ...]]:  # fmt: skip
    """The maps of each layer with the largest share of what is added to, or taken from, the logits asked.

    images   (B, C, *size), of B patients
    classes  which output is asked: one per image, or one for all
    most     maps of a layer

    Maps that add nothing to any image are left out. Raises SettingsError for layers or classes that are none.
    """
    asked = asked_of(classes, len(images))
    parts: dict[str, list[Floats]] = {name: [] for name in layers}
    for rows in torch.arange(len(images)).split(at_once):
        seen, _ = look_at(network, layers, images[rows], asked[rows])
        for name, one in seen.items():
            parts[name].append((one.maps * one.gradient).flatten(2).sum(2).double().numpy())
    return {name: _heaviest(np.concatenate(added), patients, most) for name, added in parts.items()}


def _heaviest(added: NDArray[np.float64], patients: Sequence[str], most: int) -> tuple[HeavyMap, ...]:
    """Of what each map adds to each image, (B, maps)."""
    total = np.abs(added).sum(axis=1, keepdims=True)
    shares = np.divide(np.abs(added), total, out=np.zeros_like(added), where=total > 0)
    order = [int(k) for k in np.argsort(-shares.mean(0), kind="stable")[:most] if shares[:, k].any()]
    people = np.asarray(patients)
    return tuple(HeavyMap(k, clustered_mean(shares[:, k], people), proportion(added[:, k] > 0, people)) for k in order)
