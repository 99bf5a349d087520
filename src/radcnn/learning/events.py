"""What the training loop says while it runs; progress bars, tables and checkpoints listen."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class StepEnded:
    """One step of gradient descent is done."""

    network: int
    epoch: int
    step: int
    steps: int


@dataclass(frozen=True)
class EpochEnded:
    """One pass over the training cases is done.

    network         index of the network (member or fold) being trained
    epoch           counted from 1
    training_loss   mean loss of the steps, with augmentation, dropout and auxiliary heads on
    fit_loss        loss on up to as many training cases as there are tuning cases, as at prediction
    tuning_loss     loss on the tuning cases
    fit_figure, tuning_figure  the watched figure on the same cases; NaN where undefined
    """

    network: int
    epoch: int
    epochs: int
    seconds: float
    learning_rate: float
    training_loss: float
    fit_loss: float
    tuning_loss: float
    fit_figure: float
    tuning_figure: float

    def as_json(self) -> dict[str, Any]:
        """A JSON object; NaN becomes null."""
        return {k: None if isinstance(v, float) and v != v else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> EpochEnded:
        """The inverse of as_json."""
        known: dict[str, Any] = {k: math.nan if v is None else v for k, v in value.items()}
        return cls(**known)


@dataclass(frozen=True)
class StoppedEarly:
    """The tuning figure did not improve for `patience` epochs."""

    network: int
    epoch: int
    patience: int


Event = StepEnded | EpochEnded | StoppedEarly
