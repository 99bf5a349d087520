"""Agreement of two sets of class labels: confusion matrix and Cohen's kappa, plain or weighted."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Floats, linearised, patient_codes
from radcnn.metrics.proportions import proportion

Weights = Literal["none", "linear", "quadratic"]


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.intp]:
    """Counts (classes, classes) of class indices (n,): a row per true class, a column per predicted class.

    >>> confusion_matrix([0, 1, 1], [0, 1, 0], 2).tolist()
    [[1, 0], [1, 1]]
    """
    cell = np.asarray(truth, dtype=np.intp) * classes + np.asarray(predicted, dtype=np.intp)
    counts: NDArray[np.intp] = np.bincount(cell, minlength=classes**2).reshape(classes, classes)
    return counts


def credit(classes: int, weights: Weights) -> Floats:
    """Credit (classes, classes) for answering column when row is true: 1 on the diagonal, falling with distance."""
    apart = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes))) / max(classes - 1, 1)
    if weights == "none":
        return np.asarray((apart == 0).astype(np.float64))
    return np.asarray(1 - (apart if weights == "linear" else apart**2))


def kappa(
    first: ArrayLike,
    second: ArrayLike,
    patients: ArrayLike,
    *,
    classes: int,
    weights: Weights = "none",
    level: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two sets of class indices (n,), with an interval by patient on the Fisher z scale.

    kappa = (po - pe) / (1 - pe), with po the mean credit and pe the mean credit of independent answers with the same
    margins (Cohen 1968, doi:10.1037/h0026256). The variance is that of Fleiss, Cohen and Everitt 1969, summed by
    patient. At full agreement, where it vanishes, po takes the lower Wilson limit by patient of the share of equal
    answers, as if the others had no credit. Missing when there is no case, or when both name one and the same class
    throughout.
    """
    rows, columns = np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
    codes = patient_codes(patients)
    if not rows.size:
        return Estimate.missing("no cases")
    value, influence = kappa_and_influence(rows, columns, classes, weights)
    if np.isnan(value):
        return Estimate.missing("both name one class only", rows.size, int(np.unique(codes).size))
    if (rows == columns).all():
        share = proportion(rows == columns, codes, level=level)
        # kappa is a straight line in po, which is 1 here: 1 - kappa = (1 - po) / (1 - pe)
        by_chance = chance_agreement(rows, columns, classes, weights)
        low = max(1 - (1 - share.low) / (1 - by_chance), -1.0)
        return Estimate(1.0, low, share.high, share.n, share.patients, share.method, level)
    return linearised(value, influence, codes, level=level, scale="fisher")


def chance_agreement(rows: NDArray[np.intp], columns: NDArray[np.intp], classes: int, weights: Weights) -> float:
    """The mean credit pe of independent answers with the same margins."""
    row_share, column_share = (np.bincount(side, minlength=classes) / side.size for side in (rows, columns))
    return float(row_share @ credit(classes, weights) @ column_share)


def kappa_and_influence(
    rows: NDArray[np.intp], columns: NDArray[np.intp], classes: int, weights: Weights
) -> tuple[float, Floats]:
    """Kappa and how much each case moves it, to first order (n,); NaN when agreement by chance is complete."""
    n, w = rows.size, credit(classes, weights)
    row_share = np.bincount(rows, minlength=classes) / n
    column_share = np.bincount(columns, minlength=classes) / n
    given = w[rows, columns]
    observed, by_chance = float(given.mean()), float(row_share @ w @ column_share)
    if 1 - by_chance < np.finfo(float).eps * n:
        return float("nan"), np.zeros(n)
    moved_observed = given - observed
    moved_chance = (w @ column_share)[rows] + (row_share @ w)[columns] - 2 * by_chance
    slope = (moved_observed * (1 - by_chance) - moved_chance * (1 - observed)) / (1 - by_chance) ** 2
    return (observed - by_chance) / (1 - by_chance), np.asarray(slope / n)
