"""Whether probabilities mean what they say: Brier score, log loss, calibration slope and intercept, reliability, ECE.

Letters: n cases, k bins. Scores are probabilities of the positive class.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from radcnn.core.estimate import Estimate
from radcnn.metrics.bootstrap import Replicates, widened
from radcnn.metrics.clustered import Floats, clustered_mean, linearised, patient_codes
from radcnn.metrics.ranking import one_class

FLOOR = 1e-12  # probabilities of 0 and 1 are moved in by this much before a logarithm, as they were rounded
STEPS = 50  # Newton converges in about six; more means there is no finite answer
CONVERGED = 1e-10  # largest step, in logits
UNBOUNDED = 1e4  # a slope beyond this is a separation of the classes, not a slope


def _given(scores: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(scores, dtype=np.float64), (np.asarray(truth) > 0).astype(np.float64)


def brier(scores: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The Brier score: mean squared difference of probability (n,) and truth (n,) in 0/1, with interval by patient.

    G. W. Brier 1950. Missing when there is no case.
    """
    probability, y = _given(scores, truth)
    losses = (probability - y) ** 2
    return clustered_mean(losses, patients, level=level, scale="log")


def log_losses(scores: ArrayLike, truth: ArrayLike) -> Floats:
    """Minus the logarithm of the probability given to the truth, per case (n,)."""
    probability, y = _given(scores, truth)
    given = np.clip(np.where(y > 0, probability, 1 - probability), FLOOR, None)
    return np.asarray(-np.log(given))


def log_loss(scores: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean of log_losses with an interval by patient; missing when there is no case."""
    losses = log_losses(scores, truth)
    return clustered_mean(losses, patients, level=level, scale="log")


def calibration_slope(scores: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The slope b of logit P(truth) = a + b logit(score): 1 is right, below 1 says the scores are too extreme.

    Logistic recalibration (Cox 1958; Van Calster 2019, doi:10.1186/s12916-019-1466-7) by Newton's method; the interval
    is the sandwich's by patient. Missing when a class is absent, when all scores are equal, or when they separate the
    classes.
    """
    probability, y = _given(scores, truth)
    logits = special.logit(np.clip(probability, FLOOR, 1 - FLOOR))
    design = np.column_stack([np.ones_like(logits), logits])
    return _recalibrated(design, np.zeros_like(logits), y, patients, level)


def calibration_intercept(scores: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Calibration in the large: a of logit P(truth) = a + logit(score). 0 is right, below 0 says risks are too high.

    As calibration_slope, with the slope held at 1.
    """
    probability, y = _given(scores, truth)
    logits = special.logit(np.clip(probability, FLOOR, 1 - FLOOR))
    return _recalibrated(np.ones((logits.size, 1)), logits, y, patients, level)


def _recalibrated(design: Floats, offset: Floats, y: Floats, patients: ArrayLike, level: float) -> Estimate:
    """The last coefficient of a logistic regression of y (n,) on design (n, p) with an offset (n,)."""
    codes = patient_codes(patients)
    people = int(np.unique(codes).size)
    if reason := one_class(y > 0):
        return Estimate.missing(reason, y.size, people)
    if design.shape[1] > 1 and np.ptp(design[:, 1]) < CONVERGED:
        return Estimate.missing("all scores are equal", y.size, people)
    if design.shape[1] > 1 and _separated(design[:, 1], y > 0):
        return Estimate.missing("the scores separate the classes, the slope has no bound", y.size, people)
    found = _newton(design, offset, y)
    if found is None:
        return Estimate.missing("the recalibration did not converge", y.size, people)
    coefficients, inverse = found
    fitted = special.expit(offset + design @ coefficients)
    influence = ((design * (y - fitted)[:, None]) @ inverse)[:, -1]
    return linearised(float(coefficients[-1]), influence, codes, level=level, what="sandwich")


def _separated(values: Floats, positive: NDArray[np.bool_]) -> bool:
    """Whether a threshold divides the classes (touching allowed), either way round: no finite slope fits then."""
    ill, well = values[positive], values[~positive]
    return bool(ill.min() >= well.max() or ill.max() <= well.min())


def _newton(design: Floats, offset: Floats, y: Floats) -> tuple[Floats, Floats] | None:
    """Coefficients (p,) and inverse information (p, p) of a logistic regression; None when it does not converge.

    A step that lowers the likelihood is halved.
    """
    coefficients = np.zeros(design.shape[1])

    def loss(b: Floats) -> float:
        eta = offset + design @ b
        return float(np.sum(np.logaddexp(0, eta) - y * eta))

    now = loss(coefficients)
    for _ in range(STEPS):
        fitted = special.expit(offset + design @ coefficients)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(information) > 1 / np.finfo(float).eps:
            return None
        step = np.linalg.solve(information, design.T @ (y - fitted))
        while (then := loss(coefficients + step)) > now + FLOOR * abs(now) and np.abs(step).max() > CONVERGED:
            step /= 2
        coefficients, now = coefficients + step, then
        if np.abs(coefficients).max() > UNBOUNDED:
            return None
        if np.abs(step).max() < CONVERGED:
            return coefficients, np.linalg.inv(information)
    return None


def equal_bins(scores: ArrayLike, bins: int = 10) -> NDArray[np.intp]:
    """The bin 0..k-1 of each score (n,): equal numbers of cases; equal scores are never parted, so k <= bins."""
    values = np.asarray(scores, dtype=np.float64)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    raw = np.searchsorted(edges, values, side="left")
    return np.unique(raw, return_inverse=True)[1].reshape(-1).astype(np.intp)


def weighted_gaps(weights: Floats, scores: Floats, truth: Floats, member: NDArray[np.intp]) -> Floats:
    """Share of positives minus mean score of each bin, times the bin's share of cases: (b, k), for weights (b, n)."""
    inside = (member[:, None] == np.arange(member.max() + 1)[None, :]).astype(np.float64)
    return np.asarray(weights @ (inside * (truth - scores)[:, None]) / weights.sum(axis=1, keepdims=True))


def expected_calibration_error(scores: ArrayLike, truth: ArrayLike, *, bins: int = 10) -> float:
    """ECE with bins of equal numbers of cases: mean over cases of |share of positives - mean score| of the case's bin.

    Naeini 2015 (with bins of equal mass, Nixon 2019). It is biased upwards: even perfect scores have ECE > 0 on few
    cases. NaN when there is no case.
    """
    probability, y = _given(scores, truth)
    if not y.size:
        return math.nan
    return float(np.abs(weighted_gaps(np.ones((1, y.size)), probability, y, equal_bins(probability, bins))).sum())


def weighted_ece(weights: Floats, scores: Floats, truth: Floats, member: NDArray[np.intp]) -> Floats:
    """Two columns (b, 2): the ECE under case weights (b, n), and how far the bins' gaps moved from the unweighted ones.

    `member` (n,) are the bins of the unweighted scores.
    """
    gaps = weighted_gaps(weights, scores, truth, member)
    unmoved = weighted_gaps(np.ones((1, truth.size)), scores, truth, member)
    return np.column_stack([np.abs(gaps).sum(axis=1), np.abs(gaps - unmoved).sum(axis=1)])


def ece_estimate(found: Replicates, column: int, *, level: float = 0.95) -> Estimate:
    """The ECE with its interval, from replicates whose `column` and the next are those of weighted_ece.

    The ECE is biased upwards, so percentiles of it would miss small true values. By the triangle inequality it is off
    by at most the sum of the gaps' own errors; the lower limit takes off that sum's upper quantile (right scores then
    reach 0 as often as promised, others more), the upper is the basic one. No interval where no resample varies.
    """
    if not found.varies(column + 1):
        return found.estimate(column, level=level)
    value = float(found.value[column])
    below, above = widened(level, found.resampling.patients)
    low = max(value - float(np.quantile(found.resampled[:, column + 1], above)), 0.0)
    high = max(2 * value - float(np.quantile(found.resampled[:, column], below)), value)
    return found.with_limits(column, low, high, "bias taken off", level=level)
