"""Figures against scikit-learn, and against worked examples that were published."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer
from sklearn.linear_model import LogisticRegression

from radcnn.metrics.agreement import confusion_matrix, kappa, kappa_and_influence
from radcnn.metrics.bootstrap import Resampling
from radcnn.metrics.calibration import brier, calibration_intercept, calibration_slope, log_loss
from radcnn.metrics.clustered import clustered_variance
from radcnn.metrics.decided import decision_figures
from radcnn.metrics.delong import components, covariance, paired_delong
from radcnn.metrics.multiclass import class_log_loss, macro_auc, one_hot
from radcnn.metrics.proportions import clopper_pearson, wilson
from radcnn.metrics.ranking import Ladder, auc, average_precision, roc_curve, weighted_auc, weighted_average_precision
from radcnn.metrics.regression import mae, r2, rmse

EXACT = 1e-12

# DeLong, DeLong and Clarke-Pearson 1988: ovarian cancer patients; albumin, total protein, Krebs-Goplerud score, and
# whether the operation helped. The 43 complete records, as printed in SAS/STAT's guide to PROC LOGISTIC ("Comparing
# Receiver Operating Characteristic Curves"), whose output the expected values are.
OVARIAN = """
3.0 5.8 10 0   3.2 6.3 5 1   3.9 6.8 3 1   2.8 4.8 6 0   3.2 5.8 3 1   0.9 4.0 5 0   2.5 5.7 8 0   1.6 5.6 5 1
3.8 5.7 5 1   3.7 6.7 6 1   3.2 5.4 4 1   3.8 6.6 6 1   4.1 6.6 5 1   3.6 5.7 5 1   4.3 7.0 4 1   3.6 6.7 4 0
2.3 4.4 6 1   4.2 7.6 4 0   4.0 6.6 6 0   3.5 5.8 6 1   3.8 6.8 7 1   3.0 4.7 8 0   4.5 7.4 5 1   3.7 7.4 5 1
3.1 6.6 6 1   4.1 8.2 6 1   4.3 7.0 5 1   4.3 6.5 4 1   3.2 5.1 5 1   2.6 4.7 6 1   3.3 6.8 6 0   1.7 4.0 7 0
3.7 6.1 5 1   3.3 6.3 7 1   4.2 7.7 6 1   3.5 6.2 5 1   2.9 5.7 9 0   2.1 4.8 7 1   2.8 6.2 8 0   4.0 7.0 7 1
3.3 5.7 6 1   3.7 6.9 5 1   3.6 6.6 5 1
"""


@pytest.fixture
def ovarian():
    table = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4)
    scores = {"albumin": table[:, 0], "protein": table[:, 1], "score": 10 - table[:, 2]}
    return scores, table[:, 3], np.arange(len(table))


def cases(seed, n=300, tied=False):
    chance = np.random.default_rng(seed)
    scores = chance.random(n)
    truth = chance.random(n) < scores
    return (scores.round(1) if tied else scores), truth, np.arange(n)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_auc_and_average_precision_equal_scikit_learn(seed, tied):
    scores, truth, _ = cases(seed, tied=tied)
    assert auc(scores, truth) == pytest.approx(peer.roc_auc_score(truth, scores), abs=EXACT)
    assert average_precision(scores, truth) == pytest.approx(peer.average_precision_score(truth, scores), abs=EXACT)


@pytest.mark.parametrize("tied", [False, True])
def test_the_roc_curve_equals_scikit_learn(tied):
    scores, truth, _ = cases(3, tied=tied)
    for mine, theirs in zip(
        roc_curve(scores, truth), peer.roc_curve(truth, scores, drop_intermediate=False), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=EXACT)


@pytest.mark.parametrize("tied", [False, True])
def test_weighted_ranking_equals_scikit_learn_with_sample_weights(tied):
    scores, truth, patients = cases(5, tied=tied)
    for ladder in (Ladder.of(scores, truth), Ladder.of(scores, truth).coarse([0.3])):
        plan = Resampling.by_patient(patients[ladder.order], resamples=20, seed=1)
        weights = np.concatenate(list(plan.blocks()))
        below = ladder.below(weights)
        areas, precisions = weighted_auc(*below), weighted_average_precision(*below)
        s, t = scores[ladder.order], truth[ladder.order]
        for row, area, precision in zip(weights, areas, precisions, strict=True):
            assert area == pytest.approx(peer.roc_auc_score(t, s, sample_weight=row), abs=EXACT)
            assert precision == pytest.approx(peer.average_precision_score(t, s, sample_weight=row), abs=EXACT)


def test_delong_reproduces_the_ovarian_cancer_example(ovarian):
    scores, truth, patients = ovarian
    expected = {"albumin": (0.7366, 0.0927), "score": (0.7258, 0.1028), "protein": (0.6478, 0.1000)}
    for name, (area, error) in expected.items():
        parts = components(scores[name], truth, patients)
        assert (round(parts.auc, 4), round(covariance(parts, parts) ** 0.5, 4)) == (area, error)


def test_paired_delong_reproduces_the_ovarian_cancer_example(ovarian):
    scores, truth, patients = ovarian
    albumin = paired_delong(scores["albumin"], scores["score"], truth, patients)
    assert (round(albumin.difference.value, 4), round(albumin.z**2, 4), round(albumin.p, 4)) == (0.0108, 0.0127, 0.9102)
    protein = paired_delong(scores["protein"], scores["score"], truth, patients)
    assert (round(protein.difference.value, 4), round(protein.z**2, 4), round(protein.p, 4)) == (
        -0.0780,
        0.5554,
        0.4561,
    )
    assert (round(protein.difference.low, 4), round(protein.difference.high, 4)) == (-0.2830, 0.1271)


def test_the_joint_contrast_reproduces_the_ovarian_cancer_example(ovarian):
    scores, truth, patients = ovarian
    parts = [components(scores[name], truth, patients) for name in ("albumin", "score", "protein")]
    sigma = np.array([[covariance(a, b) for b in parts] for a in parts])
    contrast = np.array([[1, -1, 0], [0, -1, 1.0]])
    apart = contrast @ [part.auc for part in parts]
    statistic = apart @ np.linalg.solve(contrast @ sigma @ contrast.T, apart)
    assert round(float(statistic), 4) == 2.5340


def test_delong_reproduces_the_ct_rating_example():
    """Hanley and McNeil 1982, table 1: 58 normal and 51 abnormal CTs rated 1 to 5; Stata's manual of roctab prints
    area .8932, standard error .0307 and limits .83295 and .95339."""
    ratings = [1, 2, 3, 4, 5]
    scores = np.concatenate([np.repeat(ratings, [33, 6, 6, 11, 2]), np.repeat(ratings, [3, 2, 2, 11, 33])])
    truth = np.repeat([0, 1], [58, 51])
    parts = components(scores, truth, np.arange(109))
    error = covariance(parts, parts) ** 0.5
    assert (round(parts.auc, 4), round(error, 4)) == (0.8932, 0.0307)
    half = 1.959963984540054 * error
    assert (round(parts.auc - half, 5), round(parts.auc + half, 5)) == (0.83295, 0.95339)


@pytest.mark.parametrize("images", [1, 3])
def test_the_variance_equals_obuchowski_written_out_pair_by_pair(images):
    scores, truth, _ = cases(11, n=60, tied=True)
    patients = np.arange(60) // images
    x, y = scores[truth], scores[~truth]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    area = psi.mean()
    ill, well = patients[truth], patients[~truth]
    people = np.unique(patients)
    v10 = np.array([psi.mean(axis=1)[ill == p].sum() - (ill == p).sum() * area for p in people])
    v01 = np.array([psi.mean(axis=0)[well == p].sum() - (well == p).sum() * area for p in people])
    i10, i01, i = np.unique(ill).size, np.unique(well).size, people.size
    m, n = x.size, y.size
    s10, s01 = i10 / ((i10 - 1) * m) * (v10**2).sum(), i01 / ((i01 - 1) * n) * (v01**2).sum()
    s11 = i / (i - 1) * (v10 * v01).sum()
    parts = components(scores, truth, patients)
    assert parts.auc == pytest.approx(area, abs=EXACT)
    assert covariance(parts, parts) == pytest.approx(s10 / m + s01 / n + 2 * s11 / (m * n), rel=1e-10)


def test_wilson_and_clopper_pearson_reproduce_newcombes_table():
    """Newcombe 1998 (Statistics in Medicine 17, 857-872), table I: 81/263, 15/148, 0/20, 1/29."""
    table = {
        (81, 263): ((0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148): ((0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20): ((0.0, 0.1611), (0.0, 0.1684)),
        (1, 29): ((0.0061, 0.1718), (0.0009, 0.1776)),
    }
    for (hits, n), (score, exact) in table.items():
        for made, limits in ((wilson(hits, n), score), (clopper_pearson(hits, n), exact)):
            assert (round(made.low, 4), round(made.high, 4)) == limits


def test_decisions_equal_scikit_learn():
    scores, truth, patients = cases(8)
    called = scores >= 0.4
    found = {name: estimate.value for name, estimate in decision_figures(called, truth, patients).items()}
    expected = {
        "sensitivity": peer.recall_score(truth, called),
        "specificity": peer.recall_score(~truth, ~called),
        "ppv": peer.precision_score(truth, called),
        "npv": peer.precision_score(~truth, ~called),
        "accuracy": peer.accuracy_score(truth, called),
        "balanced_accuracy": peer.balanced_accuracy_score(truth, called),
        "f1": peer.f1_score(truth, called),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=EXACT)


def test_probabilities_equal_scikit_learn():
    scores, truth, patients = cases(9)
    assert brier(scores, truth, patients).value == pytest.approx(peer.brier_score_loss(truth, scores), abs=EXACT)
    assert log_loss(scores, truth, patients).value == pytest.approx(peer.log_loss(truth, scores), abs=EXACT)


def test_the_calibration_slope_equals_an_unpenalised_logistic_regression():
    scores, truth, patients = cases(10)
    logits = np.log(scores / (1 - scores))
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits[:, None], truth)
    assert calibration_slope(scores, truth, patients).value == pytest.approx(float(fitted.coef_[0, 0]), rel=1e-5)
    shift = calibration_intercept(scores, truth, patients).value
    # with the offset fixed, the recalibrated risks must add up to the observed number
    assert (1 / (1 + np.exp(-logits - shift))).sum() == pytest.approx(truth.sum(), abs=1e-7)


def test_several_classes_equal_scikit_learn():
    chance = np.random.default_rng(4)
    scores = chance.dirichlet(np.ones(4), 200)
    labels = np.array([chance.choice(4, p=row) for row in scores])
    patients = np.arange(200)
    top = scores.argmax(axis=1)
    area = macro_auc(scores, one_hot(labels, 4), patients, "abcd").value
    assert area == pytest.approx(peer.roc_auc_score(labels, scores, multi_class="ovr"), abs=EXACT)
    assert class_log_loss(scores, labels, patients).value == pytest.approx(peer.log_loss(labels, scores), abs=EXACT)
    np.testing.assert_array_equal(confusion_matrix(labels, top, 4), peer.confusion_matrix(labels, top))
    for weights in ("none", "linear", "quadratic"):
        theirs = peer.cohen_kappa_score(labels, top, weights=None if weights == "none" else weights)
        assert kappa(labels, top, patients, classes=4, weights=weights).value == pytest.approx(theirs, abs=EXACT)


def test_kappas_variance_reproduces_fleiss_cohen_and_everitt():
    """The example and the large-sample variance of Fleiss, Cohen and Everitt 1969 (doi:10.1037/h0028106), written out:
    two raters, 200 subjects, three categories, kappa .429."""
    table = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    rows, columns = (np.repeat(index.reshape(-1), table.reshape(-1)) for index in np.indices((3, 3)))
    value, influence = kappa_and_influence(rows, columns, 3, "none")
    assert round(value, 3) == 0.429
    p = table / 200
    row, column = p.sum(axis=1), p.sum(axis=0)
    observed, chance = np.trace(p), row @ column
    first = sum(p[i, i] * ((1 - chance) - (column[i] + row[i]) * (1 - observed)) ** 2 for i in range(3))
    second = (1 - observed) ** 2 * sum(
        p[i, j] * (column[i] + row[j]) ** 2 for i in range(3) for j in range(3) if i != j
    )
    third = (observed * chance - 2 * chance + observed) ** 2
    variance = (first + second - third) / (200 * (1 - chance) ** 4)
    assert clustered_variance(influence, np.arange(200)) * 199 / 200 == pytest.approx(variance, rel=1e-10)


def test_regression_equals_scikit_learn():
    chance = np.random.default_rng(2)
    truth = chance.normal(size=80)
    guess = truth + 0.4 * chance.normal(size=80)
    patients = np.arange(80)
    assert mae(guess, truth, patients).value == pytest.approx(peer.mean_absolute_error(truth, guess), abs=EXACT)
    assert rmse(guess, truth, patients).value == pytest.approx(peer.root_mean_squared_error(truth, guess), abs=EXACT)
    assert r2(guess, truth, patients).value == pytest.approx(peer.r2_score(truth, guess), abs=EXACT)
