"""Figures over several classes or labels: macro AUC, and macro averages of any smooth figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.estimate import Estimate
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.calibration import FLOOR
from radcnn.metrics.clustered import Floats, clustered_mean, linearised, patient_codes
from radcnn.metrics.delong import components, delong_interval
from radcnn.metrics.mover import correlation, mean_with_limits
from radcnn.metrics.ranking import Ladder, one_class, weighted_auc, weighted_average_precision


def macro_auc(
    scores: Floats, truth: Floats, patients: ArrayLike, names: Sequence[str], *, level: float = 0.95
) -> Estimate:
    """The unweighted mean over columns of the AUC of scores (n, k) against truth (n, k) in 0/1, NaN where unknown.

    The limits combine those of the columns (see delong_interval) by MOVER, with their correlation by patient (as the
    covariances of DeLong 1988 have it). An AUC that does not vary is taken to move as the others do: the widest
    interval. Missing when any column lacks a class: a mean over the others would be the figure of another question.

    For one class against the rest, truth is the one-hot coding.
    """
    codes = patient_codes(patients)
    people = int(np.unique(codes).size)
    known = np.isfinite(truth)
    for column, name in enumerate(names):
        if reason := one_class(truth[known[:, column], column] > 0):
            return Estimate.missing(f"{reason} for {name}", len(truth), people)
    areas, influence = [], np.zeros((len(truth), len(names)))
    for column in range(len(names)):
        rows = known[:, column]
        given = scores[rows, column], truth[rows, column], codes[rows]
        areas.append(delong_interval(*given, level=level))
        influence[rows, column] = components(*given).influence
    value, low, high = mean_with_limits(areas, correlation(influence, codes, unknown=1.0))
    fewest = min(areas, key=lambda area: area.low)
    return Estimate(value, low, high, len(truth), people, f"MOVER of the columns' limits ({fewest.method})", level)


def macro_bootstrap(
    scores: Floats, truth: Floats, patients: ArrayLike, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """Macro AUC and macro average precision with bootstrap intervals by patient, arguments as for macro_auc.

    A resample without one of a column's classes is left out and counted in the method. Where no resample varies the AUC
    has the interval of macro_auc, and the precision none. Missing when any column lacks a class.
    """
    codes = patient_codes(patients)
    known = [np.flatnonzero(np.isfinite(column)) for column in truth.T]
    ladders = [Ladder.of(scores[rows, k], truth[rows, k]).coarse() for k, rows in enumerate(known)]
    if any(ladder.undefined for ladder in ladders):
        gone = Estimate.missing("a column lacks a class", len(truth), int(np.unique(codes).size))
        return gone, gone
    orders = [rows[ladder.order] for rows, ladder in zip(known, ladders, strict=True)]

    def statistics(weights: Floats) -> Floats:
        below = [ladder.below(weights[:, order]) for ladder, order in zip(ladders, orders, strict=True)]
        areas = [weighted_auc(*pair) for pair in below]
        precisions = [weighted_average_precision(*pair) for pair in below]
        return np.column_stack([np.mean(areas, axis=0), np.mean(precisions, axis=0)])

    found = bootstrap(statistics, Resampling.by_patient(codes, resamples=resamples, seed=seed))
    still = macro_auc(scores, truth, codes, [str(k) for k in range(len(known))], level=level)
    return found.estimate(0, level=level, still=still), found.estimate(1, level=level)


def macro_mean(losses: Floats, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The mean over columns of the mean over cases of losses (n, k) >= 0, NaN where unknown; by patient, log scale.

    Missing when a column has no case.
    """
    codes, known = patient_codes(patients), np.isfinite(losses)
    counts = known.sum(axis=0)
    if not counts.size or not counts.all():
        return Estimate.missing("no cases of a column", len(losses), int(np.unique(codes).size))
    filled = np.where(known, losses, 0.0)
    means = filled.sum(axis=0) / counts
    influence = (np.where(known, losses - means, 0.0) / counts).mean(axis=1)
    value = float(means.mean())
    return linearised(value, influence, codes, level=level, scale="log", what="macro mean")


def one_hot(labels: ArrayLike, classes: int) -> Floats:
    """Class indices (n,) as 0/1 columns (n, classes).

    >>> one_hot([1, 0], 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return np.asarray((np.asarray(labels)[:, None] == np.arange(classes)[None, :]).astype(np.float64))


def multiclass_brier(scores: Floats, labels: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The mean of the sum over classes of squared differences, scores (n, k) against labels (n,); in [0, 2]."""
    losses = ((scores - one_hot(labels, scores.shape[1])) ** 2).sum(axis=1)
    return clustered_mean(losses, patients, level=level, scale="log")


def class_log_loss(scores: Floats, labels: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean of minus the logarithm of the probability given to the true class, scores (n, k) against labels (n,)."""
    index = np.asarray(labels, dtype=np.intp)
    given = np.clip(scores[np.arange(index.size), index], FLOOR, None)
    losses = -np.log(given)
    return clustered_mean(losses, patients, level=level, scale="log")
