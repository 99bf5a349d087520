"""How far apart answers to one image are: those of several networks, and of one network under dropout."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from radcnn.core.chance import derived_seed
from radcnn.core.errors import InputError
from radcnn.metrics.clustered import Floats
from radcnn.study.looking import LookedInto

PASSES = 20  # under dropout
AT_ONCE = 64


def network_spread(looked: LookedInto) -> Floats:
    """The standard deviation (n,) of the networks' probabilities, of the class or label where it is largest.

    Raises InputError where there is one network.
    """
    if len(looked.networks) < 2:
        raise InputError("the run has one network; members or folds of several would differ (--set training.members=5)")
    each = [_probabilities(looked, network) for network in looked.networks]
    return np.asarray(np.std(each, axis=0, ddof=1).max(axis=1))


def dropout_spread(looked: LookedInto, *, seed: int) -> Floats:
    """As `network_spread`, over passes with dropout left on (Gal and Ghahramani 2016); the mean over networks.

    Raises InputError where no layer drops anything.
    """
    dropping = [[layer for layer in network.modules() if _drops(layer)] for network in looked.networks]
    if not all(dropping):
        raise InputError("the networks have no dropout")
    made = []
    for number, (network, layers) in enumerate(zip(looked.networks, dropping, strict=True)):
        each = []
        try:
            for layer in layers:
                layer.train()
            for turn in range(PASSES):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(derived_seed(seed, "dropout", number, turn))
                    each.append(_probabilities(looked, network))
        finally:
            network.eval()
        made.append(np.std(each, axis=0, ddof=1).max(axis=1))
    return np.asarray(np.mean(made, axis=0))


def _drops(layer: nn.Module) -> bool:
    return isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0


@torch.no_grad()
def _probabilities(looked: LookedInto, network: nn.Module) -> Floats:
    """Of the images as they are, without test-time views."""
    parts = [
        looked.task.decode(network(torch.from_numpy(looked.images[at : at + AT_ONCE])))
        for at in range(0, len(looked.images), AT_ONCE)
    ]
    return np.concatenate(parts)
