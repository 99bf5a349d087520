"""What every task offers to training, inference and evaluation."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from radcnn.core.target import Target


class Task(Protocol):
    """A task: it turns targets into a loss, and logits into scores.

    outputs       width of the network's last linear layer
    panel         the panel of figures evaluation draws for it
    monitor_name  the figure watched on the tuning set; larger is better
    """

    @property
    def target(self) -> Target: ...
    @property
    def outputs(self) -> int: ...
    @property
    def panel(self) -> str: ...
    @property
    def monitor_name(self) -> str: ...

    def loss(self, logits: Tensor, targets: Tensor, *, class_weights: Tensor | None, smoothing: float) -> Tensor:
        """Scalar loss of logits (B, outputs) against targets (B, T), NaN = not labelled."""
        ...

    def class_weights(self, targets: NDArray[np.float64]) -> Tensor | None:
        """Weights that balance the classes of training targets (n, T); None where there are no classes."""
        ...

    def guessing(self, targets: NDArray[np.float64], *, balanced: bool) -> float:
        """Loss of the best constant answer to training targets (n, T): what a network that sees nothing pays.

        With balanced class weights a network is taught that classes are equally frequent, and guesses accordingly.
        """
        ...

    def decode(self, logits: Tensor) -> NDArray[np.float64]:
        """Logits (n, outputs) to scores (n, k) in float64: probabilities or values."""
        ...

    def monitor(self, scores: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
        """The figure watched on the tuning set, NaN where it is undefined."""
        ...
