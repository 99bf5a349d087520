"""Risk against coverage: by hand, against a plain loop, with its ends and its interval."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.core.chance import generator
from radcnn.metrics.selective import risk_coverage


def plainly(sure: np.ndarray, wrong: np.ndarray) -> float:
    order = np.argsort(-sure)
    return float(np.mean([wrong[order[:k]].mean() for k in range(1, len(order) + 1)]))


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    chance = generator(seed, "selective")
    sure = chance.random(n)
    return sure, (chance.random(n) > 0.5 + sure / 2).astype(float)


def test_it_is_the_mean_risk_over_coverages():
    sure, wrong = drawn(200)
    found = risk_coverage(sure, wrong, np.arange(200), resamples=50)
    assert found.aurc.value == pytest.approx(plainly(sure, wrong))
    assert found.risk_at["1"].value == pytest.approx(wrong.mean())
    half = wrong[np.argsort(-sure)[:100]].mean()
    assert found.risk_at["0.5"].value == pytest.approx(half)
    assert found.risk[-1] == pytest.approx(wrong.mean())
    assert found.best <= found.aurc.value


def test_the_best_doubt_puts_wrong_answers_last_and_one_that_says_nothing_has_the_whole_risk():
    wrong = np.array([0, 0, 0, 1, 1.0])
    best = risk_coverage([5, 4, 3, 2, 1], wrong, range(5), resamples=20)
    assert best.aurc.value == pytest.approx(best.best)
    nothing = risk_coverage(np.ones(5), wrong, range(5), resamples=20)
    assert nothing.aurc.value == pytest.approx(0.4)


def test_answers_that_are_all_right_have_no_risk_and_no_interval():
    found = risk_coverage([1, 2, 3], [0, 0, 0], range(3), resamples=20)
    assert found.aurc.value == 0
    assert "no variance" in found.aurc.method
    assert risk_coverage([], [], []).aurc.undefined == "no cases"


def test_the_interval_covers_by_patient():
    large = plainly(*drawn(200_00))

    def covered(k: int) -> bool:
        sure, wrong = drawn(120, seed=k + 1)
        # two copies of each case: only an interval by patient knows that they say nothing new
        found = risk_coverage(np.repeat(sure, 2), np.repeat(wrong, 2), np.repeat(np.arange(120), 2), resamples=200)
        return found.aurc.low <= large <= found.aurc.high

    assert np.mean([covered(k) for k in range(100)]) >= 0.88
