"""Figures of yes/no decisions at one threshold, each with an interval by patient.

Sensitivity, specificity, PPV, NPV and accuracy are proportions; balanced accuracy has limits from those of the recalls,
F1 from those of a proportion; PPV and NPV at another prevalence follow Bayes' theorem from sensitivity and specificity,
with limits from theirs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import patient_codes
from radcnn.metrics.mover import correlation, mean_with_limits
from radcnn.metrics.proportions import proportion

Flags = NDArray[np.bool_]


def decision_figures(
    called: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95
) -> dict[str, Estimate]:
    """Figures of decisions (n,) against truth (n,), both in 0/1; those with a zero denominator are missing, with why.

    Keys: sensitivity, specificity, ppv, npv, accuracy, balanced_accuracy, f1, majority_accuracy.
    """
    yes, positive, names = np.asarray(called) > 0, np.asarray(truth) > 0, np.asarray(patients)

    def share(of: Flags, hit: Flags, none: str) -> Estimate:
        made = proportion(hit[of], names[of], level=level)
        return made if made.n else Estimate.missing(none, yes.size, int(np.unique(names).size))

    return {
        "sensitivity": share(positive, yes, "no positive cases"),
        "specificity": share(~positive, ~yes, "no negative cases"),
        "ppv": share(yes, positive, "no case was called positive"),
        "npv": share(~yes, ~positive, "no case was called negative"),
        "accuracy": proportion(yes == positive, names, level=level),
        "balanced_accuracy": balanced_accuracy(yes, positive, names, level=level),
        "f1": f1(yes, positive, names, level=level),
        "majority_accuracy": majority_accuracy(positive, names, level=level),
    }


def majority_accuracy(labels: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The accuracy of always answering the most frequent class of labels (n,); missing when there is no case."""
    values = np.asarray(labels)
    if not values.size:
        return Estimate.missing("no cases")
    classes, counts = np.unique(values, return_counts=True)
    return proportion(values == classes[counts.argmax()], patients, level=level)


def balanced_accuracy(called: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The mean of the classes' recalls, decisions (n,) against truth (n,), any number of classes.

    The limits combine those of the recalls, Wilson's by patient, by MOVER, with their correlation where patients have
    cases of several classes. So a class that is all right adds what is not known of it. Missing when there are fewer
    than two classes in the truth.
    """
    answer, labels, codes = np.asarray(called), np.asarray(truth), patient_codes(patients)
    classes, index = np.unique(labels, return_inverse=True)
    people = int(np.unique(codes).size)
    if classes.size < 2:
        return Estimate.missing("fewer than two classes among the cases", labels.size, people)
    right = (answer == labels).astype(np.float64)
    member = index[:, None] == np.arange(classes.size)
    recalls = [proportion(right[mine], codes[mine], level=level) for mine in member.T]
    residual = member * (right[:, None] - np.array([recall.value for recall in recalls]))
    # patients with cases of one class only say nothing of two recalls: these are independent
    value, low, high = mean_with_limits(recalls, correlation(residual, codes, unknown=0.0))
    method = (
        "no interval: one patient of a class" if math.isnan(low) else "MOVER of the classes' Wilson limits by patient"
    )
    return Estimate(value, low, high, labels.size, people, method, level)


def f1(called: ArrayLike, truth: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Estimate:
    """F1 = 2 TP / (2 TP + FP + FN) = 2 J / (1 + J) of decisions (n,) against truth (n,) in 0/1.

    J = TP / (TP + FP + FN) is the share of right ones among the cases that are positive or were called so; its Wilson
    limits by patient are brought to F1. Missing when there is no such case.
    """
    yes, positive, names = np.asarray(called) > 0, np.asarray(truth) > 0, np.asarray(patients)
    either = yes | positive
    made = proportion((yes & positive)[either], names[either], level=level)
    people = int(np.unique(names).size)
    if made.undefined:
        return Estimate.missing("no case is positive or was called positive", yes.size, people)
    value, low, high = (2 * share / (1 + share) for share in (made.value, made.low, made.high))
    return Estimate(value, low, high, yes.size, people, made.method, level)


def predictive_values_at(sensitivity: Estimate, specificity: Estimate, prevalence: float) -> tuple[Estimate, Estimate]:
    """PPV and NPV at a prevalence in (0, 1), from sensitivity and specificity (Bayes).

    The limits combine those of the two log rates by MOVER (Zou and Donner 2008, doi:10.1002/sim.3095), taking
    the two as independent. Missing where sensitivity or specificity is, or where no case would be called so.
    """
    for given in (sensitivity, specificity):
        if given.undefined:
            gone = Estimate.missing(given.undefined, given.n, given.patients)
            return gone, gone
    n, people = sensitivity.n + specificity.n, sensitivity.patients + specificity.patients
    odds = prevalence / (1 - prevalence)
    se = (sensitivity.value, sensitivity.low, sensitivity.high)
    sp = (specificity.value, specificity.low, specificity.high)
    method, level = f"Bayes at prevalence {prevalence:g}, MOVER", sensitivity.level

    def made(rate: tuple[float, float, float], other: tuple[float, float, float], weight: float) -> Estimate:
        """rate * weight / (rate * weight + (1 - other))."""
        wrong = (1 - other[0], 1 - other[2], 1 - other[1])
        value, low, high = (_share(r * weight) for r in _ratio(rate, wrong))
        if math.isnan(value):
            return Estimate.missing("no case would be called so", n, people)
        return Estimate(value, low, high, n, people, method, level)

    return made(se, sp, odds), made(sp, se, 1 / odds)


def _share(ratio: float) -> float:
    return 1.0 if math.isinf(ratio) else ratio / (1 + ratio)


def _ratio(top: tuple[float, float, float], bottom: tuple[float, float, float]) -> tuple[float, float, float]:
    """The ratio of two independent rates (value, low, high) with MOVER limits on the log scale.

    Where a rate is 0 its logarithm has no value; the limit is then the ratio of the two rates' own limits (wider).
    """
    (a, a_low, a_high), (b, b_low, b_high) = top, bottom
    value = _divide(a, b)
    if a == 0 or b == 0:
        return value, _divide(a_low, b_high), _divide(a_high, b_low)
    down = math.hypot(_log_gap(a, a_low), _log_gap(b_high, b))
    up = math.hypot(_log_gap(a_high, a), _log_gap(b, b_low))
    return value, value * math.exp(-down), (math.inf if math.isinf(up) else value * math.exp(up))


def _divide(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 else math.inf
    return a / b


def _log_gap(high: float, low: float) -> float:
    """log(high / low); infinite when low is 0, NaN when a limit is unknown."""
    if math.isnan(high) or math.isnan(low):
        return math.nan
    return math.inf if low <= 0 else math.log(high / low)
