"""The curves of one question: ROC and net benefit with bands from one bootstrap, reliability, score histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from radcnn.core.estimate import Estimate
from radcnn.evaluation.judgement import NetBenefitCurve, ReliabilityCurve, RocCurve, ScoreHistogram
from radcnn.evaluation.questions import Asked
from radcnn.evaluation.settings import EvaluationSettings
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.calibration import ece_estimate, equal_bins, weighted_ece
from radcnn.metrics.clustered import Floats
from radcnn.metrics.decision import treat_all, weighted_net_benefit
from radcnn.metrics.delong import delong_interval
from radcnn.metrics.proportions import proportion
from radcnn.metrics.ranking import Ladder, roc_curve, weighted_auc, weighted_average_precision

RATES = np.linspace(0, 1, 101)  # false positive rates of the band
THRESHOLDS = np.linspace(0.01, 0.99, 99)  # threshold probabilities of the net benefit
HISTOGRAM_EDGES = np.linspace(0, 1, 41)
MOST_POINTS = 1001  # of a drawn ROC curve
MOST_BINS = 10  # of the reliability curve
FEWEST_IN_A_BIN = 5  # a share of one or two cases is 0, a half or 1, whatever the network


@dataclass(frozen=True)
class Resampled:
    """What one bootstrap of one question gives."""

    figures: dict[str, Estimate]
    roc: RocCurve
    net_benefit: NetBenefitCurve


def resampled(question: Asked, settings: EvaluationSettings) -> Resampled:
    """AUC, average precision and ECE with bootstrap intervals, and bands of the curves; both classes must be there."""
    ladder = Ladder.of(question.scores, question.truth).coarse(THRESHOLDS)
    scores, truth = question.scores[ladder.order], ladder.positive.astype(np.float64)
    bins = equal_bins(scores)

    def statistics(weights: Floats) -> Floats:
        below = ladder.below(weights)
        columns = [weighted_auc(*below), weighted_average_precision(*below), weighted_ece(weights, scores, truth, bins)]
        benefit = weighted_net_benefit(ladder, *below, THRESHOLDS)
        return np.concatenate([np.column_stack(columns), benefit, _sensitivity_at(*below)], axis=1)

    plan = Resampling.by_patient(
        question.patients[ladder.order], ladder.positive, resamples=settings.resamples, seed=settings.seed
    )
    found = bootstrap(statistics, plan)
    low, high = found.band(level=settings.level)
    figures = {
        "auc_bootstrap": found.estimate(0, level=settings.level, still=delong(question, settings)),
        "auprc": found.estimate(1, level=settings.level),
        "ece": ece_estimate(found, 2, level=settings.level),
    }
    benefit = slice(4, 4 + THRESHOLDS.size)
    rates = slice(benefit.stop, None)
    return Resampled(
        figures,
        roc(question, low[rates], high[rates]),
        NetBenefitCurve(
            floats(THRESHOLDS),
            floats(found.value[benefit]),
            floats(low[benefit]),
            floats(high[benefit]),
            floats(treat_all(float(question.truth.mean()), THRESHOLDS)),
        ),
    )


def delong(question: Asked, settings: EvaluationSettings) -> Estimate:
    """The AUC of a question with DeLong's interval."""
    return delong_interval(question.scores, question.truth, question.patients, level=settings.level)


def _sensitivity_at(below_positive: Floats, below_negative: Floats) -> Floats:
    """True positive rates (b, 101) at the band's false positive rates, along the straight lines of the ROC curve."""
    made = np.full((below_positive.shape[0], RATES.size), np.nan)
    for row, (positive, negative) in enumerate(zip(below_positive, below_negative, strict=True)):
        if positive[-1] > 0 and negative[-1] > 0:
            # from the highest rung down; of points above each other the topmost is met last
            false_rate = 1 - negative[::-1] / negative[-1]
            made[row] = np.interp(RATES, false_rate, 1 - positive[::-1] / positive[-1])
    return made


def roc(question: Asked, low: Floats, high: Floats) -> RocCurve:
    """The drawn ROC curve with its band."""
    false_rate, true_rate, _ = roc_curve(question.scores, question.truth)
    keep = _corners(false_rate, true_rate)
    if keep.size > MOST_POINTS:
        keep = keep[np.linspace(0, keep.size - 1, MOST_POINTS).round().astype(int)]
    return RocCurve(floats(false_rate[keep]), floats(true_rate[keep]), floats(RATES), floats(low), floats(high))


def _corners(x: Floats, y: Floats) -> np.typing.NDArray[np.intp]:
    """Positions where a polyline changes direction, and its two ends."""
    dx, dy = np.diff(x), np.diff(y)
    turns = np.abs(dx[1:] * dy[:-1] - dx[:-1] * dy[1:]) > 1e-15
    return np.concatenate([[0], np.flatnonzero(turns) + 1, [x.size - 1]]).astype(np.intp)


def reliability(question: Asked, settings: EvaluationSettings) -> ReliabilityCurve:
    """Observed share of positives per bin of scores, at least five cases in each, with intervals by patient."""
    member = equal_bins(question.scores, bins=max(1, min(MOST_BINS, question.scores.size // FEWEST_IN_A_BIN)))
    inside = [member == k for k in range(int(member.max()) + 1)]
    shares = [proportion(question.truth[k], question.patients[k], level=settings.level) for k in inside]
    return ReliabilityCurve(
        tuple(float(question.scores[k].mean()) for k in inside),
        tuple(share.value for share in shares),
        tuple(share.low for share in shares),
        tuple(share.high for share in shares),
        tuple(int(k.sum()) for k in inside),
    )


def histogram(question: Asked) -> ScoreHistogram:
    """Counts of scores per class."""
    negative, positive = (
        np.histogram(question.scores[side], HISTOGRAM_EDGES)[0] for side in (~question.truth, question.truth)
    )
    return ScoreHistogram(floats(HISTOGRAM_EDGES), tuple(map(int, negative)), tuple(map(int, positive)))


def floats(values: Floats) -> tuple[float, ...]:
    """A tuple of Python floats; NaN as math.nan, so that equal judgements compare equal."""
    return tuple(float(value) if math.isfinite(value) else math.nan for value in values)
