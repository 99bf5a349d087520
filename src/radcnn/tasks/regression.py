"""Regression: continuous values, predicted in units of the training set's standard deviation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.target import Target
from radcnn.losses import mean_squared_error


@dataclass(frozen=True)
class Values:
    """Continuous values: identity with mean squared error.

    mean, sd  of each target on the training set: the network learns (t - mean) / sd, decoding undoes it
    """

    target: Target
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    monitor_name: str = "R2"

    @property
    def outputs(self) -> int:
        return len(self.target.names)

    @property
    def panel(self) -> str:
        return self.target.kind

    def loss(self, logits: Tensor, targets: Tensor, *, class_weights: Tensor | None, smoothing: float) -> Tensor:
        mean, sd = targets.new_tensor(self.mean), targets.new_tensor(self.sd)
        return mean_squared_error(logits, (targets - mean) / sd, class_weights=class_weights, smoothing=smoothing)

    def class_weights(self, targets: NDArray[np.float64]) -> Tensor | None:  # noqa: ARG002 - values have no classes
        return None

    def guessing(self, targets: NDArray[np.float64], *, balanced: bool) -> float:  # noqa: ARG002 - the same for all
        """1: the variance of values in units of their standard deviation."""
        return 1.0

    def decode(self, logits: Tensor) -> NDArray[np.float64]:
        mean = torch.tensor(self.mean, dtype=torch.float64)
        sd = torch.tensor(self.sd, dtype=torch.float64)
        scores: NDArray[np.float64] = (logits.double() * sd + mean).numpy()
        return scores

    def monitor(self, scores: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
        """Mean over the targets of R2 = 1 - residual sum of squares / total sum of squares."""
        found = []
        for k in range(self.outputs):
            labelled = ~np.isnan(targets[:, k])
            truth, value = targets[labelled, k], scores[labelled, k]
            total = float(np.square(truth - truth.mean()).sum()) if labelled.any() else 0.0
            if total > 0:
                found.append(1 - float(np.square(truth - value).sum()) / total)
        return float(np.mean(found)) if found else float("nan")
