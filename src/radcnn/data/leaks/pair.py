"""Two cases of one picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LeakPair:
    """Two cases of one picture: their rows in the cohort, what was done to one of them, and how well they agree."""

    first: int
    second: int
    how: str
    figure: float
