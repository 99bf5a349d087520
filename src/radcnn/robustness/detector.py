"""A detector of attacks: a logistic regression of a few statistics of an image and of what the network makes of it.

    distance    log of the least squared Mahalanobis distance of the features before the last layer from a class
    neighbours  distance of these features, at length 1, from a training case's (`outside.Known`)
    sureness    how far the answer is from being another one, in logits
    detail      log of the mean size of the finest diagonal details
    steps       log of the mean step from voxel to voxel

The first two are those of `outside` (Lee et al. 2018, Sun et al. 2022), here so that they can be differentiated: who
knows the detector attacks it, too (Carlini and Wagner 2017, Adversarial Examples Are Not Easily Detected, AISec).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from radcnn.attacks.answers import Answers
from radcnn.metrics.clustered import Floats
from radcnn.networks.network import Network
from radcnn.robustness.outside import NEIGHBOUR, Known

STATISTICS = ("distance", "neighbours", "sureness", "detail", "steps")
LEAST = 1e-6  # of what a logarithm is taken
RIDGE = 1.0  # weight of the squared coefficients: with few cases, a finite answer where attacks are told perfectly
NEWTON = 50  # steps at most


@dataclass(frozen=True, eq=False)
class Statistics:
    """What a detector looks at: the networks, what their logits mean, and what each knows of training cases."""

    networks: tuple[Network, ...]
    answers: Answers
    known: tuple[Known, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Statistics (B, 5) of images (B, C, *size), in the order of STATISTICS; they can be differentiated."""
        each = [_features(network, images) for network in self.networks]
        logits = torch.stack([found for found, _ in each]).mean(0)
        pairs = [(features.flatten(1).double(), known) for (_, features), known in zip(each, self.known, strict=True)]
        distance = torch.stack([_mahalanobis(features, known) for features, known in pairs]).mean(0)
        near = torch.stack([_neighbours(features, known) for features, known in pairs]).mean(0)
        sure = self.answers.margin(logits, self.answers.answered(logits).to(logits.dtype))
        made = (distance.clamp(min=LEAST).log(), near, sure, *_textures(images))
        return torch.stack([one.double() for one in made], 1)


@dataclass(frozen=True, eq=False)
class FittedDetector:
    """score = bias + weights . (statistics - mean) / sd, the logarithm of the odds that an image was attacked."""

    statistics: Statistics
    mean: Tensor
    sd: Tensor
    weights: Tensor
    bias: float

    def __call__(self, images: Tensor) -> Tensor:
        """Scores (B,) of images (B, C, *size)."""
        return self.of(self.statistics(images))

    def of(self, statistics: Tensor) -> Tensor:
        """Scores (B,) of statistics (B, 5)."""
        scores: Tensor = ((statistics - self.mean) / self.sd) @ self.weights + self.bias
        return scores


def fitted(statistics: Statistics, clean: Floats, attacked: Floats) -> FittedDetector:
    """The detector that tells statistics of clean images (n, 5) from those of attacked ones (m, 5).

    Both weigh the same together, however many attacks there were.
    """
    values = np.concatenate([clean, attacked])
    truth = np.arange(len(values)) >= len(clean)
    mean, sd = values.mean(axis=0), np.maximum(values.std(axis=0), LEAST)
    share = np.where(truth, len(values) / (2 * len(attacked)), len(values) / (2 * len(clean)))
    found = _logistic((values - mean) / sd, truth, share)
    return FittedDetector(
        statistics, torch.from_numpy(mean), torch.from_numpy(sd), torch.from_numpy(found[1:]), float(found[0])
    )


def _logistic(design: Floats, truth: NDArray[np.bool_], share: Floats) -> Floats:
    """Bias and coefficients of a weighted logistic regression with a ridge, by Newton's method."""
    full = np.concatenate([np.ones((len(design), 1)), design], axis=1)
    ridge = np.diag([LEAST, *np.full(design.shape[1], RIDGE)])
    found = np.zeros(full.shape[1])
    for _ in range(NEWTON):
        odds = special.expit(full @ found)
        slope = full.T @ (share * (truth - odds)) - ridge @ found
        bend = (full * (share * odds * (1 - odds))[:, None]).T @ full + ridge
        step = np.linalg.solve(bend, slope)
        found = found + step * min(1.0, 4 / max(float(np.abs(step).max()), LEAST))
        if float(np.abs(step).max()) < LEAST:
            break
    return np.asarray(found)


def _features(network: Network, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, outputs), and what enters the last dense layer (B, K), both with their slopes."""
    found: list[Tensor] = []
    handle = network.head.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    try:
        logits: Tensor = network(images)
    finally:
        handle.remove()
    return logits, found[-1]


def _mahalanobis(features: Tensor, known: Known) -> Tensor:
    away = features[:, None] - torch.from_numpy(known.means)
    distances: Tensor = torch.einsum("nck,kl,ncl->nc", away, torch.from_numpy(known.precision), away)
    return distances.amin(1)


def _neighbours(features: Tensor, known: Known) -> Tensor:
    near = min(NEIGHBOUR, len(known.units))
    mine = features / features.norm(dim=1, keepdim=True).clamp(min=LEAST)
    squared = 2 - 2 * mine @ torch.from_numpy(known.units).T
    # the slope of a root is infinite at 0
    return squared.clamp(min=LEAST).sqrt().kthvalue(near, dim=1).values


def _textures(images: Tensor) -> tuple[Tensor, Tensor]:
    """Logs of the mean size of diagonal details and of steps, within rows and columns."""
    down, across = images.diff(dim=-2), images.diff(dim=-1)
    detail = down.diff(dim=-1).abs().flatten(1).mean(1)
    steps = (_mean_size(down) + _mean_size(across)) / 2
    return detail.clamp(min=LEAST).log(), steps.clamp(min=LEAST).log()


def _mean_size(values: Tensor) -> Tensor:
    return values.abs().flatten(1).mean(1)


def statistics_of(statistics: Statistics, images: Tensor, batches: Sequence[Tensor]) -> Floats:
    """Statistics (n, 5) of images (n, C, *size), batch by batch of their rows."""
    with torch.no_grad():
        parts = [statistics(images[rows]).numpy() for rows in batches]
    return np.concatenate(parts) if parts else np.empty((0, len(STATISTICS)))
