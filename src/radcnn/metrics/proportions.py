"""Proportions with their intervals: Wilson, Clopper-Pearson, and Wilson by patient when patients give several cases.

By patient: the variance of the ratio estimator, divided by that of as many independent cases, is the design effect;
cases / design effect is the effective number put into Wilson's formula, with Student's t in place of the normal
quantile (Rao & Scott 1992, doi:10.2307/2532311; Korn & Graubard 1998).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Codes, Floats, clustered_mean, patient_codes, patient_sums, t_quantile


def wilson_limits(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's score limits of a share of n cases (n need not be whole).

    E. B. Wilson 1927, doi:10.1080/01621459.1927.10502953.

    >>> low, high = wilson_limits(0.5, 10, 1.959963984540054)
    >>> round(low, 4), round(high, 4)
    (0.2366, 0.7634)
    """
    if not (n > 0 and math.isfinite(quantile)):
        return math.nan, math.nan
    square = quantile**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n**2))
    # at the ends the formula gives 0 and 1 up to rounding; say so exactly
    return (0.0 if share == 0 else max(centre - half, 0.0)), (1.0 if share == 1 else min(centre + half, 1.0))


def wilson(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """A share of n independent cases with Wilson's interval; missing when n is 0."""
    if n == 0:
        return Estimate.missing("no cases")
    low, high = wilson_limits(successes / n, n, float(special.ndtri((1 + level) / 2)))
    return Estimate(successes / n, low, high, n, n, "Wilson", level)


def clopper_pearson(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """A share of n independent cases with the exact (conservative) interval; missing when n is 0.

    C. J. Clopper and E. S. Pearson 1934, doi:10.1093/biomet/26.4.404.
    """
    if n == 0:
        return Estimate.missing("no cases")
    tail = (1 - level) / 2
    low = float(special.betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Estimate(successes / n, low, high, n, n, "Clopper-Pearson", level)


def design_effect(hits: Floats, codes: Codes) -> float:
    """Variance of the share of hits (0/1) with cases clustered in patients, over that of independent cases.

    Exactly 1 when every patient has one case. When all or no cases are hits it cannot be seen, and is taken as the
    mean number of cases per patient weighted by cases, as if a patient's cases were copies of each other. NaN for one
    patient with several cases.
    """
    sizes = patient_sums(np.ones_like(hits), codes)
    if sizes.max() == 1:
        return 1.0
    if sizes.size < 2:
        return math.nan
    share, n = float(hits.mean()), hits.size
    if share in (0.0, 1.0):
        return float(np.sum(sizes**2) / n)
    residual = patient_sums(hits - share, codes)
    variance = sizes.size / (sizes.size - 1) * float(np.sum(residual**2)) / n**2
    return variance / (share * (1 - share) / (n - 1))


def mean_share(shares: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The mean of shares 0..1 (n,) over cases, with an interval by patient; Wilson's where every share is 0 or 1.

    A share that is 0 in every case is not known to be 0: the mean of numbers that do not vary would have no interval.
    """
    numbers = np.asarray(shares, dtype=np.float64)
    if np.isin(numbers, (0.0, 1.0)).all():
        return proportion(numbers, patients, level=level)
    return clustered_mean(numbers, patients, level=level)


def proportion(hits: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The share of true among hits (n,) with Wilson's interval, by patient where patients have several cases.

    Missing when there is no case; without an interval when one patient gave several cases.

    >>> str(proportion([True, False, True, True], ["a", "a", "b", "c"]))
    '0.750 (0.101 to 0.988, n=4)'
    """
    numbers = np.asarray(hits, dtype=np.float64)
    if not numbers.size:
        return Estimate.missing("no cases")
    codes = patient_codes(patients)
    share, n, count = float(numbers.mean()), numbers.size, int(codes.max()) + 1
    if count == n:
        return wilson(int(numbers.sum()), n, level=level)
    effect = design_effect(numbers, codes)
    if math.isnan(effect):
        return Estimate(share, math.nan, math.nan, n, count, "no interval: one patient", level)
    effect = max(effect, 1.0)  # one below 1 is chance more often than truth
    low, high = wilson_limits(share, n / effect, t_quantile(level, count))
    return Estimate(share, low, high, n, count, f"Wilson by patient, design effect {effect:.2f}", level)
