"""Temperature scaling: one number by which all logits are divided, so that probabilities mean what they say.

    p' = softmax(log p / T), or sigmoid(logit p / T) of a yes/no question      T minimises the log loss

Guo et al. 2017, On Calibration of Modern Neural Networks, ICML. Above 1 the scores were too extreme. Ranks, and with
them AUCs, stay as they are; of several classes the most probable one stays, too. Logits are taken from probabilities,
so that ensembles, whose scores are means of probabilities, are scaled as they answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from radcnn.core.chance import generator
from radcnn.core.estimate import Estimate
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.calibration import FLOOR, ece_estimate, equal_bins, weighted_ece
from radcnn.metrics.clustered import Codes, Floats, patient_codes

Form = Literal["yes or no", "one class"]
COOLEST, HOTTEST = 0.05, 20.0  # a temperature beyond says that scores carry no probability at all
EXACTNESS = 1e-8  # of log T, more than a loss can tell apart


def tempered(scores: Floats, temperature: float, form: Form) -> Floats:
    """Probabilities (n, k) at another temperature.

    form  "yes or no": each column by itself; "one class": rows sum to 1

    >>> tempered(np.array([[0.9]]), 2.0, "yes or no").round(2).tolist()
    [[0.75]]
    """
    if form == "yes or no":
        return np.asarray(special.expit(special.logit(np.clip(scores, FLOOR, 1 - FLOOR)) / temperature))
    return np.asarray(special.softmax(np.log(np.clip(scores, FLOOR, None)) / temperature, axis=1))


def losses(scores: Floats, truth: Floats, form: Form) -> Floats:
    """Minus the log probability given to the truth, (n, t): of class indices (n, 1), or of 0/1 (n, k), NaN unknown."""
    if form == "one class":
        given = scores[np.arange(len(scores)), truth[:, 0].astype(np.intp)][:, None]
    else:
        given = np.where(truth > 0.5, scores, 1 - scores)
    return np.where(np.isnan(truth), np.nan, -np.log(np.clip(given, FLOOR, None)))


def fit_temperature(scores: Floats, truth: Floats, form: Form) -> float:
    """The temperature of least log loss of scores (n, k) against truth, within 0.05 and 20; NaN without a case.

    The loss is convex in 1 / T, so that a search of log T cannot stop at another minimum.
    """
    if not np.isfinite(truth).any():
        return math.nan

    def loss(log_temperature: float) -> float:
        return float(np.nanmean(losses(tempered(scores, math.exp(log_temperature), form), truth, form)))

    ends = (math.log(COOLEST), math.log(HOTTEST))
    found = optimize.minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": EXACTNESS})
    return math.exp(float(found.x))


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Scores (n, k), each scaled by the temperature of the other half of the patients, and these two temperatures."""

    scores: Floats
    temperatures: tuple[float, float]


def halves(patients: ArrayLike, *, seed: int = 0, strata: ArrayLike | None = None) -> NDArray[np.bool_]:
    """Which cases (n,) belong to one half of the patients, the other half being the rest; drawn.

    strata  (n,) classes: patients are halved within that of their first case, as far as their number allows

    >>> sorted(halves(["a", "a", "b", "b"]).tolist())
    [False, False, True, True]
    """
    codes = patient_codes(patients)
    first = np.unique(codes, return_index=True)[1]
    kinds = np.zeros(first.size) if strata is None else np.nan_to_num(np.asarray(strata, float)[first], nan=-1)
    order = generator(seed, "halves").permutation(first.size)
    order = order[np.argsort(kinds[order], kind="stable")]
    chosen = np.zeros(first.size, bool)
    chosen[order[::2]] = True
    return np.asarray(chosen[codes])


def cross_fitted(scores: Floats, truth: Floats, patients: ArrayLike, form: Form, *, seed: int = 0) -> CrossFitted:
    """Scores scaled by a temperature that their own patients had no say in: each half gets that of the other half.

    What scaling by the temperature of all of them will do to new patients is judged on these.
    """
    one = halves(patients, seed=seed, strata=truth[:, 0])
    found = tuple(fit_temperature(scores[~half], truth[~half], form) for half in (one, ~one))
    made = np.empty_like(scores)
    for half, temperature in zip((one, ~one), found, strict=True):
        made[half] = tempered(scores[half], 1.0 if math.isnan(temperature) else temperature, form)
    return CrossFitted(made, (found[0], found[1]))


def calibration_error(
    probability: Floats, truth: Floats, codes: Codes, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Estimate:
    """The expected calibration error of probabilities (n,) of what is true (n,), 0/1, with its interval by patient."""
    if not probability.size:
        return Estimate.missing("no cases")
    bins, y = equal_bins(probability), truth.astype(np.float64)
    plan = Resampling.by_patient(codes, resamples=resamples, seed=seed)
    found = bootstrap(lambda weights: weighted_ece(weights, probability, y, bins), plan)
    return ece_estimate(found, 0, level=level)
