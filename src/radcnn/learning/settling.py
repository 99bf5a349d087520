"""Batch normalisation settled before judging: its running statistics taken anew from training images as they are.

During training the running statistics follow augmented batches and weights that still move, and averaged weights
never had statistics of their own (Izmailov et al. 2018, section 3.2; "precise" statistics of Wu and Johnson 2021).
Predictions are made on images without augmentation, so the statistics are taken from such images.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from radcnn.learning.batches import Cases
from radcnn.learning.execution import Execution, logits_of

SETTLING_CASES = 1024  # enough for statistics of a few per mille, a small part of an epoch


def settle(network: nn.Module, cases: Cases, rows: NDArray[np.intp], execution: Execution, *, batch: int = 64) -> None:
    """Replace the running statistics of every batch normalisation by those of prepared training cases.

    rows  training rows; at most SETTLING_CASES of them are used, evenly spaced
    The statistics are the mean over batches of equal weight; dropout is off. Leaves the network in evaluation mode.
    """
    network.eval()
    if len(rows) < 2:
        return
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), SETTLING_CASES)).round().astype(np.intp)]
    parts = np.array_split(chosen, max(1, len(chosen) // batch))
    settle_on(network, (cases.batch(part)[0] for part in parts), execution)


@torch.no_grad()
def settle_on(network: nn.Module, batches: Iterable[Tensor], execution: Execution) -> None:
    """The same by batches of images (B, C, *size); none is looked at where nothing counts them."""
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    network.eval()
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the cumulative mean
        layer.train()
    for images in batches:
        logits_of(network, images, execution)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()
