"""Figures over several classes or labels: macro AUC, and macro averages of any smooth figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Floats, clustered_mean, linearised, patient_codes
from radcnn.metrics.delong import components
from radcnn.metrics.ranking import one_class


def macro_auc(
    scores: Floats, truth: Floats, patients: ArrayLike, names: Sequence[str], *, level: float = 0.95
) -> Estimate:
    """The unweighted mean over columns of the AUC of scores (n, k) against truth (n, k) in 0/1, NaN where unknown.

    The influences of the columns are added per case, so that their correlation counts (as the covariances of DeLong
    1988 do), then by patient; logit scale. Missing when any column lacks a class: a mean over the others would be the
    figure of another question.

    For one class against the rest, truth is the one-hot coding.
    """
    codes = patient_codes(patients)
    people = int(np.unique(codes).size)
    known = np.isfinite(truth)
    for column, name in enumerate(names):
        if reason := one_class(truth[known[:, column], column] > 0):
            return Estimate.missing(f"{reason} for {name}", len(truth), people)
    total, influence = 0.0, np.zeros(len(truth))
    for column in range(len(names)):
        rows = known[:, column]
        parts = components(scores[rows, column], truth[rows, column], codes[rows])
        total += parts.auc / len(names)
        influence[rows] += parts.influence / len(names)
    return linearised(total, influence, codes, level=level, scale="logit", what="macro DeLong")


def one_hot(labels: ArrayLike, classes: int) -> Floats:
    """Class indices (n,) as 0/1 columns (n, classes).

    >>> one_hot([1, 0], 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return np.asarray((np.asarray(labels)[:, None] == np.arange(classes)[None, :]).astype(np.float64))


def multiclass_brier(scores: Floats, labels: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The mean of the sum over classes of squared differences, scores (n, k) against labels (n,); in [0, 2]."""
    losses = ((scores - one_hot(labels, scores.shape[1])) ** 2).sum(axis=1)
    return clustered_mean(losses, patients, level=level, scale="log" if losses.any() else "identity")
