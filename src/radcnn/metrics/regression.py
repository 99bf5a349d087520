"""Figures of predicted values: errors, share of variance explained, and Bland-Altman limits of agreement.

All intervals are linearised by patient. Differences are predicted minus truth.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Floats, clustered_mean, linearised, patient_codes

SPREADS = 1.959963984540054  # Bland and Altman's limits hold 95 % of differences, whatever the level of the interval


def _given(predicted: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)


def mae(predicted: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean absolute error of predicted (n,) against truth (n,), in the truth's unit; log scale."""
    guess, y = _given(predicted, truth)
    apart = np.abs(guess - y)
    return clustered_mean(apart, patients, level=level, scale="log" if apart.any() else "identity")


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
    if y.size == 0 or np.ptp(y) == 0:
        return Estimate.missing("the truth does not vary" if y.size else "no cases", y.size, int(np.unique(codes).size))
    errors, spread = (guess - y) ** 2, (y - y.mean()) ** 2
    ratio = float(errors.sum() / spread.sum())
    influence = (errors - ratio * spread) / float(spread.sum())
    made = linearised(ratio, influence, codes, level=level, scale="log" if ratio > 0 else "identity")
    return Estimate(1 - ratio, 1 - made.high, 1 - made.low, made.n, made.patients, made.method, level)


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
