"""Figures of predicted values: errors, share of variance explained, rank correlation, Bland-Altman limits of agreement.

All intervals are linearised by patient. Differences are predicted minus truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Codes, Floats, clustered_mean, linearised, patient_codes
from radcnn.metrics.ranking import midranks

SPREADS = 1.959963984540054  # Bland and Altman's limits hold 95 % of differences, whatever the level of the interval


def _given(predicted: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)


def mae(predicted: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean absolute error of predicted (n,) against truth (n,), in the truth's unit; log scale."""
    guess, y = _given(predicted, truth)
    apart = np.abs(guess - y)
    return clustered_mean(apart, patients, level=level, scale="log")


def rmse(predicted: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Root mean squared error of predicted (n,) against truth (n,), in the truth's unit; log scale."""
    guess, y = _given(predicted, truth)
    squares = (guess - y) ** 2
    if not squares.size:
        return Estimate.missing("no cases")
    mean = float(squares.mean())
    if mean == 0:
        return linearised(0.0, squares, patient_codes(patients), level=level)
    influence = (squares - mean) / squares.size / (2 * math.sqrt(mean))
    return linearised(math.sqrt(mean), influence, patient_codes(patients), level=level, scale="log")


def r2(predicted: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """R2 = 1 - sum of squared errors / sum of squares about the mean truth: 0 is no better than the mean, can be < 0.

    The interval is made for log(1 - R2). Missing when the truth does not vary.
    """
    guess, y = _given(predicted, truth)
    codes = patient_codes(patients)
    if reason := _flat(y):
        return Estimate.missing(reason, y.size, int(np.unique(codes).size))
    return _explained(*_unexplained(guess, y), codes, level)


def macro_r2(
    predicted: Floats, truth: Floats, patients: ArrayLike, names: Sequence[str], *, level: float = 0.95
) -> Estimate:
    """The mean of the R2 of the columns of predicted (n, k) against truth (n, k), NaN where unknown; without a unit.

    The influences of the columns are added per case, so that their correlation counts. Missing when a column's truth
    does not vary.
    """
    codes, known = patient_codes(patients), np.isfinite(truth)
    ratio, influence = 0.0, np.zeros(len(truth))
    for column, name in enumerate(names):
        rows = known[:, column]
        guess, y = _given(predicted[rows, column], truth[rows, column])
        if reason := _flat(y):
            return Estimate.missing(f"{reason} for {name}", len(truth), int(np.unique(codes).size))
        one, moved = _unexplained(guess, y)
        ratio += one / len(names)
        influence[rows] += moved / len(names)
    return _explained(ratio, influence, codes, level)


def _flat(y: Floats) -> str:
    """Why nothing of the truth (n,) can be explained, or an empty string."""
    if not y.size:
        return "no cases"
    return "" if np.ptp(y) > 0 else "the truth does not vary"


def _unexplained(guess: Floats, y: Floats) -> tuple[float, Floats]:
    """1 - R2, and how much each case moves it (n,)."""
    errors, spread = (guess - y) ** 2, (y - y.mean()) ** 2
    ratio = float(errors.sum() / spread.sum())
    return ratio, (errors - ratio * spread) / float(spread.sum())


def _explained(ratio: float, influence: Floats, codes: Codes, level: float) -> Estimate:
    """R2 from 1 - R2 and its influences (n,)."""
    made = linearised(ratio, influence, codes, level=level, scale="log")
    return Estimate(1 - ratio, 1 - made.high, 1 - made.low, made.n, made.patients, made.method, level)


def rank_correlation(first: ArrayLike, second: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Spearman's correlation of values (n,), with an interval by patient on the Fisher z scale.

    The variance is that of the correlation of distribution functions, which are estimated as well (Borkowf 2002,
    doi:10.1016/S0167-9473(01)00081-0). Missing for fewer than three cases, or where one of both does not vary.

    >>> round(rank_correlation([1, 2, 3, 4], [1, 3, 2, 9], list("abcd")).value, 3)
    0.8
    """
    x, y = _given(first, second)
    codes = patient_codes(patients)
    people = int(np.unique(codes).size)
    if x.size < 3:
        return Estimate.missing("fewer than three cases", x.size, people)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate.missing("one of both does not vary", x.size, people)
    f, g = ((midranks(one) - 0.5) / one.size for one in (x, y))
    value = float(np.corrcoef(f, g)[0, 1])
    moved = (x[:, None] <= x).astype(float) @ g + (y[:, None] <= y).astype(float) @ f  # by one more case below or here
    influence = f * g + moved / x.size
    influence = (influence - influence.mean()) / (x.size * math.sqrt(float(np.var(f) * np.var(g))))
    return linearised(value, influence, codes, level=level, scale="fisher")


def bias(predicted: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean difference, predicted (n,) minus truth (n,)."""
    guess, y = _given(predicted, truth)
    return clustered_mean(guess - y, patients, level=level)


def limits_of_agreement(
    predicted: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95
) -> tuple[Estimate, Estimate]:
    """Lower and upper limit between which 95 % of differences lie: mean -+ 1.96 sd, each with its interval.

    Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8; 1999 for the intervals. Missing for fewer than two cases.
    """
    guess, y = _given(predicted, truth)
    codes = patient_codes(patients)
    if y.size < 2:
        gone = Estimate.missing("fewer than two cases", y.size, int(np.unique(codes).size))
        return gone, gone
    apart = guess - y
    centre, sd = float(apart.mean()), float(apart.std(ddof=1))
    of_mean = (apart - centre) / apart.size
    of_sd = ((apart - centre) ** 2 - float(apart.var())) / (2 * sd * apart.size) if sd > 0 else np.zeros_like(apart)
    low, high = (
        linearised(centre + sign * SPREADS * sd, of_mean + sign * SPREADS * of_sd, codes, level=level)
        for sign in (-1, 1)
    )
    return low, high
