"""An interval for the true size of one new patient's structure, from how wrong sizes were on patients that are known.

Conformal prediction with patients as groups: each patient weighs the same, whatever the number of its cases (Lee,
Barber and Willett 2023, distribution-free inference with hierarchical data, arXiv:2306.06342). It takes nothing for
granted but that the new patient is drawn as the known ones were, and that sizes of both were made in the same way: by
networks, refinement and rules in which none of the known patients had a say. Where these were chosen on the same
patients, or each of them was seen by one network of several whose mean the new one gets, it holds approximately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from radcnn.metrics.clustered import Floats, patient_codes

LEVEL = 0.95
FEWEST = 4  # patients, below which an interval would hold for three in five at most
FLOOR = 0.05  # of the median patient's true size, added to a predicted one, so that one of 0 has an interval, too
ROUNDING = 1e-9


@dataclass(frozen=True)
class SizeErrors:
    """How far true sizes lie from predicted ones.

    low, high  of (true - predicted) / (predicted + floor): a new patient's lies within, as likely as `level` at least,
               or about so where networks or rules were chosen on these patients
    floor      in the unit of the sizes
    patients   that this comes from; `level` is 1 - 2 / (patients + 1) where these are too few for 95 %
    """

    low: float
    high: float
    floor: float
    level: float
    patients: int

    def about(self, predicted: float) -> tuple[float, float]:
        """The interval for the true size of a new patient's structure.

        >>> SizeErrors(-0.1, 0.25, 0.0, 0.8, 9).about(100.0)
        (90.0, 125.0)
        """
        spread = predicted + self.floor
        return max(0.0, predicted + self.low * spread), max(0.0, predicted + self.high * spread)


def size_errors(
    true: ArrayLike, predicted: ArrayLike, patients: Sequence[str], *, level: float = LEVEL
) -> SizeErrors | None:
    """The errors of sizes (n,) of cases of these patients; None for fewer than four, unknown sizes, or all of them 0.

    >>> found = size_errors([10, 12, 9, 11, 10], [10, 10, 10, 10, 10], list("abcde"))
    >>> [round(size, 1) for size in found.about(20.0)], round(found.level, 2)
    ([18.0, 23.9], 0.67)
    """
    wanted, said = np.asarray(true, dtype=float), np.asarray(predicted, dtype=float)
    codes = patient_codes(patients)
    count = int(np.unique(codes).size)
    if count < FEWEST or not np.isfinite([wanted, said]).all() or not wanted.any():
        return None
    cases = np.bincount(codes)
    usual = np.bincount(codes, wanted) / cases
    floor = FLOOR * float(np.median(usual[usual > 0]))
    scores = (wanted - said) / (said + floor)
    weights = 1 / (cases[codes] * (count + 1))  # the new patient has the weight of one that is known
    tail = max((1 - level) / 2, 1 / (count + 1))
    return SizeErrors(
        -_quantile(-scores, weights, 1 - tail), _quantile(scores, weights, 1 - tail), floor, 1 - 2 * tail, count
    )


def _quantile(scores: Floats, weights: Floats, share: float) -> float:
    """The least score that, with those below it, has a share of all weight."""
    order = np.argsort(scores, kind="stable")
    within = np.cumsum(weights[order])
    return float(scores[order[min(int(np.searchsorted(within, share - ROUNDING)), len(order) - 1)]])
