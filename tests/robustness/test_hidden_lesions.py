"""Whether an observer still finds lesions: all where nothing is hidden, guessing where they are taken away."""

from __future__ import annotations

import numpy as np
import pytest

from radcnn.robustness.hidden import hidden_auc

CHANCE = np.random.default_rng(0)
ABSENT = CHANCE.normal(size=(80, 15, 15))
OTHER = CHANCE.normal(size=(80, 15, 15))
PATIENTS = [f"p{k // 10}" for k in range(80)]
LESION = 1.5 * (np.hypot(*np.meshgrid(np.arange(-7, 8), np.arange(-7, 8))) <= 3)


def test_the_observer_finds_lesions_and_not_what_was_taken_away() -> None:
    present = OTHER + LESION
    there = hidden_auc(present, ABSENT, present, PATIENTS, resamples=200)
    gone = hidden_auc(present, ABSENT, OTHER, PATIENTS, resamples=200)
    turned = hidden_auc(present, ABSENT, OTHER - LESION, PATIENTS, resamples=200)
    assert there.value > 0.95
    assert 0.3 < gone.value < 0.7
    assert turned.value < 0.05
    assert (there.n, there.patients) == (160, 8)


def test_few_patients_have_no_interval() -> None:
    few = hidden_auc(ABSENT + LESION, ABSENT, ABSENT + LESION, [f"p{k // 20}" for k in range(80)], resamples=50)
    assert few.value > 0.9
    assert np.isnan(few.low)
    assert few.method == "no interval: fewer than 6 patients"


@pytest.mark.parametrize("count", [0, 1, 15])
def test_too_few_places_are_said(count: int) -> None:
    some = ABSENT[:count]
    assert "more than 10 places" in hidden_auc(some, some, some, PATIENTS[:count]).undefined
