"""What every loss looks like."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Loss(Protocol):
    """A loss of a batch.

    logits         (B, K) float, what the network's last linear layer gives
    targets        (B, T) float; NaN marks "not labelled" and takes no part
    class_weights  (K,) or (2, K) weights, or None; see each loss
    smoothing      label smoothing in [0, 1)
    returns        a scalar; 0 with a gradient of 0 where nothing is labelled
    """

    def __call__(
        self, logits: Tensor, targets: Tensor, /, *, class_weights: Tensor | None = None, smoothing: float = 0.0
    ) -> Tensor: ...
