"""Intervals for the size of one new patient's structure: how often they hold it, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.metrics.conformal import size_errors


@pytest.mark.parametrize(("patients", "level", "more"), [(6, 1 - 2 / 7, 0.12), (19, 0.9, 0.06), (60, 0.95, 0.03)])
def test_a_new_patients_size_lies_within_at_least_as_often_as_it_says(patients: int, level: float, more: float) -> None:
    """Patients differ more than their cases do, and have one to four of them: what reaches further counts for more."""
    chance = np.random.default_rng(0)
    held, trials = 0, 3000
    for _ in range(trials):
        many = chance.integers(1, 5, patients + 1)
        whose = np.repeat(np.arange(patients + 1), many)
        bias = chance.gamma(4.0, 0.05, patients + 1)[whose] - 0.2
        true = chance.gamma(9.0, 10.0, len(whose))
        made = true * np.exp(bias + 0.05 * chance.standard_normal(len(whose)))
        known = whose < patients
        errors = size_errors(true[known], made[known], [str(k) for k in whose[known]])
        assert errors is not None
        assert errors.level == pytest.approx(level)
        low, high = errors.about(made[~known][0])
        held += low <= true[~known][0] <= high
    assert level - 0.015 < held / trials < level + more


def test_what_was_missed_and_what_was_made_up_widen_the_interval() -> None:
    whose = [str(k) for k in range(10)]
    true, made = np.full(10, 20.0), np.full(10, 20.0)
    same = size_errors(true, made, whose)
    assert same is not None
    assert same.about(20.0) == pytest.approx((20.0, 20.0))
    made[0], true[1] = 0.0, 0.0
    errors = size_errors(true, made, whose)
    assert errors is not None
    low, high = errors.about(20.0)
    assert low == 0.0
    assert high > 100.0
    assert errors.about(0.0)[1] == pytest.approx(20.0)


def test_few_patients_and_unknown_sizes_give_no_interval() -> None:
    assert size_errors([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], ["a", "b", "c"]) is None
    assert size_errors([1.0, 2.0, 3.0, np.nan], [1.0, 2.0, 3.0, 4.0], list("abcd")) is None
    assert size_errors([0.0] * 5, [1.0] * 5, list("abcde")) is None


def test_cases_of_one_patient_count_as_one() -> None:
    alone = size_errors([10, 11, 12, 13, 9], [10] * 5, list("abcde"))
    often = size_errors([10, 11, 12, 13] + [9] * 50, [10] * 54, list("abcd") + ["e"] * 50)
    assert alone is not None
    assert often is not None
    assert (often.low, often.high, often.level, often.patients) == (alone.low, alone.high, alone.level, 5)
