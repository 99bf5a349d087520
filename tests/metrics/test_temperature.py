"""Temperature scaling finds the temperature that made the scores, and is judged on patients that had no say in it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from radcnn.core.chance import generator
from radcnn.metrics.calibration import expected_calibration_error
from radcnn.metrics.clustered import patient_codes
from radcnn.metrics.temperature import calibration_error, cross_fitted, fit_temperature, halves, losses, tempered


def yes_or_no(n: int, hot: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose logits are `hot` times too large, and truths."""
    chance = generator(seed, "yes or no")
    logits = chance.normal(0, 1.5, n)
    truth = chance.random(n) < special.expit(logits)
    return special.expit(hot * logits)[:, None], truth[:, None].astype(float)


def one_class(n: int, hot: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    chance = generator(seed, "one class")
    logits = chance.normal(0, 1.2, (n, 4))
    shares = special.softmax(logits, axis=1).cumsum(axis=1)
    truth = (chance.random((n, 1)) > shares).sum(axis=1)
    return special.softmax(hot * logits, axis=1), truth[:, None].astype(float)


@pytest.mark.parametrize("hot", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("made", "form"), [(yes_or_no, "yes or no"), (one_class, "one class")])
def test_the_temperature_that_made_the_scores_is_found(made, form, hot):
    scores, truth = made(6000, hot)
    assert fit_temperature(scores, truth, form) == pytest.approx(hot, rel=0.1)


def test_it_is_the_minimum_of_the_log_loss():
    scores, truth = one_class(300, 2.0)
    best = fit_temperature(scores, truth, "one class")
    at = [float(losses(tempered(scores, best * k, "one class"), truth, "one class").mean()) for k in (0.98, 1, 1.02)]
    assert at[1] == min(at)


def test_ranks_and_the_most_probable_class_stay():
    scores, _ = one_class(50, 2.0)
    made = tempered(scores, 3.0, "one class")
    assert np.array_equal(made.argmax(axis=1), scores.argmax(axis=1))
    assert np.allclose(made.sum(axis=1), 1)
    assert np.allclose(tempered(scores, 1.0, "one class"), scores)


def test_unknown_labels_say_nothing_and_no_label_gives_no_temperature():
    scores, truth = yes_or_no(400, 2.0)
    both = np.concatenate([scores, scores], axis=1)
    half = np.concatenate([truth, np.full_like(truth, np.nan)], axis=1)
    assert fit_temperature(both, half, "yes or no") == pytest.approx(fit_temperature(scores, truth, "yes or no"))
    assert math.isnan(fit_temperature(scores, np.full_like(truth, np.nan), "yes or no"))


def test_patients_are_halved_whole():
    patients = np.repeat([f"p{k}" for k in range(9)], 3)
    one = halves(patients, seed=3)
    for patient in set(patients):
        assert len(set(one[patients == patient])) == 1
    assert one.sum() in (12, 15)
    strata = np.repeat([0, 1, 0, 1, 0, 1, 0, 1, 1], 3)
    both = halves(patients, strata=strata)
    assert {int(strata[both].sum()), int(strata[~both].sum())} == {6, 9}


def test_cross_fitting_is_honest_and_helps_scores_that_are_too_extreme():
    scores, truth = yes_or_no(800, 3.0)
    patients = np.arange(800) // 2
    made = cross_fitted(scores, truth, patients, "yes or no")
    assert all(2.3 < one < 3.9 for one in made.temperatures)
    before = expected_calibration_error(scores[:, 0], truth[:, 0])
    assert expected_calibration_error(made.scores[:, 0], truth[:, 0]) < before / 2
    one = halves(patients, strata=truth[:, 0])
    assert np.allclose(made.scores[one], tempered(scores[one], made.temperatures[0], "yes or no"))


def test_the_calibration_error_has_an_interval_by_patient():
    scores, truth = yes_or_no(300, 3.0)
    codes = patient_codes(np.arange(300) // 2)
    found = calibration_error(scores[:, 0], truth[:, 0], codes, resamples=200)
    assert found.value == pytest.approx(expected_calibration_error(scores[:, 0], truth[:, 0]))
    assert 0 < found.low < found.value < found.high
    assert found.patients == 150
