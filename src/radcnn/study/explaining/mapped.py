"""Maps of cases by one method: of each network of a run, and their mean."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radcnn.core.target import Target
from radcnn.explanation.methods import METHODS, MapSettings
from radcnn.networks import Network
from radcnn.study.explaining.asked import Way, answering_for, inner_layer
from radcnn.study.explaining.chosen import batches
from radcnn.study.listener import SILENCE, Listener

NEARLY = 1e-4  # of the largest value: what interpolation's rounding makes of slices that are alike


def maps_of(
    networks: Sequence[Network],
    target: Target,
    way: Way,
    images: Tensor,
    classes: Tensor,
    listener: Listener = SILENCE,
) -> Tensor:
    """The maps of images (n, C, *size) by each network: (networks, n, *size) float32, on the networks' own grid.

    classes  (n,) the output that each map speaks of
    """
    made = []
    for k, network in enumerate(networks):
        asked, done, total = answering_for(network, target), k * len(images), len(networks) * len(images)
        parts = []
        for rows in batches(images):
            parts.append(maps_by(asked, target, way, images[rows], classes[rows]))
            listener.progress(f"maps by {way.called}", done + int(rows[-1]) + 1, total)
        made.append(torch.cat(parts))
    return torch.stack(made)


def maps_by(asked: nn.Module, target: Target, way: Way, images: Tensor, classes: Tensor) -> Tensor:
    """The maps of images (n, C, *size) by one network that answers for every class: (n, *size) float32."""
    settings = MapSettings(inner_layer(way, target))
    make = METHODS[way.method]
    return torch.cat([make(asked, images[rows], classes[rows], settings).detach().float() for rows in batches(images)])


def to_one(maps: Tensor) -> Tensor:
    """Maps (n, *size) divided by their own largest value, what speaks against the class left out: 0 to 1.

    >>> to_one(torch.tensor([[-1.0, 2.0, 4.0], [0.0, -3.0, 0.0]])).tolist()
    [[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]
    """
    positive = maps.clamp(min=0)
    most = positive.flatten(1).amax(1).clamp(min=torch.finfo(maps.dtype).tiny)
    return positive / most.reshape(-1, *[1] * (maps.ndim - 1))


def strongest_slice(found: Tensor) -> int:
    """The slice (D, H, W) in which a map is strongest; of several alike the one in their middle.

    A coarse map is as strong in all the slices that one of its cells covers at a border.

    >>> strongest_slice(torch.tensor([1.0, 3.0, 3.0, 3.0, 0.0]).reshape(5, 1, 1))
    2
    """
    most = found.amax(dim=(1, 2))
    alike = (most >= most.max() - NEARLY * most.max().abs()).nonzero()[:, 0]
    return int(alike[len(alike) // 2])
