"""Ranking figures: what may not change them, and what they are at their ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from radcnn.metrics.bootstrap import Resampling, bca_limits, bootstrap, bootstrap_auc, widened
from radcnn.metrics.delong import components, covariance, delong_interval, newcombe_limits, paired_delong
from radcnn.metrics.ranking import Ladder, auc, average_precision, midranks, roc_curve, weighted_auc


@st.composite
def ranked(draw):
    """Scores on a coarse grid (so that there are ties), truth with both classes, and patients."""
    n = draw(st.integers(4, 40))
    scores = np.array(draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)), dtype=float) / 12
    truth = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    truth[:2] = (False, True)
    patients = np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n)))
    return scores, truth, patients


@settings(max_examples=40, deadline=None)
@given(ranked())
def test_the_auc_is_the_share_of_pairs_ranked_right(case):
    scores, truth, _ = case
    x, y = scores[truth][:, None], scores[~truth][None, :]
    assert auc(scores, truth) == pytest.approx(float(((x > y) + 0.5 * (x == y)).mean()), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(ranked())
def test_the_auc_and_its_variance_do_not_change_under_monotone_maps_and_permutation(case):
    scores, truth, patients = case
    before = components(scores, truth, patients)
    order = np.random.default_rng(0).permutation(scores.size)
    for after in (
        components(np.exp(3 * scores) - 7, truth, patients),
        components(scores[order], truth[order], patients[order]),
    ):
        assert after.auc == pytest.approx(before.auc, abs=1e-12)
        assert covariance(after, after) == pytest.approx(covariance(before, before), abs=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(ranked())
def test_flipping_labels_or_scores_mirrors_the_auc(case):
    scores, truth, _ = case
    assert auc(scores, ~truth) == pytest.approx(1 - auc(scores, truth), abs=1e-12)
    assert auc(-scores, truth) == pytest.approx(1 - auc(scores, truth), abs=1e-12)
    assert auc(-scores, ~truth) == pytest.approx(auc(scores, truth), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(ranked())
def test_the_area_under_the_drawn_curve_is_the_auc(case):
    scores, truth, _ = case
    false_rate, true_rate, thresholds = roc_curve(scores, truth)
    assert float(np.trapezoid(true_rate, false_rate)) == pytest.approx(auc(scores, truth), abs=1e-12)
    assert (np.diff(thresholds) < 0).all()


@settings(max_examples=40, deadline=None)
@given(ranked())
def test_influences_add_up_to_nothing_and_give_the_variance(case):
    scores, truth, _ = case
    parts = components(scores, truth, np.arange(truth.size))
    assert float(parts.influence.sum()) == pytest.approx(0, abs=1e-12)
    assert 0 <= parts.auc <= 1


@settings(max_examples=60, deadline=None)
@given(ranked(), st.integers(0, 1000))
def test_the_auc_in_one_running_sum_is_the_auc_of_the_ladder(case, seed):
    scores, truth, _ = case
    ladder, chance = Ladder.of(scores, truth), np.random.default_rng(seed)
    counts, weights = chance.integers(0, 3, (9, truth.size)).astype(float), chance.random((9, truth.size))
    np.testing.assert_array_equal(ladder.auc(counts), weighted_auc(*ladder.below(counts)))
    np.testing.assert_allclose(ladder.auc(weights), weighted_auc(*ladder.below(weights)), rtol=1e-9, atol=1e-12)
    assert np.isnan(Ladder.of(scores, np.zeros_like(truth)).auc(counts)).all()


@settings(max_examples=40, deadline=None)
@given(ranked(), st.floats(0.01, 0.99))
def test_a_coarse_ladder_ranks_the_same(case, threshold):
    scores, truth, _ = case
    fine = Ladder.of(scores, truth)
    coarse = fine.coarse([threshold])
    weights = np.random.default_rng(1).integers(0, 3, (4, truth.size)).astype(float)
    np.testing.assert_allclose(weighted_auc(*coarse.below(weights)), weighted_auc(*fine.below(weights)))
    fine_at, coarse_at = (np.searchsorted(ladder.rungs, threshold) for ladder in (fine, coarse))
    for mine, theirs in zip(coarse.below(weights), fine.below(weights), strict=True):
        np.testing.assert_array_equal(mine[:, coarse_at], theirs[:, fine_at])


@settings(max_examples=40, deadline=None)
@given(ranked())
def test_an_interval_holds_its_value_and_stays_inside_0_and_1(case):
    scores, truth, patients = case
    estimate = delong_interval(scores, truth, patients)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_perfect_and_equal_scores_have_an_interval_with_width():
    truth, names = np.repeat([0, 1], 30), np.arange(60)
    perfect = delong_interval(truth.astype(float), truth, names)
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert 0.8 < perfect.low < 0.97
    equal = delong_interval(np.full(60, 0.3), truth, names)
    assert equal.value == 0.5
    assert equal.low < 0.42 < 0.58 < equal.high
    assert "Newcombe" in perfect.method


def test_few_patients_of_a_class_have_newcombes_limits_and_many_have_students_t_of_that_class():
    chance = np.random.default_rng(0)
    few, many = (np.repeat([1, 0], [ill, 100]) for ill in (10, 40))
    made = delong_interval(chance.normal(size=110) + few, few, np.arange(110))
    assert (made.low, made.high) == newcombe_limits(made.value, 10, 100, 1.959963984540054)
    assert "fewer than 25 patients" in made.method
    assert "t with 39 df" in delong_interval(chance.normal(size=140) + many, many, np.arange(140)).method


def test_copies_of_few_patients_images_add_nothing_to_the_auc():
    chance = np.random.default_rng(0)
    truth = np.repeat([1, 0], [8, 40])
    scores = chance.normal(size=48) + truth
    plain = delong_interval(scores, truth, np.arange(48))
    copied = delong_interval(scores.repeat(5), truth.repeat(5), np.arange(48).repeat(5))
    assert (copied.low, copied.high) == pytest.approx((plain.low, plain.high), abs=1e-9)


def test_perfect_scores_of_few_patients_count_patients_and_not_images():
    truth, names = np.repeat([0, 1], 30), np.repeat(np.arange(6), 10)
    assert delong_interval(truth.astype(float), truth, names).low < 0.6
    assert newcombe_limits(1.0, 3, 3, 1.96)[1] == 1.0


@pytest.mark.parametrize(("truth", "reason"), [([], "no cases"), ([0, 0], "no positive"), ([1, 1], "no negative")])
def test_one_class_gives_a_missing_figure_with_its_reason(truth, reason):
    scores, names = np.linspace(0, 1, len(truth)), np.arange(len(truth))
    for made in (delong_interval(scores, truth, names), bootstrap_auc(scores, truth, names)):
        assert math.isnan(made.value)
        assert reason in made.undefined
    assert math.isnan(auc(scores, truth))
    assert math.isnan(paired_delong(scores, scores, truth, names).p)


def test_average_precision_of_random_scores_is_the_prevalence():
    chance = np.random.default_rng(0)
    assert average_precision(chance.random(20_000), chance.random(20_000) < 0.1) == pytest.approx(0.1, abs=0.01)


def test_two_equal_scores_have_no_difference_and_p_1():
    chance = np.random.default_rng(0)
    scores, truth = chance.random(50), chance.random(50) < 0.5
    test = paired_delong(scores, scores**2, truth, np.arange(50))
    assert (test.difference.value, test.z, test.p) == (0, 0, 1)
    assert test.difference.method == "no interval: no variance in 50 patients"


def test_the_paired_test_finds_its_level_under_the_null():
    chance = np.random.default_rng(3)
    small = 0
    for _ in range(400):
        truth = np.repeat([0, 1], 40)
        shared = chance.normal(size=80) + truth
        first, second = shared + chance.normal(size=80), shared + chance.normal(size=80)
        small += paired_delong(first, second, truth, np.arange(80)).p < 0.05
    assert 0.02 < small / 400 < 0.085


def test_bootstrap_weights_count_every_patient_as_often_as_it_was_drawn():
    patients = np.array(["b", "a", "b", "c", "c", "c"])
    plan = Resampling.by_patient(patients, resamples=50, seed=3)
    weights = np.concatenate(list(plan.blocks()))
    assert weights.shape == (50, 6)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_stratified_resamples_keep_both_classes():
    truth, patients = np.array([1, 1] + [0] * 58), np.arange(60)
    plan = Resampling.by_patient(patients, truth, resamples=300)
    assert plan.stratified
    for weights in plan.blocks():
        assert (weights[:, :2].sum(axis=1) == 2).all()
    scores = np.linspace(1, 0, 60)
    scores[1] = 0.5
    assert "stratified" in bootstrap_auc(scores, truth, patients, resamples=300).method


def test_the_patients_drawn_do_not_depend_on_how_many_rows_are_held(monkeypatch):
    chance = np.random.default_rng(0)
    truth, patients = np.arange(60) < 5, chance.integers(0, 40, 60)
    plan = Resampling.by_patient(patients, truth, resamples=100)
    assert plan.stratified
    at_once, left = (np.concatenate(list(rows)) for rows in (plan.blocks(), plan.left_out()))
    monkeypatch.setattr("radcnn.metrics.bootstrap.PIECE", 1)
    np.testing.assert_array_equal(np.concatenate(list(plan.blocks())), at_once)
    np.testing.assert_array_equal(np.concatenate(list(plan.left_out())), left)


def test_undefined_resamples_are_left_out_and_counted():
    truth, patients = np.array([1, 1, 0, 0, 0, 0]), np.arange(6)
    ladder = Ladder.of(np.array([0.9, 0.2, 0.1, 0.3, 0.4, 0.5]), truth)
    plan = Resampling.by_patient(patients, resamples=300)
    made = bootstrap(lambda weights: weighted_auc(*ladder.below(weights)), plan).estimate()
    assert "of 300 resamples undefined" in made.method
    assert made.low < made.value < made.high


def test_the_same_seed_gives_the_same_limits_and_another_one_does_not():
    chance = np.random.default_rng(0)
    scores, truth = chance.random(80), chance.random(80) < 0.5
    one, same, other = (bootstrap_auc(scores, truth, np.arange(80), seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.low != other.low


def test_a_mean_by_bootstrap_agrees_with_its_standard_error():
    chance = np.random.default_rng(0)
    values = chance.normal(size=200)
    plan = Resampling.by_patient(np.arange(200), resamples=4000)
    made = bootstrap(lambda weights: weights @ values / weights.sum(axis=1), plan).estimate()
    half = 1.972 * values.std(ddof=1) / np.sqrt(200)
    assert made.high - made.low == pytest.approx(2 * half, rel=0.06)
    assert made.value == pytest.approx(values.mean())


def test_bca_of_a_symmetric_statistic_is_the_widened_percentile():
    rows = np.linspace(-1, 1, 2001)
    low, high = bca_limits(0.0, rows, np.array([-1.0, 1.0]), 10_000, 0.95)
    expected = np.quantile(rows, widened(0.95, 10_000))
    assert (low, high) == pytest.approx(tuple(expected), abs=2e-3)


def test_perfect_scores_have_a_bootstrap_interval_with_width():
    truth = np.repeat([0, 1], 6)
    made, delong = (figure(truth, truth, np.arange(12)) for figure in (bootstrap_auc, delong_interval))
    assert (made.value, made.low, made.high) == (1, delong.low, 1)
    assert made.low < 0.85
    assert made.method.endswith("no resample varies")


def test_one_patient_has_no_interval():
    made = bootstrap_auc([0.1, 0.9, 0.4], [0, 1, 0], ["a", "a", "a"], resamples=100)
    assert math.isnan(made.low)
    assert made.method == "no interval: one patient"


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0], [0.5, -1.0, 0.5, np.inf, -np.inf], [1.0, np.nan, 2.0]])
def test_midranks_are_scipys(values):
    found = midranks(np.array(values, np.float64))
    assert np.array_equal(found, stats.rankdata(values), equal_nan=True)
    many = np.random.default_rng(0).integers(0, 30, 500).astype(np.float64)
    assert np.array_equal(midranks(many), stats.rankdata(many))
