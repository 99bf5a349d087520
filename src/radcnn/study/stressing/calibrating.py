"""Temperature scaling of a run, judged on patients that had no say in the temperature."""

from __future__ import annotations

import numpy as np

from radcnn.core.case import Side
from radcnn.core.errors import InputError
from radcnn.core.target import Target
from radcnn.metrics.calibration import equal_bins
from radcnn.metrics.clustered import Codes, Floats, clustered_mean
from radcnn.metrics.proportions import proportion
from radcnn.metrics.temperature import Form, calibration_error, cross_fitted, fit_temperature, losses, tempered
from radcnn.robustness.answers import Answered
from radcnn.robustness.doubted import Calibrated, Reliability

FEWEST = 10  # patients, below which a temperature would be noise
MOST_BINS, FEWEST_IN_A_BIN = 10, 5
WHOSE = {
    "binary": "the probability of the positive answer",
    "multiclass": "the probability of the most probable class",
    "multilabel": "the probability of each label",
}


def form_of(target: Target) -> Form:
    """Whether each score is a question of its own, or all of them are one."""
    return "one class" if target.kind == "multiclass" else "yes or no"


def calibrated(here: Answered, tuning: Answered, side: Side, *, seed: int) -> Calibrated:
    """Probabilities of one side before and after temperature scaling.

    On the tuning side each half of the patients gets the temperature of the other half; on the test side all get that
    of the tuning side. Raises InputError for fewer than 10 tuning patients.
    """
    form = form_of(here.target)
    if (people := len(set(tuning.patients))) < FEWEST:
        raise InputError(f"a temperature needs at least {FEWEST} tuning patients, got {people}")
    hot: tuple[float, ...]
    if side == "tuning":
        made = cross_fitted(here.scores, here.truth, here.patients, form, seed=seed)
        after, hot = made.scores, made.temperatures
        how = "each half of the tuning patients by the temperature of the other half"
    else:
        hot = (fit_temperature(tuning.scores, tuning.truth, form),)
        after = tempered(here.scores, hot[0], form)
        how = "fitted on the tuning set, judged on the internal test set"
    pairs = [_pairs(scores, here) for scores in (here.scores, after)]
    each = [np.nanmean(losses(scores, here.truth, form), axis=1) for scores in (here.scores, after)]
    ece = [calibration_error(p, y, codes, seed=seed) for p, y, codes in pairs]
    loss = [clustered_mean(one, here.codes, scale="log") for one in each]
    return Calibrated(
        how=how,
        temperatures=hot,
        ece=(ece[0], ece[1]),
        loss=(loss[0], loss[1]),
        gained=clustered_mean(each[0] - each[1], here.codes, what="paired difference"),
        what=WHOSE[here.target.kind],
        before=_reliability(*pairs[0]),
        after=_reliability(*pairs[1]),
    )


def _pairs(scores: Floats, here: Answered) -> tuple[Floats, Floats, Codes]:
    """Probabilities (m,) of something, whether it is true (m,), and whose (m,): see WHOSE."""
    codes = here.codes
    if here.target.kind == "multiclass":
        right = scores.argmax(axis=1) == here.truth[:, 0]
        return scores.max(axis=1), right.astype(np.float64), codes
    known = np.isfinite(here.truth)
    every = np.broadcast_to(codes[:, None], known.shape)
    return scores[known], here.truth[known], every[known]


def _reliability(probability: Floats, truth: Floats, codes: Codes) -> Reliability:
    """Bins of equal numbers of cases, at least five in each, with intervals by patient."""
    member = equal_bins(probability, bins=max(1, min(MOST_BINS, probability.size // FEWEST_IN_A_BIN)))
    inside = [member == k for k in range(int(member.max()) + 1)]
    shares = [proportion(truth[mine] > 0, codes[mine]) for mine in inside]
    return Reliability(
        tuple(float(probability[mine].mean()) for mine in inside),
        tuple(one.value for one in shares),
        tuple(one.value if np.isnan(one.low) else one.low for one in shares),
        tuple(one.value if np.isnan(one.high) else one.high for one in shares),
        tuple(int(mine.sum()) for mine in inside),
    )
