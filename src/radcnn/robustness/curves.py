"""What is left of a network's answers as something gets stronger: robust accuracy against budget, with intervals.

Success of an attack is counted among cases that were right without it; robust accuracy counts all cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.estimate import Estimate
from radcnn.core.settings import fields_to_plain, from_plain
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.clustered import Floats, clustered_mean
from radcnn.metrics.decided import balanced_accuracy
from radcnn.metrics.proportions import proportion

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class AtBudget:
    """One budget of an attack.

    budget       in the curve's unit
    accuracy     share of all cases that are still right
    balanced     mean over the classes of that share; undefined for several labels
    success      share turned (or given the wanted answer) of the cases that were right without attack
    ssim         of attacked with clean images
    noise_ratio  root mean square of the change over the noise sd of the image
    """

    budget: float
    accuracy: Estimate
    balanced: Estimate
    success: Estimate
    ssim: Estimate
    noise_ratio: Estimate


@dataclass(frozen=True)
class Curve:
    """An attack's curve over growing budgets, the first of which is 0: no attack.

    attack   its name
    towards  the answer it wants; "" for any wrong one
    points   one per budget
    halving  the smallest budget at which accuracy is half of that without attack
    seconds  what it took, for all budgets
    """

    attack: str
    towards: str
    points: tuple[AtBudget, ...]
    halving: Estimate
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """A JSON object."""
        plain: dict[str, Any] = fields_to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Any) -> Curve:
        """The inverse of as_json; raises SettingsError for anything else."""
        return from_plain(cls, value, "a curve of an attack")


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What one budget of an attack came to, case by case: (n,) each; NaN where a figure was not computed."""

    budget: float
    right: Flags
    answered: Floats
    hit: Flags
    ssim: Floats
    noise_ratio: Floats


def curve(
    attack: str,
    outcomes: list[Outcomes],
    truth: Floats,
    patients: tuple[str, ...],
    *,
    aimed: Flags,
    towards: str = "",
    seconds: float = 0.0,
    resamples: int = 2000,
    seed: int = 0,
    why_no_ssim: str = "no image was changed",
) -> Curve:
    """The figures of each budget's outcomes; the first outcomes are those without attack.

    truth  (n,) class indices, or (n, t) of several labels
    aimed  (n,) the cases at which success is counted
    """
    names = np.asarray(patients)
    points = tuple(
        AtBudget(
            one.budget,
            proportion(one.right, names),
            _balanced(one, truth, names),
            proportion(one.hit[aimed], names[aimed]) if aimed.any() else Estimate.missing("no case was right before"),
            _mean(one.ssim, names, why_no_ssim),
            _mean(one.noise_ratio, names, "no noise was seen in the images that were changed"),
        )
        for one in outcomes
    )
    budgets = np.array([one.budget for one in outcomes])
    right = np.stack([one.right for one in outcomes])
    half = halving_budget(budgets, right, patients, resamples=resamples, seed=seed)
    return Curve(attack, towards, points, half, seconds)


def _balanced(one: Outcomes, truth: Floats, names: NDArray) -> Estimate:
    if truth.ndim > 1:
        return Estimate.missing("several labels have no balanced accuracy of all being right", len(truth))
    return balanced_accuracy(one.answered, truth, names)


def _mean(values: Floats, names: NDArray, why: str) -> Estimate:
    known = np.isfinite(values)
    return clustered_mean(values[known], names[known]) if known.any() else Estimate.missing(why)


def halving_budget(
    budgets: Floats, right: Flags, patients: tuple[str, ...], *, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """The smallest budget at which accuracy is half of that at the first, straight lines between budgets, by patient.

    budgets  (K,) growing, the first of them 0
    right    (K, n)

    Undefined where accuracy stays above half; resamples in which it does are left out and counted in the method.
    """
    hits = right.astype(np.float64)

    def statistic(weights: Floats) -> Floats:
        accuracy = weights @ hits.T / weights.sum(axis=1, keepdims=True)
        return np.array([_crossing(budgets, row) for row in accuracy])

    found = bootstrap(statistic, Resampling.by_patient(patients, resamples=resamples, seed=seed)).estimate()
    if not found.undefined:
        return found
    if not hits[0].any():
        return Estimate.missing("no case is right without attack", found.n, found.patients)
    most = f"{budgets[-1]:g}"
    return Estimate.missing(f"accuracy stays above half up to a budget of {most}", found.n, found.patients)


def _crossing(budgets: Floats, accuracy: Floats) -> float:
    """Where a curve first comes down to half of its beginning; NaN where it does not."""
    half = accuracy[0] / 2
    if not half > 0:
        return np.nan
    below = np.flatnonzero(accuracy <= half)
    if not below.size:
        return np.nan
    k = int(below[0])
    before, after = accuracy[k - 1], accuracy[k]
    return float(budgets[k - 1] + (before - half) / (before - after) * (budgets[k] - budgets[k - 1]))
