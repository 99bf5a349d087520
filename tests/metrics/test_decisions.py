"""Proportions, operating points and what decisions reach."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radcnn.core.errors import SettingsError
from radcnn.core.estimate import Estimate
from radcnn.metrics.decided import balanced_accuracy, decision_figures, f1, predictive_values_at
from radcnn.metrics.operating import Counts, OperatingPoint, choose_threshold, counts_at
from radcnn.metrics.proportions import clopper_pearson, design_effect, proportion, wilson, wilson_limits


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.data())
def test_wilson_lies_inside_0_and_1_holds_the_share_and_mirrors(n, data):
    hits = data.draw(st.integers(0, n))
    made, mirrored = wilson(hits, n), wilson(n - hits, n)
    assert 0 <= made.low <= made.value <= made.high <= 1
    assert made.low == pytest.approx(1 - mirrored.high, abs=1e-12)
    assert clopper_pearson(hits, n).high >= made.value


def test_wilson_covers_a_share_of_independent_cases():
    chance = np.random.default_rng(1)
    hits = chance.binomial(60, 0.85, 4000)
    held = [low <= 0.85 <= high for low, high in (wilson_limits(h / 60, 60, 1.959964) for h in hits)]
    assert 0.93 < np.mean(held) < 0.97


def test_one_case_per_patient_is_plain_wilson():
    hits = np.array([1, 1, 0, 1, 0, 1, 1])
    assert proportion(hits, np.arange(7)) == wilson(5, 7)


def test_copies_of_a_patients_case_add_nothing():
    hits, names = np.array([1, 1, 0, 1, 0, 1, 1, 0] * 5), np.arange(40)
    copied = proportion(np.repeat(hits, 10), np.repeat(names, 10))
    plain = proportion(hits, names)
    assert copied.n == 400
    assert copied.patients == 40
    assert copied.high - copied.low == pytest.approx(plain.high - plain.low, rel=0.06)


def test_all_right_counts_patients_and_not_images():
    made = proportion(np.ones(100), np.repeat(np.arange(10), 10))
    assert made.high == 1.0
    assert made.low == pytest.approx(wilson_limits(1.0, 10, 2.262157)[0], abs=1e-5)


def test_images_that_know_nothing_of_their_patient_have_a_design_effect_near_1():
    chance = np.random.default_rng(0)
    effect = design_effect((chance.random(4000) < 0.3).astype(float), np.repeat(np.arange(1000), 4))
    assert effect == pytest.approx(1, abs=0.15)


def test_a_proportion_without_cases_is_missing_and_one_of_one_patient_has_no_interval():
    assert proportion([], []).undefined == "no cases"
    assert math.isnan(proportion([1, 0], ["a", "a"]).low)


def test_counts_and_figures_of_a_known_table():
    called = np.repeat([1, 1, 0, 0], [20, 180, 10, 1820])
    truth = np.repeat([1, 0, 1, 0], [20, 180, 10, 1820])
    assert counts_at(called, truth, 0.5) == Counts(20, 180, 10, 1820)
    found = decision_figures(called, truth, np.arange(2030))
    expected = {"sensitivity": 20 / 30, "specificity": 0.91, "ppv": 0.10, "npv": 1820 / 1830}
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value)
    assert found["majority_accuracy"].value == pytest.approx(2000 / 2030)
    assert found["sensitivity"].n == 30


def test_figures_with_a_zero_denominator_are_missing_with_their_reason():
    found = decision_figures([0, 0, 0], [1, 0, 0], ["a", "b", "c"])
    assert found["ppv"].undefined == "no case was called positive"
    assert decision_figures([0, 1], [0, 0], ["a", "b"])["sensitivity"].undefined == "no positive cases"
    assert decision_figures([0, 0], [0, 0], ["a", "b"])["f1"].undefined == "no case is positive or was called positive"
    assert decision_figures([0, 0], [0, 0], ["a", "b"])["balanced_accuracy"].undefined
    assert decision_figures([], [], [])["accuracy"].undefined == "no cases"


def test_a_class_that_is_all_right_adds_what_is_not_known_of_it():
    truth = np.repeat([1, 0], [10, 100])
    made = balanced_accuracy(np.repeat([1, 1, 0], [10, 10, 90]), truth, np.arange(110))
    ill, well = wilson(10, 10), wilson(90, 100)
    assert made.low == pytest.approx(made.value - math.hypot(ill.value - ill.low, well.value - well.low) / 2)
    assert made.high == pytest.approx(made.value + (well.high - well.value) / 2)
    perfect = balanced_accuracy(truth, truth, np.arange(110))
    assert perfect.high == 1
    assert perfect.low < wilson_limits(1.0, 110, 1.96)[0]


def test_f1_is_brought_from_the_share_of_right_ones_among_all_that_are_or_were_called_positive():
    called, truth = np.repeat([1, 1, 0, 0], [12, 3, 5, 80]), np.repeat([1, 0, 1, 0], [12, 3, 5, 80])
    made, share = f1(called, truth, np.arange(100)), wilson(12, 20)
    assert made.value == pytest.approx(24 / (24 + 3 + 5))
    assert (made.low, made.high) == pytest.approx((2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high)))
    assert made.n == 100
    perfect = f1(truth, truth, np.arange(100))
    assert (perfect.value, perfect.high) == (1, 1)
    assert 0.85 < perfect.low < 0.95


def test_recalls_of_the_same_patients_count_together():
    chance = np.random.default_rng(0)
    names, truth = np.repeat(np.arange(40), 10), np.tile([0, 1], 200)
    leaning = np.repeat(chance.normal(size=40), 10)
    called = chance.normal(size=400) + 2 * leaning + 2 * truth > 1
    together = balanced_accuracy(called, truth, names)
    apart = balanced_accuracy(called, truth, names + 40 * truth)
    assert together.high - together.low < 0.7 * (apart.high - apart.low)


def test_balanced_accuracy_has_no_interval_when_a_class_is_several_cases_of_one_patient():
    made = balanced_accuracy([1, 1, 0, 0, 0], [1, 1, 0, 0, 0], ["a", "a", "b", "c", "d"])
    assert made.value == 1
    assert made.method == "no interval: one patient of a class"


def test_predictive_values_follow_bayes():
    sensitivity, specificity = wilson(90, 100), wilson(95, 100)
    ppv, npv = predictive_values_at(sensitivity, specificity, 0.01)
    assert ppv.value == pytest.approx(0.9 * 0.01 / (0.9 * 0.01 + 0.05 * 0.99))
    assert npv.value == pytest.approx(0.95 * 0.99 / (0.95 * 0.99 + 0.1 * 0.01))
    for made in (ppv, npv):
        assert made.low < made.value < made.high


@pytest.mark.parametrize("hits", [(100, 100), (100, 60), (60, 100), (0, 100), (0, 50)])
def test_predictive_values_at_the_ends_are_said_or_have_limits(hits):
    for made in predictive_values_at(wilson(hits[0], 100), wilson(hits[1], 100), 0.1):
        if made.undefined:
            assert made.undefined == "no case would be called so"
        else:
            assert 0 <= made.low <= made.value <= made.high <= 1
    gone = Estimate.missing("no positive cases")
    assert predictive_values_at(gone, wilson(5, 10), 0.1)[0].undefined == "no positive cases"


def test_predictive_values_cover():
    chance = np.random.default_rng(4)
    true = 0.85 * 0.1 / (0.85 * 0.1 + 0.2 * 0.9)
    held = []
    for hits, alarms in zip(chance.binomial(60, 0.85, 1000), chance.binomial(80, 0.8, 1000), strict=True):
        made, _ = predictive_values_at(wilson(int(hits), 60), wilson(int(alarms), 80), 0.1)
        held.append(made.low <= true <= made.high)
    assert 0.925 < np.mean(held) < 0.975


SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
TRUTH = np.array([0, 0, 1, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [
        ("youden", 0.55),
        ("sensitivity>=0.95", 0.25),
        ("sensitivity>=0.75", 0.55),
        ("specificity>=0.95", 0.55),
        ("specificity>=0.5", 0.25),
        ("threshold=0.5", 0.5),
    ],
)
def test_rules_choose_the_threshold_a_person_would(rule, threshold):
    point = choose_threshold(SCORES, TRUTH, rule=rule, chosen_on="tuning", question="nodule")
    assert point.threshold == pytest.approx(threshold)
    assert point.chosen_on == ("nothing" if rule.startswith("threshold") else "tuning")
    assert OperatingPoint.from_json(point.as_json()) == point


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=40), st.floats(0.05, 1.0))
def test_a_chosen_point_keeps_its_promise_on_the_scores_it_saw(rows, rate):
    scores, truth = np.array([row[0] for row in rows]) / 9, np.array([row[1] for row in rows])
    for kind, side in (("sensitivity", truth), ("specificity", ~truth)):
        rule = f"{kind}>={rate:.4f}"
        point = choose_threshold(scores, truth, rule=rule, chosen_on="tuning")
        if point.undefined:
            assert truth.all() or not truth.any()
            continue
        right = (scores >= point.threshold) == truth
        assert right[side].mean() >= float(rule.split("=")[1]) - 1e-9


def test_a_set_with_one_class_has_no_operating_point():
    point = choose_threshold([0.1, 0.9], [0, 0], rule="youden", chosen_on="tuning")
    assert math.isnan(point.threshold)
    assert point.undefined == "no positive cases"
    assert math.isnan(OperatingPoint.from_json(point.as_json()).threshold)


def test_a_threshold_parts_neighbouring_floats():
    scores = np.array([0.5, np.nextafter(0.5, 1)])
    point = choose_threshold(scores, [0, 1], rule="youden", chosen_on="tuning")
    assert (scores >= point.threshold).tolist() == [False, True]


@pytest.mark.parametrize(
    "rule", ["sensitivty>=0.9", "sensitivity", "sensitivity>=1.5", "youden>=0.3", "threshold>=0.5", ""]
)
def test_a_wrong_rule_is_answered_with_what_is_allowed(rule):
    with pytest.raises(SettingsError, match="operating point"):
        choose_threshold(SCORES, TRUTH, rule=rule, chosen_on="tuning")
