"""What the networks of a run say of prepared images: scores as the run makes them, features before the last layer."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.learning.execution import Execution, logits_of
from radcnn.metrics.clustered import Floats
from radcnn.networks import Network
from radcnn.study.looking import LookedInto
from radcnn.transforms.views import test_time_views

AT_ONCE = 1 << 22  # voxels of images that are scored together
EXECUTION = Execution()  # float32 on the CPU, channels last where that is sound
PLACED: WeakKeyDictionary[LookedInto, tuple[Network, ...]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Said:
    """What the networks say of images: scores (n, k), and features (n, K) of each network before its last layer."""

    scores: Floats
    features: tuple[Floats, ...]

    @classmethod
    def joined(cls, parts: Sequence[Said]) -> Said:
        """Of the images of all parts, in their order."""
        features = tuple(np.concatenate(each) for each in zip(*(part.features for part in parts), strict=True))
        return cls(np.concatenate([part.scores for part in parts]), features)

    def only(self, keep: NDArray[np.bool_]) -> Said:
        """The images where `keep` (n,) is true."""
        return Said(self.scores[keep], tuple(one[keep] for one in self.features))


def score(looked: LookedInto, images: NDArray[np.float32]) -> Said:
    """What the networks say of prepared images (n, C, *size)."""
    step = max(1, AT_ONCE // max(int(np.prod(images.shape[1:])), 1))
    return Said.joined([_score(looked, torch.from_numpy(images[at : at + step])) for at in range(0, len(images), step)])


@torch.no_grad()
def _score(looked: LookedInto, images: Tensor) -> Said:
    task, views = looked.task, test_time_views(looked.bundle.views, dims=looked.plan.preparation.dims)
    each, features = [], []
    for network in _placed(looked):
        for view in views:
            logits, before = with_features(network, view.apply(images))
            each.append(task.decode(logits))
            if view is views[0]:
                features.append(before)
    return Said(np.mean(each, axis=0), tuple(features))


def _placed(looked: LookedInto) -> tuple[Network, ...]:
    """The networks as they run fastest: copies, since others look at their gradients."""
    if looked not in PLACED:
        PLACED[looked] = tuple(EXECUTION.place(copy.deepcopy(one)) for one in looked.networks)  # type: ignore[misc]
    return PLACED[looked]


def with_features(network: Network, images: Tensor) -> tuple[Tensor, Floats]:
    """Logits (B, outputs), and what enters the last dense layer (B, K)."""
    found: list[Tensor] = []
    handle = network.head.register_forward_pre_hook(lambda _, given: found.append(given[0].detach()))
    try:
        logits = logits_of(network, images, EXECUTION)
    finally:
        handle.remove()
    return logits, found[-1].flatten(1).double().numpy()
