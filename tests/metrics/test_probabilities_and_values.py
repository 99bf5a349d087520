"""Calibration, net benefit, several classes, agreement and regression."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from scipy import special, stats

from radcnn.metrics.agreement import kappa
from radcnn.metrics.bootstrap import Resampling, bootstrap
from radcnn.metrics.calibration import (
    brier,
    calibration_intercept,
    calibration_slope,
    ece_estimate,
    equal_bins,
    expected_calibration_error,
    log_loss,
    weighted_ece,
)
from radcnn.metrics.clustered import clustered_mean
from radcnn.metrics.decision import net_benefit, treat_all
from radcnn.metrics.multiclass import macro_auc, macro_bootstrap, macro_mean, multiclass_brier, one_hot
from radcnn.metrics.proportions import wilson
from radcnn.metrics.ranking import auc
from radcnn.metrics.regression import bias, limits_of_agreement, mae, r2, rank_correlation, rmse


def calibrated(n=4000, slope=1.0, shift=0.0, seed=0):
    """Scores whose truth follows logit P = shift + slope * logit(score)."""
    chance = np.random.default_rng(seed)
    scores = special.expit(1.5 * chance.normal(size=n))
    return scores, chance.random(n) < special.expit(shift + slope * special.logit(scores)), np.arange(n)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_the_slope_is_recovered(slope):
    made = calibration_slope(*calibrated(slope=slope))
    assert made.low < slope < made.high
    assert made.high - made.low < 0.5


@pytest.mark.parametrize("shift", [-0.7, 0.0, 0.7])
def test_the_intercept_is_recovered(shift):
    made = calibration_intercept(*calibrated(shift=shift))
    assert made.low < shift < made.high


def test_separated_equal_and_one_class_scores_have_no_slope_and_say_why():
    names = np.arange(4)
    assert "separate" in calibration_slope([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], names).undefined
    assert "separate" in calibration_slope([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], names).undefined
    assert "equal" in calibration_slope([0.3] * 4, [0, 1, 0, 1], names).undefined
    for figure in (calibration_slope, calibration_intercept):
        assert "no positive" in figure([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0], names).undefined
        assert figure([], [], []).undefined == "no cases"


def test_probabilities_of_0_and_1_are_survived():
    scores, truth, names = [0.0, 1.0, 0.0, 1.0, 0.4, 0.6], [0, 1, 1, 0, 0, 1], np.arange(6)
    assert math.isfinite(log_loss(scores, truth, names).value)
    assert math.isfinite(calibration_intercept(scores, truth, names).value)
    assert math.isfinite(calibration_slope(scores, truth, names).value)


def test_perfect_probabilities_have_brier_0():
    made = brier([0.0, 1.0], [0, 1], ["a", "b"])
    assert made.value == 0
    assert brier([], [], []).undefined == "no cases"


def test_the_brier_score_of_the_prevalence_is_its_variance():
    truth = np.repeat([0, 1], [70, 30])
    assert brier(np.full(100, 0.3), truth, np.arange(100)).value == pytest.approx(0.21)


def test_bins_have_equal_numbers_and_keep_equal_scores_together():
    member = equal_bins(np.random.default_rng(0).random(1000))
    assert np.ptp(np.bincount(member)) <= 1
    assert np.bincount(member).size == 10
    assert equal_bins(np.full(20, 0.5)).tolist() == [0] * 20
    tied = equal_bins(np.repeat([0.1, 0.2, 0.9], [50, 3, 50]))
    assert all(len(set(tied[np.repeat([0.1, 0.2, 0.9], [50, 3, 50]) == s])) == 1 for s in (0.1, 0.2, 0.9))


def test_the_calibration_error_is_small_when_scores_are_right_and_as_large_as_the_shift_when_not():
    scores, truth, _ = calibrated(n=20_000)
    assert expected_calibration_error(scores, truth) < 0.015
    assert expected_calibration_error(np.full(100, 0.8), np.repeat([0, 1], 50)) == pytest.approx(0.3)
    assert math.isnan(expected_calibration_error([], []))


@pytest.mark.parametrize(("shift", "true"), [(0.0, 0.0), (0.8, None)])
def test_the_interval_of_the_calibration_error_covers_in_spite_of_its_bias(shift, true):
    """Right scores have no calibration error, yet few cases always show one."""
    if true is None:
        true = expected_calibration_error(*calibrated(n=400_000, shift=shift)[:2], bins=10)
    held, values = [], []
    for seed in range(60):
        scores, truth, names = calibrated(n=250, shift=shift, seed=seed)
        y, member = truth.astype(float), equal_bins(scores)
        plan = Resampling.by_patient(names, resamples=200)
        made = ece_estimate(bootstrap(partial(weighted_ece, scores=scores, truth=y, member=member), plan), 0)
        held.append(made.low <= true <= made.high)
        values.append(made.value)
    assert np.mean(values) > true + 0.003
    assert np.mean(held) >= 0.88


def test_net_benefit_of_a_known_table():
    scores, truth = [0.1, 0.3, 0.3, 0.8], [0, 0, 1, 1]
    assert net_benefit(scores, truth, [0.2, 0.5]) == pytest.approx([0.5 - 0.25 * 0.25, 0.25])
    everyone = net_benefit([0.9] * 4, truth, [0.2, 0.5, 0.6])
    np.testing.assert_allclose(everyone, treat_all(0.5, [0.2, 0.5, 0.6]))


def test_macro_auc_is_the_mean_and_unknown_labels_are_masked():
    chance = np.random.default_rng(0)
    scores = chance.random((200, 3))
    truth = (chance.random((200, 3)) < scores).astype(float)
    truth[chance.random((200, 3)) < 0.2] = np.nan
    names = np.repeat(np.arange(50), 4)
    known = np.isfinite(truth)
    mean = np.mean([auc(scores[known[:, k], k], truth[known[:, k], k]) for k in range(3)])
    made = macro_auc(scores, truth, names, "abc")
    area, precision = macro_bootstrap(scores, truth, names, resamples=500)
    assert made.value == pytest.approx(mean)
    assert area.value == pytest.approx(mean)
    assert (area.low, area.high) == pytest.approx((made.low, made.high), abs=0.015)
    assert precision.low < precision.value < precision.high


def test_macro_figures_without_a_class_are_missing_and_name_it():
    scores, truth = np.random.default_rng(0).random((6, 2)), one_hot([0] * 6, 2)
    assert macro_auc(scores, truth, np.arange(6), ("benign", "malignant")).undefined == "no negative cases for benign"
    assert macro_bootstrap(scores, truth, np.arange(6))[0].undefined
    assert macro_mean(np.full((3, 1), np.nan), np.arange(3)).undefined


def test_macro_mean_masks_and_averages_columns():
    losses = np.array([[1.0, np.nan], [3.0, 10.0]])
    assert macro_mean(losses, ["a", "b"]).value == pytest.approx(6)


def test_kappa_of_full_chance_and_no_agreement():
    labels, names = np.array([0, 1, 2] * 20), np.arange(60)
    assert kappa(labels, labels, names, classes=3).value == pytest.approx(1)
    independent = kappa(np.repeat([0, 1], 30), np.tile([0, 1], 30), names, classes=2)
    assert independent.value == pytest.approx(0, abs=1e-12)
    assert independent.low < 0 < independent.high
    assert kappa([0, 0], [0, 0], ["a", "b"], classes=2).undefined == "both name one class only"


def test_quadratic_kappa_forgives_near_misses():
    truth = np.array([0, 1, 2, 3] * 10)
    near = np.minimum(truth + (np.arange(40) % 3 == 0), 3)
    names = np.arange(40)
    plain = kappa(truth, near, names, classes=4).value
    assert kappa(truth, near, names, classes=4, weights="quadratic").value > plain


def test_regression_figures_of_a_known_table():
    guess, truth, names = [2.0, 4.0, 6.0], [1.0, 4.0, 8.0], ["a", "b", "c"]
    assert mae(guess, truth, names).value == pytest.approx(1)
    assert rmse(guess, truth, names).value == pytest.approx(math.sqrt(5 / 3))
    assert bias(guess, truth, names).value == pytest.approx(-1 / 3)
    assert r2(truth, truth, names).value == 1
    low, high = limits_of_agreement(guess, truth, names)
    sd = np.std([1, 0, -2], ddof=1)
    assert (low.value, high.value) == pytest.approx((-1 / 3 - 1.96 * sd, -1 / 3 + 1.96 * sd), abs=1e-4)
    assert r2([1.0, 2.0], [3.0, 3.0], ["a", "b"]).undefined == "the truth does not vary"
    assert limits_of_agreement([1.0], [1.0], ["a"])[0].undefined
    assert mae([], [], []).undefined == rmse([], [], []).undefined == "no cases"


def test_limits_of_agreement_have_bland_and_altmans_standard_error():
    """Bland and Altman 1999: the standard error of a limit is sd sqrt(1/n + 1.96^2 / (2 (n - 1))) for normal values."""
    apart = np.random.default_rng(1).normal(size=4000)
    low, _ = limits_of_agreement(apart, np.zeros(4000), np.arange(4000))
    half = 1.96 * apart.std() * math.sqrt(1 / 4000 + 1.96**2 / (2 * 3999))
    assert (low.high - low.low) / 2 == pytest.approx(half, rel=0.05)


@pytest.mark.parametrize("figure", [mae, rmse, r2, bias])
def test_regression_intervals_widen_when_images_repeat_a_patient(figure):
    chance = np.random.default_rng(0)
    truth = chance.normal(size=50)
    guess = truth + 0.5 * chance.normal(size=50) + 0.1
    once = figure(guess, truth, np.arange(50))
    copied = figure(np.repeat(guess, 8), np.repeat(truth, 8), np.repeat(np.arange(50), 8))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), rel=0.02, abs=0.01)


def test_means_without_cases_are_missing():
    assert clustered_mean([], []).undefined == "no cases"


def test_full_agreement_has_an_interval_from_the_share_of_equal_answers():
    labels, names = np.array([0, 1] * 5), np.arange(10)
    made, share = kappa(labels, labels, names, classes=2), wilson(10, 10)
    assert (made.value, made.high) == (1, 1)
    assert made.low == pytest.approx((share.low - 0.5) / 0.5)
    assert kappa(labels, labels, names, classes=2, weights="quadratic").low == pytest.approx(made.low)
    rare = [0] * 9 + [1]
    assert kappa(rare, rare, names, classes=2).low == pytest.approx((share.low - 0.82) / 0.18)


def test_figures_whose_cases_all_say_the_same_have_no_interval_and_say_so():
    truth, names = np.array([0.0, 1.0, 0.0, 1.0]), list("abcd")
    one_class = kappa([0, 0, 0, 0], truth.astype(int), names, classes=2)
    low, high = limits_of_agreement(truth + 0.1, truth, names)
    perfect = [figure(truth, truth, names) for figure in (brier, mae, rmse, r2, bias, log_loss)]
    perfect += [multiclass_brier(one_hot(truth.astype(int), 2), truth, names), bias(truth + 0.1, truth, names)]
    for made in (*perfect, one_class, low, high):
        assert math.isfinite(made.value)
        assert math.isnan(made.low)
        assert math.isnan(made.high)
        assert made.method == "no interval: no variance in 4 patients"


def test_scores_that_separate_every_class_have_an_interval_with_width():
    labels, names = np.repeat([0, 1, 2], [3, 20, 30]), np.arange(53)
    scores, truth = one_hot(labels, 3) * 0.9 + 0.03, one_hot(labels, 3)
    area, precision = macro_bootstrap(scores, truth, names, resamples=100)
    for made in (macro_auc(scores, truth, names, "abc"), area):
        assert (made.value, made.high) == (1, 1)
        assert made.low < 0.87, "the smallest class has three patients"
        assert "Newcombe" in made.method
    assert precision.method == "no interval: no variance in 53 patients"


def test_the_macro_auc_covers_with_few_patients_of_a_class():
    sizes, held = (5, 50, 100), 0
    labels, names = np.repeat([0, 1, 2], sizes), np.arange(sum(sizes))
    true = special.ndtr(2 / math.sqrt(2))
    for seed in range(200):
        chance = np.random.default_rng([5, seed])
        scores = chance.normal(size=(labels.size, 3)) + 2 * one_hot(labels, 3)
        made = macro_auc(scores, one_hot(labels, 3), names, "abc")
        held += made.low <= true <= made.high
    assert 0.91 < held / 200 < 0.995


def test_limits_stay_numbers_at_extreme_levels_of_two_patients():
    made = clustered_mean([1.0, 9.0], ["a", "b"], level=0.9999, scale="log")
    assert math.isfinite(made.high)
    assert 0 <= made.low < made.value < made.high


@pytest.mark.parametrize(("n", "rho"), [(20, 0.5), (30, 0.0), (24, 0.8)])
def test_a_rank_correlation_is_scipys_and_its_interval_covers(n, rho):
    chance, held = np.random.default_rng(1), 0
    true = 6 / math.pi * math.asin(rho / 2)  # of two normal values whose correlation is rho
    for _ in range(400):
        first = chance.normal(size=n)
        second = rho * first + math.sqrt(1 - rho**2) * chance.normal(size=n)
        made = rank_correlation(first, second, np.arange(n))
        held += made.low <= true <= made.high
    assert made.value == pytest.approx(stats.spearmanr(first, second).statistic)
    assert 0.92 < held / 400 < 0.99
    ties = np.round(first), np.round(second)
    assert rank_correlation(*ties, np.arange(n)).value == pytest.approx(stats.spearmanr(*ties).statistic)
    assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3], list("abc")).value)
    assert math.isnan(rank_correlation([1, 2], [1, 2], list("ab")).value)


def test_what_patients_are_called_changes_no_digit():
    chance = np.random.default_rng(0)
    people, scores, truth = chance.integers(0, 60, 150), chance.random(150), chance.integers(0, 2, 150)
    found = set()
    for _ in range(20):
        names = chance.permutation(60).astype(str)[people]  # a salt gives every patient another pseudonym
        every = (brier(scores, truth, names), calibration_slope(scores, truth, names), rmse(scores, truth, names))
        found.add(tuple((e.value, e.low, e.high) for e in every))
    assert len(found) == 1
