"""What lies outside of training: distances against scikit-learn's, and cases that are found."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from radcnn.core.chance import generator
from radcnn.core.errors import InputError
from radcnn.metrics.ranking import auc
from radcnn.robustness.outside import NEIGHBOUR, known_features, shrunk_covariance

CHANCE = generator(0, "outside")
TRAINED = CHANCE.normal(0, 1, (60, 12)) @ CHANCE.normal(0, 1, (12, 12))


def test_the_covariance_is_that_of_ledoit_and_wolf():
    residual = TRAINED - TRAINED.mean(axis=0)
    found, share = shrunk_covariance(residual)
    other = LedoitWolf(assume_centered=True).fit(residual)
    assert share == pytest.approx(other.shrinkage_, rel=1e-6)
    assert np.allclose(found, other.covariance_)


def test_distances_are_those_of_scikit_learn():
    known = known_features(TRAINED)
    other = LedoitWolf().fit(TRAINED)
    new = CHANCE.normal(0, 2, (7, 12))
    assert np.allclose(known.mahalanobis(new), other.mahalanobis(new))
    units = TRAINED / np.linalg.norm(TRAINED, axis=1, keepdims=True)
    near = NearestNeighbors(n_neighbors=NEIGHBOUR).fit(units)
    distances, _ = near.kneighbors(new / np.linalg.norm(new, axis=1, keepdims=True))
    assert np.allclose(known.neighbours(new), distances[:, -1])


def test_the_nearest_class_counts():
    labels = np.arange(60) % 2
    features = TRAINED + 50 * labels[:, None]
    known = known_features(features, labels)
    assert known.mahalanobis(features).mean() < known_features(features).mahalanobis(features).mean() * 2
    middle = known.means.mean(axis=0, keepdims=True)
    assert known.mahalanobis(middle)[0] > known.mahalanobis(features).max()


def test_images_from_elsewhere_are_told_from_known_ones():
    known = known_features(TRAINED)
    same = CHANCE.normal(0, 1, (40, 12)) @ np.linalg.cholesky(np.cov(TRAINED.T)).T
    scores = np.concatenate([known.mahalanobis(same), known.mahalanobis(same + 12 * CHANCE.normal(0, 1, (40, 12)))])
    assert auc(scores, np.arange(80) >= 40) > 0.95


def test_more_features_than_cases_and_features_that_never_vary_are_no_obstacle():
    few = np.concatenate([TRAINED[:10], np.zeros((10, 30))], axis=1)
    assert np.isfinite(known_features(few).mahalanobis(few)).all()
    with pytest.raises(InputError, match=r"8 training cases are needed .* got 5"):
        known_features(TRAINED[:5])
