"""Scores of prepared cases: the mean over the networks of an ensemble and over test-time views."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radcnn.data.prepared.cases import Images
from radcnn.tasks import Task
from radcnn.transforms.views import ViewKind, test_time_views

LogitsOf = Callable[[nn.Module, Tensor], Tensor]


def plain_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Logits in float32 on the CPU."""
    logits: Tensor = network(images)
    return logits


@torch.inference_mode()
def scores(
    networks: Sequence[nn.Module],
    images: Images,
    task: Task,
    *,
    views: ViewKind = "identity",
    batch: int = 64,
    logits_of: LogitsOf = plain_logits,
    told: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Scores (n, k) in float64 for images (n, C, *size): decoded per network and view, then averaged.

    Averaging probabilities, not logits, keeps one overconfident network from deciding alone.
    """
    looks = test_time_views(views, dims=2 if len(images.shape) == 4 else 3)
    for network in networks:
        network.eval()
    parts = []
    for start in range(0, len(images), batch):
        # a copy: what a network does to its input must not change the cases
        block = torch.from_numpy(np.array(images[start : start + batch]))
        each = [
            task.decode(logits_of(network, look.apply(block)).float().cpu()) for network in networks for look in looks
        ]
        parts.append(np.mean(each, axis=0))
        if told is not None:
            told(min(start + batch, len(images)), len(images))
    if not parts:
        return np.empty((0, task.outputs))
    return np.concatenate(parts)
