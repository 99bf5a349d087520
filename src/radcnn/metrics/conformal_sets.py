"""Sets of classes that hold the true one as often as promised, whatever the network: split conformal prediction.

A set holds the classes whose score is at most q, the quantile of the scores of the true classes of known patients:

    LAC  score of class k = 1 - p_k                                     smallest sets on average
    APS  score of class k = sum of the p_j above p_k, + u p_k           sizes follow the difficulty; u uniform on 0..1

Sadinle, Lei and Wasserman 2019, doi:10.1080/01621459.2017.1395341; Romano, Sesia and Candes 2020, arXiv:2006.02544.
Each patient weighs the same, whatever the number of its cases, and the new one as much as one that is known (Lee,
Barber and Willett 2023, arXiv:2306.06342). The promise is for a new patient drawn as the known ones were, over all
patients together: it need not hold in each group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radcnn.metrics.clustered import Floats, patient_codes

Way = Literal["LAC", "APS"]
LEVEL = 0.9
ROUNDING = 1e-9


@dataclass(frozen=True)
class SetRule:
    """Which classes a set holds: those whose score is at most `most`.

    level     how often the true class is among them, at least
    patients  that this comes from
    """

    way: Way
    most: float
    level: float
    patients: int


def class_scores(probability: Floats, way: Way, chance: np.random.Generator | None = None) -> Floats:
    """Scores (n, K) of every class from probabilities (n, K); APS draws u for each case, and takes 1 without chance."""
    if way == "LAC":
        return 1 - probability
    order = np.argsort(-probability, axis=1, kind="stable")
    ranked = np.take_along_axis(probability, order, axis=1)
    u = np.ones((len(probability), 1)) if chance is None else chance.random((len(probability), 1))
    made = np.empty_like(probability)
    np.put_along_axis(made, order, np.cumsum(ranked, axis=1) - (1 - u) * ranked, axis=1)
    return made


def set_rule(
    probability: Floats,
    labels: NDArray[np.intp],
    patients: Sequence[str],
    *,
    way: Way = "LAC",
    level: float = LEVEL,
    chance: np.random.Generator | None = None,
) -> SetRule | None:
    """The rule from probabilities (n, K) of cases whose class (n,) is known; None where patients are too few.

    At least level / (1 - level) patients are needed: 9 for 90 %.
    """
    codes = patient_codes(patients)
    count = int(np.unique(codes).size)
    if not count or level * (count + 1) > count + ROUNDING:
        return None
    scores = class_scores(probability, way, chance)[np.arange(len(labels)), labels]
    weights = 1 / (np.bincount(codes)[codes] * (count + 1))
    order = np.argsort(scores, kind="stable")
    within = np.cumsum(weights[order])
    place = min(int(np.searchsorted(within, level - ROUNDING)), scores.size - 1)
    return SetRule(way, float(scores[order[place]]), level, count)


def class_sets(probability: Floats, rule: SetRule, chance: np.random.Generator | None = None) -> NDArray[np.bool_]:
    """Which classes (n, K) the set of each case holds.

    >>> rule = SetRule("LAC", most=0.7, level=0.9, patients=30)
    >>> class_sets(np.array([[0.6, 0.35, 0.05]]), rule).tolist()
    [[True, True, False]]
    """
    return np.asarray(class_scores(probability, rule.way, chance) <= rule.most + ROUNDING)
