"""Intervals of figures that are sums over cases, when several cases belong to one patient.

A smooth figure T is, to first order, T + sum of one influence per case. Adding the influences of each patient's cases
and taking the variance of these sums needs no model of the correlation within a patient (the between-cluster or
"sandwich" estimator; Binder 1983, doi:10.2307/1402588):

    var(T) = C / (C - 1) * sum over patients (sum of the patient's influences)^2,   C = number of patients

The interval uses Student's t with C - 1 degrees of freedom, on a scale where the figure is closer to normal.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.estimate import Estimate

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Scale = Literal["identity", "logit", "log", "fisher"]
STILL = 1e-12  # a standard deviation below this share of the value is rounding: nothing varies
LARGEST_LOG = 300.0  # a limit this many times away says "unknown" as well as infinity does, and stays a number


def patient_codes(patients: ArrayLike) -> Codes:
    """Numbers 0..C-1 in place of names (n,), in the order in which they appear.

    Names play no part: they are salted pseudonyms, and sums in their order would have other last digits with each salt.

    >>> patient_codes(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    _, first, codes = np.unique(np.asarray(patients), return_index=True, return_inverse=True)
    place = np.empty(first.size, np.intp)
    place[np.argsort(first)] = np.arange(first.size)
    numbered: Codes = place[codes.reshape(-1)]
    return numbered


def patient_sums(values: Floats, codes: Codes) -> Floats:
    """Sums of values (n,) over the cases of each patient: (C,)."""
    return np.bincount(codes, weights=values).astype(np.float64)


def clustered_variance(influence: Floats, codes: Codes) -> float:
    """Variance of a figure from its influences (n,), summed by patient; NaN for fewer than two patients."""
    sums = patient_sums(influence, codes)
    if sums.size < 2:
        return math.nan
    return float(sums.size / (sums.size - 1) * np.sum(sums**2))


def t_quantile(level: float, patients: int) -> float:
    """The two-sided quantile of Student's t with patients - 1 degrees of freedom; NaN for fewer than two patients."""
    from scipy import special

    return float(special.stdtrit(patients - 1, (1 + level) / 2)) if patients > 1 else math.nan


def t_limits(value: float, variance: float, quantile: float, scale: Scale = "identity") -> tuple[float, float]:
    """Limits value -+ quantile * sd on a scale, brought back.

    logit keeps them inside (0, 1), log above 0, fisher (the arc tangens hyperbolicus) inside (-1, 1). Where the scale
    does not reach the value (0 or 1), the limits are NaN.
    """
    half = quantile * math.sqrt(variance) if variance >= 0 else math.nan
    if scale == "identity":
        return value - half, value + half
    if scale == "logit":
        if not 0 < value < 1:
            return math.nan, math.nan
        from scipy import special

        centre, half = special.logit(value), half / (value * (1 - value))
        return float(special.expit(centre - half)), float(special.expit(centre + half))
    if scale == "log":
        if not value > 0:
            return math.nan, math.nan
        factor = math.exp(min(half / value, LARGEST_LOG))
        return value / factor, value * factor
    if not -1 < value < 1:
        return math.nan, math.nan
    centre, half = math.atanh(value), half / (1 - value**2)
    return math.tanh(centre - half), math.tanh(centre + half)


def no_variance(patients: int) -> str:
    """The method of a figure that has no interval because all of its cases say the same.

    >>> no_variance(12)
    'no interval: no variance in 12 patients'
    """
    return f"no interval: no variance in {patients} patients"


def linearised(
    value: float, influence: Floats, codes: Codes, *, level: float = 0.95, scale: Scale = "identity", what: str = ""
) -> Estimate:
    """An Estimate from a value and its influences (n,), by patient; no interval for one patient or no variance."""
    patients = np.unique(codes).size
    variance = clustered_variance(influence, patient_codes(codes))
    low, high = t_limits(value, variance, t_quantile(level, patients), scale)
    method = f"{what or 'linearised'} by patient, t with {patients - 1} df"
    if patients < 2:
        method = "no interval: one patient"
    elif math.sqrt(variance) <= STILL * abs(value):
        low, high, method = math.nan, math.nan, no_variance(patients)
    elif math.isnan(low):
        method = f"no interval: the {scale} scale ends at {value:g}"
    elif scale != "identity":
        method += f", {scale} scale"
    return Estimate(float(value), low, high, int(influence.size), patients, method, level)


def clustered_mean(
    values: ArrayLike, patients: ArrayLike, *, level: float = 0.95, scale: Scale = "identity", what: str = "mean"
) -> Estimate:
    """The mean of values (n,) over cases, with an interval by patient; missing when there is no case."""
    numbers, codes = np.asarray(values, dtype=np.float64), patient_codes(patients)
    if not numbers.size:
        return Estimate.missing("no cases")
    mean = float(numbers.mean())
    return linearised(mean, (numbers - mean) / numbers.size, codes, level=level, scale=scale, what=what)
