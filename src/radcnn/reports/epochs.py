"""What an epoch of training came to, and what the training of one network did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radcnn.core.estimate import rounded


@dataclass(frozen=True)
class EpochRow:
    """One epoch of one member (or fold); members and epochs count from 1.

    training_loss and tuning_loss are measured alike (as at prediction), so that their gap means something.
    The figures are the watched one on the same cases; None where it was not computed, NaN where it is undefined.
    """

    member: int
    epoch: int
    seconds: float
    learning_rate: float
    training_loss: float
    tuning_loss: float
    tuning_figure: float
    training_figure: float | None = None


@dataclass(frozen=True)
class MemberSummary:
    """What the training of one member took and where it ended."""

    member: int
    epochs: int
    minutes: str
    last_rate: str
    losses: str
    best: str
    last: str


def members(history: Sequence[EpochRow]) -> tuple[tuple[EpochRow, ...], ...]:
    """The epochs of each member, in order."""
    numbers = sorted({row.member for row in history})
    return tuple(
        tuple(sorted((row for row in history if row.member == member), key=lambda row: row.epoch)) for member in numbers
    )


def summary(rows: Sequence[EpochRow]) -> MemberSummary:
    """One line of the training table; the best epoch is that of the lowest tuning loss."""
    best, last = min(rows, key=lambda row: (row.tuning_loss != row.tuning_loss, row.tuning_loss)), rows[-1]
    return MemberSummary(
        member=last.member,
        epochs=len(rows),
        minutes=f"{sum(row.seconds for row in rows) / 60:.1f}",
        last_rate=f"{last.learning_rate:.2g}",
        losses=f"{rounded(last.training_loss)} / {rounded(last.tuning_loss)}",
        best=f"{rounded(best.tuning_loss)} at epoch {best.epoch}",
        last="undefined" if last.tuning_figure != last.tuning_figure else f"{last.tuning_figure:.3f}",
    )
