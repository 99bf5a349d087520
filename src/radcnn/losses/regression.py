"""Mean squared error for continuous values."""

from __future__ import annotations

import torch
from torch import Tensor

from radcnn.core.errors import SettingsError


def mean_squared_error(
    outputs_BT: Tensor, targets_BT: Tensor, *, class_weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Mean over the labelled entries of (y - t)^2.

    Raises SettingsError when classes are to be weighted or smoothed: there are none.
    """
    if class_weights is not None or smoothing:
        raise SettingsError("mean squared error has no classes: leave class weights and training.label_smoothing out")
    labelled = ~torch.isnan(targets_BT)
    difference = torch.where(labelled, outputs_BT - targets_BT, torch.zeros_like(outputs_BT))
    return difference.square().sum() / labelled.sum().clamp_min(1)
