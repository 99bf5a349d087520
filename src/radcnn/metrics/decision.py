"""Net benefit: what acting on a score is worth, in true positives per case, at each threshold probability.

    net benefit(t) = TP/n - FP/n * t / (1 - t),   positive when score >= t

Treating nobody is worth 0; treating all, prevalence - (1 - prevalence) t / (1 - t).
A. J. Vickers and E. B. Elkin 2006, doi:10.1177/0272989X06295361.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from radcnn.metrics.clustered import Floats
from radcnn.metrics.ranking import Ladder


def weighted_net_benefit(
    ladder: Ladder, below_positive: Floats, below_negative: Floats, thresholds: ArrayLike
) -> Floats:
    """Net benefit (b, k) of a ladder's cumulative weights (b, g + 1) at thresholds (k,) in (0, 1)."""
    t = np.asarray(thresholds, dtype=np.float64)
    rung = np.searchsorted(ladder.rungs, t, side="left")
    hits = below_positive[:, -1:] - below_positive[:, rung]
    alarms = below_negative[:, -1:] - below_negative[:, rung]
    total = below_positive[:, -1:] + below_negative[:, -1:]
    return np.asarray((hits - alarms * t / (1 - t)) / total)


def net_benefit(scores: ArrayLike, truth: ArrayLike, thresholds: ArrayLike) -> Floats:
    """Net benefit (k,) of acting on scores (n,) against truth (n,) in 0/1 at thresholds (k,) in (0, 1).

    >>> net_benefit([0.2, 0.6, 0.7, 0.9], [0, 0, 1, 1], [0.5]).tolist()
    [0.25]
    """
    ladder = Ladder.of(scores, truth)
    below = ladder.below(np.ones((1, ladder.order.size)))
    return np.asarray(weighted_net_benefit(ladder, *below, thresholds)[0])


def treat_all(prevalence: float, thresholds: ArrayLike) -> Floats:
    """Net benefit (k,) of calling every case positive.

    >>> treat_all(0.5, [0.5]).tolist()
    [0.0]
    """
    t = np.asarray(thresholds, dtype=np.float64)
    return np.asarray(prevalence - (1 - prevalence) * t / (1 - t))
