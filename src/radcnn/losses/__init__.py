"""Losses: what training makes small. Every entry takes logits and targets and leaves out what is not labelled."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from radcnn.losses.classification import binary_cross_entropy, cross_entropy
from radcnn.losses.contract import Loss
from radcnn.losses.regression import mean_squared_error

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "binary cross-entropy": binary_cross_entropy,
        "cross-entropy": cross_entropy,
        "mean squared error": mean_squared_error,
    }
)

__all__ = ["LOSSES", "Loss", "binary_cross_entropy", "cross_entropy", "mean_squared_error"]
