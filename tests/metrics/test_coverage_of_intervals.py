"""Intervals hold what they promise: 95 % of them contain the truth, with 1, 4 and 10 images per patient.

Scores are simulated with a patient effect, half of their variance within a class; truth is drawn per image, or
once per patient. The truth of a figure is its value among 400,000 independent cases. With one case per patient the
coverage of a figure of counts is added up over all counts that can come: no chance is left in it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import special, stats

from radcnn.metrics.bootstrap import bootstrap_auc
from radcnn.metrics.calibration import brier, calibration_slope
from radcnn.metrics.decided import balanced_accuracy, decision_figures
from radcnn.metrics.delong import delong_interval

PREVALENCE, SHIFT, THRESHOLD = 0.4, 1.7, 0.5
WANTED = (0.93, 0.97)
DECIDED = ("sensitivity", "specificity", "ppv", "accuracy", "balanced_accuracy", "f1")
DESIGNS = [(60, 1, False), (60, 4, False), (60, 10, False), (200, 1, False), (200, 4, False), (200, 10, False)]
DESIGNS += [(60, 4, True), (60, 10, True), (200, 4, True), (200, 10, True)]


def simulated(chance, patients, images, same_truth=False):
    """Scores (n,), truth (n,) and patient numbers (n,)."""
    truth = chance.random((patients, 1 if same_truth else images)) < PREVALENCE
    truth = np.broadcast_to(truth, (patients, images))
    noise = np.sqrt(0.5) * (chance.normal(size=(patients, 1)) + chance.normal(size=(patients, images)))
    scores = special.expit(SHIFT * (truth - 0.5) - 0.2 + noise)
    return scores.reshape(-1), truth.reshape(-1), np.repeat(np.arange(patients), images)


@cache
def population():
    """The true values."""
    scores, truth, names = simulated(np.random.default_rng(12345), 400_000, 1)
    called = scores >= THRESHOLD
    both = (called & truth).sum()
    recalls = called[truth].mean(), (~called)[~truth].mean()
    return {
        "auc": special.ndtr(SHIFT / np.sqrt(2)),
        "sensitivity": recalls[0],
        "specificity": recalls[1],
        "ppv": both / called.sum(),
        "accuracy": (called == truth).mean(),
        "balanced_accuracy": np.mean(recalls),
        "f1": 2 * both / (called.sum() + truth.sum()),
        "brier": np.mean((scores - truth) ** 2),
        "slope": calibration_slope(scores, truth, names).value,
    }


# patients of either class, images of each, distance of the classes' scores in standard deviations
RARE = [(5, 200, 1, 1.5), (10, 200, 1, 2.5), (200, 10, 1, 2.5), (10, 200, 4, 2.5)]
RARER = [(3, 100, 1, 1.5), (10, 10, 1, 1.5), (10, 200, 1, 1.5), (5, 200, 4, 1.5), (10, 200, 10, 2.5)]
RARER += [(24, 200, 1, 2.5), (25, 200, 1, 2.5), (60, 60, 1, 2.5)]


def coverage(figures, design, replicates):
    """The share of replicates whose interval contains the truth, per figure; an undefined interval is a miss."""
    patients, images, same_truth = design
    true, held = population(), {}
    for replicate in range(replicates):
        chance = np.random.default_rng([1, patients, images, replicate])
        for name, made in figures(*simulated(chance, patients, images, same_truth), replicate).items():
            held.setdefault(name, []).append(made.low <= true[name] <= made.high)
    return {name: float(np.mean(hits)) for name, hits in held.items()}


def rare(chance, ill, well, images, apart):
    """Binormal scores (n,), their means `apart` standard deviations, with given numbers of patients per class."""
    truth = np.repeat([1, 0], [ill, well])
    shared = np.sqrt(0.5) * chance.normal(size=truth.size) if images > 1 else np.zeros(truth.size)
    alone = np.sqrt(0.5 if images > 1 else 1.0) * chance.normal(size=(truth.size, images))
    scores = (apart * truth + shared)[:, None] + alone
    return scores.reshape(-1), truth.repeat(images), np.repeat(np.arange(truth.size), images)


def coverage_of_rare(design, replicates):
    """The share of DeLong's intervals of such scores that contain the AUC."""
    true, held = special.ndtr(design[-1] / np.sqrt(2)), 0
    for replicate in range(replicates):
        made = delong_interval(*rare(np.random.default_rng([2, replicate]), *design))
        held += made.low <= true <= made.high
    return held / replicates


def closed_forms(scores, truth, names, replicate):
    decided = decision_figures(scores >= THRESHOLD, truth, names)
    return {
        "auc": delong_interval(scores, truth, names),
        "brier": brier(scores, truth, names),
        "slope": calibration_slope(scores, truth, names),
        **{name: decided[name] for name in DECIDED},
    }


def by_bootstrap(scores, truth, names, replicate):
    return {"auc": bootstrap_auc(scores, truth, names, seed=replicate)}


def by_short_bootstrap(scores, truth, names, replicate):
    return {"auc": bootstrap_auc(scores, truth, names, seed=replicate, resamples=500)}


def within(found, replicates):
    """Whether coverages lie in the wanted band, widened by chance beyond that of 2,000 replicates."""
    slack = 4 * (np.sqrt(0.95 * 0.05 / replicates) - np.sqrt(0.95 * 0.05 / 2000))
    return all(WANTED[0] - slack <= share <= WANTED[1] + slack for share in found.values())


@pytest.mark.parametrize("design", [(60, 1, False), (60, 4, False), (60, 10, True)])
def test_intervals_cover_by_patient(design):
    found = coverage(closed_forms, design, 200)
    assert within(found, 200), found


@pytest.mark.parametrize("design", [(60, 1, False), (60, 4, False)])
def test_bootstrap_intervals_cover_by_patient(design):
    found = coverage(by_short_bootstrap, design, 100)
    assert within(found, 100), found


def test_ignoring_the_patient_would_not_cover():
    def independent(scores, truth, names, replicate):
        return closed_forms(scores, truth, np.arange(names.size), replicate)

    found = coverage(independent, (60, 10, True), 200)
    assert found["auc"] < 0.85
    assert found["sensitivity"] < 0.85


@pytest.mark.parametrize(
    ("few", "many", "sensitivity", "specificity"),
    [(10, 100, 0.9, 0.9), (20, 200, 0.95, 0.9), (5, 50, 0.9, 0.8), (8, 80, 0.97, 0.97), (30, 30, 0.8, 0.8)],
)
def test_balanced_accuracy_covers_with_few_positives_and_high_recalls(few, many, sensitivity, specificity):
    truth, covered = np.repeat([1, 0], [few, many]), 0.0
    for hits in range(few + 1):
        for rejected in range(many + 1):
            chance = stats.binom.pmf(hits, few, sensitivity) * stats.binom.pmf(rejected, many, specificity)
            if chance > 1e-7:
                called = np.repeat([1, 0, 1, 0], [hits, few - hits, many - rejected, rejected])
                made = balanced_accuracy(called, truth, np.arange(truth.size))
                covered += chance * (made.low <= (sensitivity + specificity) / 2 <= made.high)
    assert 0.925 < covered < 0.97


@pytest.mark.parametrize("design", RARE)
def test_the_interval_of_the_auc_covers_with_few_patients_of_a_class(design):
    assert 0.91 < coverage_of_rare(design, 300) < 0.995


@pytest.mark.slow
@pytest.mark.parametrize("design", RARE + RARER)
def test_the_interval_of_the_auc_covers_with_few_patients_of_a_class_in_2000_replicates(design):
    # beside wide misses this finds intervals that are too wide: patients in place of effective counts would cover 99 %
    assert 0.92 < coverage_of_rare(design, 2000) < 0.985


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_intervals_cover_by_patient_in_2000_replicates(design):
    found = coverage(closed_forms, design, 2000)
    assert within(found, 2000), found


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_bootstrap_intervals_cover_by_patient_in_2000_replicates(design):
    found = coverage(by_bootstrap, design, 2000)
    assert within(found, 2000), found
