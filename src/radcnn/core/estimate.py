"""An Estimate: a number with its interval, its n and what it was computed on. No number leaves radcnn without."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


def rounded(value: float) -> str:
    """Three decimals; three digits of what is below .1, of which three decimals would say little.

    >>> rounded(0.6931), rounded(0.005712)
    ('0.693', '0.00571')
    """
    return f"{value:.3g}" if 0 < abs(value) < 0.1 else f"{value:.3f}"


@dataclass(frozen=True)
class Estimate:
    """A figure with its confidence interval.

    value      the figure; NaN when it is undefined, and then `undefined` says why
    low, high  limits of the interval at `level`; NaN when there is none
    n          cases it was computed on
    patients   patients (or other units) it was computed on
    method     how the interval was made, for example "DeLong" or "bootstrap by patient"
    """

    value: float
    low: float
    high: float
    n: int
    patients: int
    method: str
    level: float = 0.95
    undefined: str = ""

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"undefined ({self.undefined or 'no data'})"
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:.3f} (no interval, n={self.n})"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, n={self.n})"

    def as_json(self) -> dict[str, Any]:
        """A JSON object; NaN becomes null."""
        return {
            key: (None if isinstance(value, float) and not math.isfinite(value) else value)
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Estimate:
        """The inverse of as_json."""
        numbers = {key: math.nan if value[key] is None else float(value[key]) for key in ("value", "low", "high")}
        return cls(**{**value, **numbers})

    @classmethod
    def missing(cls, reason: str, n: int = 0, patients: int = 0) -> Estimate:
        """An undefined figure, with the reason."""
        return cls(math.nan, math.nan, math.nan, n, patients, method="none", undefined=reason)
