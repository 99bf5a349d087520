"""How an evaluation is made: level of the intervals, resamples, prevalences and subgroups asked for."""

from __future__ import annotations

from dataclasses import dataclass

from radcnn.core.case import Side, Unit
from radcnn.core.errors import SettingsError


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of an evaluation.

    level        of all intervals
    resamples    of the bootstrap by patient
    seed         of the bootstrap
    prevalences  in (0, 1), at which PPV and NPV are also given
    subgroups    names of the columns to make subgroup tables for
    side         of the split the predictions belong to
    synthetic    whether the cases were simulated
    unit         what `patients` of the predictions are: "patient", or "image" on the user's word
    """

    level: float = 0.95
    resamples: int = 2000
    seed: int = 0
    prevalences: tuple[float, ...] = ()
    subgroups: tuple[str, ...] = ()
    side: Side = "test"
    unit: Unit = "patient"
    synthetic: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise SettingsError(f"level must lie between 0 and 1, got {self.level}; 0.95 is usual")
        if self.resamples < 100:
            raise SettingsError(f"resamples must be at least 100, got {self.resamples}; 2000 is usual")
        if wrong := [p for p in self.prevalences if not 0 < p < 1]:
            raise SettingsError(f"prevalences must lie between 0 and 1, got {wrong}; write 2 % as 0.02")
