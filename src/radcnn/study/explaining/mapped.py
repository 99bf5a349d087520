"""Maps of cases by one method: of each network of a run, and their mean."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from radcnn.core.target import Target
from radcnn.explain.methods import METHODS, MapSettings
from radcnn.networks import Network
from radcnn.study.explaining.asked import Way, answering_for, inner_layer
from radcnn.study.explaining.chosen import batches
from radcnn.study.listener import SILENCE, Listener


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
    settings = MapSettings(inner_layer(way, target))
    made, parts = [], batches(images)
    for k, network in enumerate(networks):
        asked = answering_for(network, target)
        found = []
        for done, rows in enumerate(parts, start=1):
            found.append(METHODS[way.method](asked, images[rows], classes[rows], settings).detach().float())
            listener.progress(f"maps by {way.called}", k * len(parts) + done, len(networks) * len(parts))
        made.append(torch.cat(found))
    return torch.stack(made)


def to_one(maps: Tensor) -> Tensor:
    """Maps (n, *size) divided by their own largest value, what speaks against the class left out: 0 to 1.

    >>> to_one(torch.tensor([[-1.0, 2.0, 4.0], [0.0, -3.0, 0.0]])).tolist()
    [[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]
    """
    positive = maps.clamp(min=0)
    most = positive.flatten(1).amax(1).clamp(min=torch.finfo(maps.dtype).tiny)
    return positive / most.reshape(-1, *[1] * (maps.ndim - 1))
