"""The variance of the AUC without assumptions on the scores: DeLong, by patient (Obuchowski), and paired tests.

Structural components (m positives X, n negatives Y; psi counts ties as one half):

    V10(X) = mean over Y of psi(X, Y)          V01(Y) = mean over X of psi(X, Y)

DeLong, DeLong and Clarke-Pearson 1988 (doi:10.2307/2531595); by midranks in n log n after Sun and Xu 2014
(doi:10.1109/LSP.2014.2337313). With several cases per patient the components are summed by patient before their
variances and covariance are taken, after Obuchowski 1997 (doi:10.2307/2533958); with one case per patient both are the
same number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Codes, Floats, no_variance, patient_codes, t_limits, t_quantile
from radcnn.metrics.ranking import midranks, one_class

# patients of the smaller class below which DeLong's variance is too uncertain: with 14, 20 and 25 of them beside 200
# others (AUC 0.96) its intervals cover 91, 92 and 93 %, and Newcombe's 97, 97 and 98 %
FEW = 25


@dataclass(frozen=True, eq=False)
class Components:
    """The AUC with each case's deviation from it.

    deviation  (n,) V10 - AUC of positives, V01 - AUC of negatives
    positive   (n,) truth
    codes      (n,) patients, 0..C-1
    """

    auc: float
    deviation: Floats
    positive: np.typing.NDArray[np.bool_]
    codes: Codes

    @property
    def influence(self) -> Floats:
        """How much each case moves the AUC, to first order: (n,), with sum 0."""
        m = int(self.positive.sum())
        return self.deviation / np.where(self.positive, m, self.positive.size - m)


def components(scores: ArrayLike, truth: ArrayLike, patients: ArrayLike) -> Components:
    """Structural components of scores (n,) against truth (n,) in 0/1, which must hold both classes."""
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth) > 0
    m, n = int(positive.sum()), int((~positive).sum())
    overall = midranks(values)
    placement = np.empty(values.size)
    # cases of the other class below (ties one half) = midrank among all - midrank among one's own class
    placement[positive] = (overall[positive] - midranks(values[positive])) / n
    placement[~positive] = 1 - (overall[~positive] - midranks(values[~positive])) / m
    area = float(placement[positive].mean())
    return Components(area, placement - area, positive, patient_codes(patients))


def covariance(first: Components, second: Components) -> float:
    """Covariance of two AUCs on the same cases (the variance, for one with itself), by patient.

    NaN where a class has fewer than two patients.
    """
    positive, codes = first.positive, first.codes
    m, n, count = int(positive.sum()), int((~positive).sum()), int(codes.max()) + 1
    ill, well = np.unique(codes[positive]).size, np.unique(codes[~positive]).size
    if min(ill, well) < 2:
        return math.nan
    x, y = (
        [np.bincount(codes[side], part.deviation[side], count) for part in (first, second)]
        for side in (positive, ~positive)
    )
    s10 = ill / (ill - 1) * float(x[0] @ x[1])
    s01 = well / (well - 1) * float(y[0] @ y[1])
    s11 = count / (count - 1) * float(x[0] @ y[1] + y[0] @ x[1])
    return s10 / m**2 + s01 / n**2 + s11 / (m * n)


def newcombe_limits(area: float, positives: float, negatives: float, quantile: float) -> tuple[float, float]:
    """Score limits of an AUC that stay sensible at 0 and 1, where the DeLong variance vanishes.

    Solves |area - t| = quantile * sqrt(v(t)) with the Hanley-McNeil variance
    v(t) = t (1 - t) (1 + (N - 1) ((1 - t) / (2 - t) + t / (1 + t))) / (m n), N = (m + n) / 2:
    method 5 of Newcombe 2006, doi:10.1002/sim.2324.
    """
    from scipy import optimize  # a tenth of a second

    half = (positives + negatives) / 2 - 1

    def gap(t: float) -> float:
        spread = t * (1 - t) * (1 + half * ((1 - t) / (2 - t) + t / (1 + t))) / (positives * negatives)
        return (area - t) ** 2 - quantile**2 * spread

    low = 0.0 if area == 0 else float(optimize.brentq(gap, 0.0, area - 1e-12 * area))
    high = 1.0 if area == 1 else float(optimize.brentq(gap, area + 1e-12 * (1 - area), 1.0))
    return low, high


def effective_counts(parts: Components, variance: float) -> tuple[float, float]:
    """Positives and negatives that tell as much as these clustered ones: each class over the AUC's design effect.

    The design effect is the variance by patient over that of independent cases; at least 1, and never so large that
    fewer than a class's patients are left, which is also what is taken where a variance is 0 or unknown.
    """
    alone = Components(parts.auc, parts.deviation, parts.positive, np.arange(parts.codes.size))
    independent = covariance(alone, alone)
    effect = max(variance / independent, 1.0) if variance > 0 and independent > 0 else math.inf
    sides = [parts.codes[side] for side in (parts.positive, ~parts.positive)]
    m, n = (max(side.size / effect, float(np.unique(side).size)) for side in sides)
    return m, n


def delong_interval(scores: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The AUC with its DeLong interval on the logit scale, by patient where patients have several cases.

    The logit keeps the limits inside (0, 1) and covers better near 1 (Qin and Hotilovac 2008,
    doi:10.1177/0962280207087173); Student's t has as many degrees of freedom as the smaller class has patients, less
    one. Newcombe's score limits of the effective counts stand in where that class has fewer than FEW patients, and
    where the variance is 0 (perfect separation, or equal scores). Missing when a class is absent.

    >>> str(delong_interval([0.1, 0.4, 0.35, 0.8, 0.7], [0, 0, 1, 1, 1], ["a", "b", "c", "d", "e"]))
    '0.833 (0.313 to 0.981, n=5)'
    """
    positive = np.asarray(truth) > 0
    people = int(np.unique(np.asarray(patients)).size)
    if reason := one_class(positive):
        return Estimate.missing(reason, positive.size, people)
    parts = components(scores, truth, patients)
    variance = covariance(parts, parts)
    fewest = min(np.unique(parts.codes[side]).size for side in (positive, ~positive))
    if variance > 0 and fewest >= FEW:
        low, high = t_limits(parts.auc, variance, t_quantile(level, fewest), "logit")
        name = "DeLong" if people == positive.size else "DeLong by patient"
        method = f"{name}, logit scale, t with {fewest - 1} df"
    else:
        low, high = newcombe_limits(
            parts.auc, *effective_counts(parts, variance), float(special.ndtri((1 + level) / 2))
        )
        why = "DeLong's variance is 0 or unknown" if not variance > 0 else f"a class has fewer than {FEW} patients"
        method = f"Newcombe's score limits by patient: {why}"
    return Estimate(parts.auc, low, high, positive.size, people, method, level)


@dataclass(frozen=True)
class PairedTest:
    """Two AUCs on the same cases: their difference with interval, z and the two-sided p."""

    difference: Estimate
    z: float
    p: float


def paired_delong(
    first: ArrayLike, second: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95
) -> PairedTest:
    """Test of AUC(first) = AUC(second), scores (n,) of the same cases, by patient where patients have several cases.

    z = difference / sqrt(var1 + var2 - 2 cov) is taken as normal: with Student's t too few differences would be found
    (10 patients against 200: 3 % of null differences at a level of 5 %; normal: 5 %). Missing when a class is absent; p
    is 1 where the two scores rank all cases alike.
    """
    positive = np.asarray(truth) > 0
    people = int(np.unique(np.asarray(patients)).size)
    if reason := one_class(positive):
        return PairedTest(Estimate.missing(reason, positive.size, people), math.nan, math.nan)
    one, two = components(first, truth, patients), components(second, truth, patients)
    apart = Components(one.auc - two.auc, one.deviation - two.deviation, one.positive, one.codes)
    variance = covariance(apart, apart)
    low, high = t_limits(apart.auc, variance, float(special.ndtri((1 + level) / 2)))
    difference = Estimate(apart.auc, low, high, positive.size, people, "paired DeLong", level)
    if not variance > 0:
        difference = Estimate(apart.auc, math.nan, math.nan, positive.size, people, no_variance(people), level)
        same = apart.auc == 0
        return PairedTest(difference, 0.0 if same else math.nan, 1.0 if same else math.nan)
    z = apart.auc / math.sqrt(variance)
    return PairedTest(difference, z, float(2 * special.ndtr(-abs(z))))
