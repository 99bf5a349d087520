"""Selective prediction: how often answers are wrong if only the surest are given.

    risk(c) = share of wrong answers among the share c of cases that are surest        coverage c = 1 / n ... 1
    AURC    = mean of risk(c) over the coverages

Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks. A doubt that says nothing has the AURC of
the whole share of wrong answers; the best one puts every wrong answer last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.estimate import Estimate
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.clustered import Floats, patient_codes

COVERAGES = np.linspace(0.05, 1.0, 20)
TOLD = (0.5, 0.8, 1.0)  # coverages whose risk is told as a figure


@dataclass(frozen=True)
class RiskCoverage:
    """Risk against coverage.

    aurc             the area under the curve
    risk_at          "0.5", "0.8", "1" -> the share of wrong answers at that coverage
    best             the AURC if every wrong answer came last; `aurc` of no use is that of coverage 1
    coverage, risk   of the drawn curve, with its band
    """

    aurc: Estimate
    risk_at: Mapping[str, Estimate]
    best: float
    coverage: tuple[float, ...] = ()
    risk: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    undefined: str = field(default="")


def risk_coverage(
    sureness: ArrayLike,
    wrong: ArrayLike,
    patients: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> RiskCoverage:
    """Risk against coverage of answers (n,) that are wrong or not, the larger `sureness` (n,) the surer; by patient.

    Equally sure answers are taken in any order: each counts as the mean of them.

    >>> found = risk_coverage([0.9, 0.8, 0.7, 0.6], [0, 0, 0, 1], list("abcd"), resamples=50)
    >>> found.aurc.value, found.risk_at["0.5"].value
    (0.0625, 0.0)
    """
    sure, errors = np.asarray(sureness, np.float64), np.asarray(wrong, np.float64)
    if not errors.size:
        gone = Estimate.missing("no cases")
        return RiskCoverage(gone, {}, 0.0, undefined="no cases")
    order = np.argsort(-sure, kind="stable")
    _, group = np.unique(-sure[order], return_inverse=True)
    group = group.reshape(-1)
    shared = (np.bincount(group, errors[order]) / np.bincount(group))[group]
    wanted = np.concatenate([TOLD, COVERAGES])

    def statistic(weights: Floats) -> Floats:
        taken = np.cumsum(weights, axis=1)
        risk = np.cumsum(weights * shared, axis=1) / np.maximum(taken, 1e-12)
        area = (risk * weights).sum(axis=1) / taken[:, -1]
        return np.column_stack([area, *_at(risk, taken, wanted).T])

    found = bootstrap(statistic, Resampling.by_patient(patient_codes(patients)[order], resamples=resamples, seed=seed))
    low, high = found.band(level=level)
    drawn = slice(1 + len(TOLD), None)
    told = {f"{share:g}": found.estimate(1 + k, level=level) for k, share in enumerate(TOLD)}
    last = np.sort(errors)
    best = float(np.mean(np.cumsum(last) / np.arange(1, last.size + 1)))
    return RiskCoverage(
        found.estimate(0, level=level), told, best, _floats(COVERAGES), _floats(found.value[drawn]),
        _floats(low[drawn]), _floats(high[drawn]),
    )  # fmt: skip


def _at(risk: Floats, taken: Floats, coverages: Floats) -> Floats:
    """Risk (b, c) where the weight taken (b, n) first reaches these shares of all of it."""
    made = np.empty((len(risk), coverages.size))
    for row, (of_row, weight) in enumerate(zip(risk, taken, strict=True)):
        place = np.searchsorted(weight, coverages * weight[-1] * (1 - 1e-12), side="left")
        made[row] = of_row[np.minimum(place, of_row.size - 1)]
    return made


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
