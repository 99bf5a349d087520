"""How well scores rank positives above negatives: ROC curve, AUC, precision and recall; plain or with case weights.

Letters: n cases, g rungs (distinct scores, ascending), b rows of weights (one per bootstrap resample).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.metrics.clustered import Floats


def one_class(truth: NDArray[np.bool_]) -> str:
    """The reason why nothing can be ranked, or an empty string."""
    if truth.size == 0:
        return "no cases"
    if truth.all():
        return "no negative cases"
    return "" if truth.any() else "no positive cases"


def midranks(values: Floats) -> Floats:
    """Ranks (n,) from 1 of values (n,), equal ones sharing the mean of theirs; all NaN where a value is.

    As scipy.stats.rankdata, whose import takes half a second.

    >>> midranks(np.array([3.0, 1.0, 3.0, 2.0]))
    array([3.5, 1. , 3.5, 2. ])
    """
    if np.isnan(values).any():
        return np.full(values.shape, np.nan)
    _, rung, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(sizes) - (sizes - 1) / 2)[rung]
    return ranks


@dataclass(frozen=True, eq=False)
class Ladder:
    """Scores sorted once, so that any weighting of the cases is ranked by cumulative sums.

    order     (n,) cases from the lowest to the highest score
    positive  (n,) truth in that order
    ends      (g,) position after the last case of each rung
    rungs     (g,) the distinct scores
    """

    order: NDArray[np.intp]
    positive: NDArray[np.bool_]
    ends: NDArray[np.intp]
    rungs: Floats

    @classmethod
    def of(cls, scores: ArrayLike, truth: ArrayLike) -> Ladder:
        """Sort scores (n,) with truth (n,) in 0/1."""
        values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth) > 0
        order = np.argsort(values, kind="stable").astype(np.intp)
        values = values[order]
        last = np.append(values[1:] != values[:-1], True) if values.size else np.zeros(0, bool)
        ends = (np.flatnonzero(last) + 1).astype(np.intp)
        return cls(order, positive[order], ends, values[ends - 1])

    @property
    def undefined(self) -> str:
        """Why nothing can be ranked, or an empty string."""
        return one_class(self.positive)

    def coarse(self, thresholds: ArrayLike = ()) -> Ladder:
        """The same with neighbouring rungs of negatives only taken together, but parted at `thresholds`.

        AUC, average precision and the ROC curve stay exactly the same; with few positives they take a fraction of the
        time. `rungs` are then the lowest scores of the rungs taken together.
        """
        count = self.ends.size
        ill = np.diff(np.concatenate([[0], np.cumsum(self.positive)[self.ends - 1]])) > 0
        parted = np.zeros(count + 1, dtype=np.bool_)
        parted[:-1] |= ill
        parted[1:] |= ill
        parted[np.searchsorted(self.rungs, np.asarray(thresholds, dtype=np.float64))] = True
        parted[[0, -1]] = True
        kept = np.flatnonzero(parted)
        return Ladder(self.order, self.positive, self.ends[kept[1:] - 1], self.rungs[kept[:-1]])

    def below(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of positives and of negatives strictly below each rung, and in all: two arrays (b, g + 1).

        `weights` is (b, n) in the order of the ladder.
        """
        steps = np.concatenate([[0], self.ends])
        before = np.concatenate([[0], np.cumsum(self.positive)])[steps]
        total = _columns(_running(weights), steps)
        positive = _columns(_running(weights[:, self.positive]), before)
        total -= positive
        return positive, total

    def auc(self, weights: Floats) -> Floats:
        """AUC (b,) of weights (b, n) in the order of the ladder: weighted_auc of `below`, in one running sum.

        Over the rungs, sum(positive * (positive below + half of the rung's)) is half the square of all positives.
        """
        starts, before = np.append(0, self.ends[:-1]), np.append(0, np.cumsum(self.positive))
        held = np.flatnonzero(before[self.ends] > before[starts])
        starts, ends = starts[held], self.ends[held]
        gained = weights[:, self.positive]
        if held.size < gained.shape[1]:  # positives share a rung
            gained = np.add.reduceat(gained, before[starts], axis=1)
        below = _running(weights)
        positive = gained.sum(axis=1)
        pairs = (np.einsum("bg,bg->b", gained, below[:, starts] + below[:, ends]) - positive**2) / 2
        return _share(pairs, positive * (below[:, -1] - positive))


def _running(weights: Floats) -> Floats:
    """Sums (b, n + 1) of the first columns of weights (b, n), from none to all."""
    made = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=made[:, 1:])
    return made


def _columns(sums: Floats, steps: NDArray[np.intp]) -> Floats:
    """Some columns of sums, copied only where they are not all of them."""
    return sums if np.array_equal(steps, np.arange(sums.shape[1])) else sums[:, steps]


def _share(pairs: Floats, all_pairs: Floats) -> Floats:
    """The quotient (b,); NaN where there is no pair."""
    return np.divide(pairs, all_pairs, out=np.full_like(pairs, np.nan), where=all_pairs > 0)


def weighted_auc(below_positive: Floats, below_negative: Floats) -> Floats:
    """AUC (b,) from a ladder's cumulative weights (b, g + 1); NaN where a class has no weight.

    The weight of pairs with the positive above the negative, half where they are equal, over the weight of all pairs.
    """
    middle = below_negative[:, 1:] + below_negative[:, :-1]
    pairs = np.einsum("bg,bg->b", np.diff(below_positive, axis=1), middle) / 2
    return _share(pairs, below_positive[:, -1] * below_negative[:, -1])


def weighted_average_precision(below_positive: Floats, below_negative: Floats) -> Floats:
    """Average precision (b,) from a ladder's cumulative weights (b, g + 1); NaN where there is no positive weight.

    AP = sum over rungs (recall gained at the rung) * (precision from the rung upwards).
    """
    caught = below_positive[:, -1:] - below_positive[:, :-1]
    called = caught + below_negative[:, -1:] - below_negative[:, :-1]
    precision = np.divide(caught, called, out=np.zeros_like(caught), where=called > 0)
    gained = np.einsum("bg,bg->b", np.diff(below_positive, axis=1), precision)
    total = below_positive[:, -1]
    return np.divide(gained, total, out=np.full_like(gained, np.nan), where=total > 0)


def auc(scores: ArrayLike, truth: ArrayLike) -> float:
    """Area under the empirical ROC curve of scores (n,) against truth (n,) in 0/1; NaN when a class is absent.

    The Mann-Whitney statistic by midranks: ties count one half.

    >>> auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth) > 0
    if one_class(positive):
        return math.nan
    m = int(positive.sum())
    ranks = float(midranks(values)[positive].sum())
    return (ranks - m * (m + 1) / 2) / (m * (values.size - m))


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float:
    """Average precision (area under the precision-recall steps) of scores (n,); NaN when there is no positive case.

    >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 4)
    0.8333
    """
    if not (np.asarray(truth) > 0).any():
        return math.nan
    ladder = Ladder.of(scores, truth)
    return float(weighted_average_precision(*ladder.below(np.ones((1, ladder.order.size))))[0])


def roc_curve(scores: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """False positive rates, true positive rates and thresholds (g + 1,), from (0, 0) at an infinite threshold.

    All NaN in the rate of a class that is absent.
    """
    ladder = Ladder.of(scores, truth)
    positive, negative = ladder.below(np.ones((1, ladder.order.size)))
    with np.errstate(invalid="ignore"):
        true_rate = 1 - positive[0, ::-1] / positive[0, -1]
        false_rate = 1 - negative[0, ::-1] / negative[0, -1]
    return false_rate, true_rate, np.append(math.inf, ladder.rungs[::-1])
