"""Figures of attacks on images: where a curve crosses, what is lost, and cases that had failed told apart."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from radcnn.robustness.dense import DenseAttacked, crossing_budget, dense_curve

MAIN = "Dice, organ"
PATIENTS = ("a", "a", "b", "c")
BUDGETS = (0.0, 2.0, 4.0)


def case(*values: float) -> list[dict[str, float]]:
    return [{MAIN: value, "SSIM of the image": math.nan if k == 0 else 0.9} for k, value in enumerate(values)]


FOUND = [case(0.9, 0.7, 0.1), case(0.8, 0.6, 0.2), case(0.3, 0.2, 0.1), case(1.0, 0.9, 0.2)]


def test_figures_are_of_all_cases_and_of_those_that_had_not_failed() -> None:
    curve = dense_curve(
        "pgd", BUDGETS, FOUND, PATIENTS, main=MAIN, share=0.5, failed=[False, False, True, False], resamples=200
    )
    last = curve.points[2].figures
    assert last[MAIN].value == pytest.approx(0.15)
    assert (last[MAIN].n, last[MAIN].patients) == (4, 3)
    assert last[f"{MAIN}, of cases that had not failed"].value == pytest.approx(0.5 / 3)
    assert last[f"{MAIN} lost"].value == pytest.approx(0.6)
    assert curve.points[0].figures["SSIM of the image"].undefined.startswith("no image was changed")
    assert curve.crossing.value == pytest.approx(2 + 2 * (0.6 - 0.375) / 0.45)
    result = DenseAttacked(
        kind="outlines", side="tuning", n=4, patients=3, unit="patient", failed=1, budgets=BUDGETS, budget_unit="HU",
        intensity_unit="HU", per_noise=None, main=MAIN, axis=MAIN, curves=(curve,),
    )  # fmt: skip
    again = DenseAttacked.from_json(json.loads(json.dumps(result.as_json())))
    assert again.as_json() == result.as_json()
    assert f"pgd,4,HU,{MAIN}" in result.tables()["curves"].replace('"', "")


def test_a_curve_that_stays_has_no_crossing_and_says_why() -> None:
    values = np.array([[0.9, 0.8, 0.7], [0.8, 0.8, 0.7]])
    found = crossing_budget(np.array([0.0, 4.0]), values, ("a", "b", "c"), share=0.5, what=MAIN, resamples=50)
    assert found.undefined == "Dice, organ stays above half of its value up to a budget of 4"
    rising = crossing_budget(np.array([0.0, 4.0]), 10 - values, ("a", "b", "c"), share=2, what="RMSE", resamples=50)
    assert rising.undefined == "RMSE stays below 2 times its value up to a budget of 4"
