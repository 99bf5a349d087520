"""What the training loop asks of a lesson: batches, the loss of one, and how well a network does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from radcnn.learning.execution import Execution
from radcnn.plan.settings import TrainingPlan

Measured = Literal["fit", "tuning"]


class Lesson(Protocol):
    """What one network learns from, and how.

    index   which network of the run (member or fold)
    plan    epochs, batch, optimizer, what is kept
    seed    of all chance, together with the index, the epoch and the step
    """

    @property
    def index(self) -> int: ...
    @property
    def plan(self) -> TrainingPlan: ...
    @property
    def seed(self) -> int: ...
    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        ...

    def identity(self) -> str:
        """A hash of what is learned and how, so that a checkpoint is never continued with something else."""
        ...

    def batches(self, epoch: int, workers: int) -> Iterator[Any]:
        """The batches of an epoch, counted from 0; the same for any number of workers."""
        ...

    def loss(self, network: nn.Module, batch: Any, epoch: int, step: int, execution: Execution) -> Tensor:
        """The loss of a batch, to be descended."""
        ...

    def settle(self, network: nn.Module, execution: Execution) -> None:
        """Bring what a network counted while it learned, as batch normalisation does, to what it now is."""
        ...

    def measure(self, network: nn.Module, which: Measured, execution: Execution) -> tuple[float, float] | None:
        """Loss and watched figure, as at prediction, on some of what is learned from or on what is tuned on.

        None where there is nothing to measure on.
        """
        ...
