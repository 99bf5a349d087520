"""Curves of robust accuracy: who is counted, and when half is reached."""

from __future__ import annotations

import json

import numpy as np
import pytest

from radcnn.robustness.curves import Curve, Outcomes, curve, halving_budget

N = 40
PATIENTS = tuple(f"p{k // 2}" for k in range(N))
TRUTH = np.tile([0.0, 1.0], N // 2)


def outcomes(budget: float, right: np.ndarray) -> Outcomes:
    none = np.full(N, np.nan)
    return Outcomes(budget, right, np.where(right, TRUTH, 1 - TRUTH), ~right, none, none)


def falling() -> list[Outcomes]:
    """32 of 40 right without attack, 24 at 1, 8 at 2."""
    order = np.random.default_rng(0).permutation(N)
    return [outcomes(b, np.isin(np.arange(N), order[:k])) for b, k in ((0.0, 32), (1.0, 24), (2.0, 8))]


def test_accuracy_counts_all_cases_and_success_those_that_were_right_before() -> None:
    made = falling()
    found = curve("pgd", made, TRUTH, PATIENTS, aimed=made[0].right, resamples=100)
    assert [p.accuracy.value for p in found.points] == [0.8, 0.6, 0.2]
    assert [p.success.value for p in found.points] == [0.0, 0.25, 0.75]
    assert {p.success.n for p in found.points} == {32}
    assert found.points[0].accuracy.patients == 20


def test_half_is_reached_on_the_line_between_two_budgets() -> None:
    made = np.stack([one.right for one in falling()])
    found = halving_budget(np.array([0.0, 1.0, 2.0]), made, PATIENTS, resamples=200)
    assert found.value == pytest.approx(1.5)
    assert found.low < 1.5 < found.high


def test_a_network_that_holds_has_no_halving_budget_and_says_why() -> None:
    right = np.ones((3, N), bool)
    found = halving_budget(np.array([0.0, 1.0, 2.0]), right, PATIENTS, resamples=100)
    assert found.undefined == "accuracy stays above half up to a budget of 2"
    none = halving_budget(np.array([0.0, 1.0]), ~right[:2], PATIENTS, resamples=100)
    assert none.undefined == "no case is right without attack"


def test_a_curve_comes_back_from_json() -> None:
    made = falling()
    found = curve("pgd", made, TRUTH, PATIENTS, aimed=made[0].right, towards="sick", resamples=100)
    again = Curve.from_json(json.loads(json.dumps(found.as_json(), allow_nan=False)))
    assert again.as_json() == found.as_json()
