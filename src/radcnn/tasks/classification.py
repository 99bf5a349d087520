"""Classification: yes/no, one class of several, or several labels at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.target import Target
from radcnn.losses import binary_cross_entropy, cross_entropy
from radcnn.metrics.ranking import auc


@dataclass(frozen=True)
class YesNo:
    """One yes/no question (binary) or one per label (multi-label): sigmoid with binary cross-entropy."""

    target: Target
    monitor_name: str = "AUC"

    @property
    def outputs(self) -> int:
        return len(self.target.names)

    @property
    def panel(self) -> str:
        return self.target.kind

    def loss(self, logits: Tensor, targets: Tensor, *, class_weights: Tensor | None, smoothing: float) -> Tensor:
        return binary_cross_entropy(logits, targets, class_weights=class_weights, smoothing=smoothing)

    def class_weights(self, targets: NDArray[np.float64]) -> Tensor | None:
        present = np.nansum(targets, axis=0)
        labelled = (~np.isnan(targets)).sum(axis=0)
        counts = np.maximum(np.stack([labelled - present, present]), 1)
        return torch.tensor(labelled / (2 * counts), dtype=torch.float32)

    def guessing(self, targets: NDArray[np.float64], *, balanced: bool) -> float:
        """Entropy of the shares of absent and present, averaged over the labels as the loss is."""
        labelled = (~np.isnan(targets)).sum(axis=0)
        present = np.nansum(targets, axis=0)
        if balanced:
            return math.log(2)
        entropies = [_entropy(np.array([n - k, k])) for n, k in zip(labelled, present, strict=True)]
        return float(np.average(entropies, weights=labelled)) if labelled.any() else math.nan

    def decode(self, logits: Tensor) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = torch.sigmoid(logits.double()).numpy()
        return scores

    def monitor(self, scores: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
        """Mean over the labels of the area under the ROC curve."""
        return _mean_auc([(targets[:, k], scores[:, k]) for k in range(self.outputs)])


@dataclass(frozen=True)
class OneOfSeveral:
    """One class of several: softmax with cross-entropy."""

    target: Target
    monitor_name: str = "mean AUC, one class against the rest"

    @property
    def outputs(self) -> int:
        return len(self.target.classes)

    @property
    def panel(self) -> str:
        return self.target.kind

    def loss(self, logits: Tensor, targets: Tensor, *, class_weights: Tensor | None, smoothing: float) -> Tensor:
        return cross_entropy(logits, targets, class_weights=class_weights, smoothing=smoothing)

    def class_weights(self, targets: NDArray[np.float64]) -> Tensor | None:
        index = targets[:, 0][~np.isnan(targets[:, 0])].astype(int)
        counts = np.maximum(np.bincount(index, minlength=self.outputs), 1)
        return torch.tensor(len(index) / (self.outputs * counts), dtype=torch.float32)

    def guessing(self, targets: NDArray[np.float64], *, balanced: bool) -> float:
        """Entropy of the shares of the classes."""
        index = targets[:, 0][~np.isnan(targets[:, 0])].astype(int)
        return math.log(self.outputs) if balanced else _entropy(np.bincount(index, minlength=self.outputs))

    def decode(self, logits: Tensor) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = torch.softmax(logits.double(), dim=1).numpy()
        return scores

    def monitor(self, scores: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
        """Mean over the classes of the area under the ROC curve, each class against the rest."""
        truth = targets[:, 0]
        one_hot = [np.where(np.isnan(truth), np.nan, truth == k) for k in range(self.outputs)]
        return _mean_auc([(one_hot[k], scores[:, k]) for k in range(self.outputs)])


def _entropy(counts: NDArray[Any]) -> float:
    """-sum p log p of counts; NaN where nothing was counted."""
    shares = counts[counts > 0] / counts.sum() if counts.any() else np.array([math.nan])
    return float(-(shares * np.log(shares)).sum())


def _mean_auc(questions: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    areas = []
    for truth, score in questions:
        labelled = ~np.isnan(truth)
        positive = truth[labelled] > 0.5
        if positive.any() and not positive.all():
            areas.append(auc(score[labelled], positive))
    return float(np.mean(areas)) if areas else float("nan")
