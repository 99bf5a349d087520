"""How far an image lies outside what a network was trained on, told by its features before the last layer.

    Mahalanobis  least over classes of (f - mean_c)' S^-1 (f - mean_c), S the covariance within classes (Lee 2018)
    neighbours   distance of f / |f| from its K-th nearest training case (Sun 2022)

Lee et al. 2018, A Simple Unified Framework for Detecting Out-of-Distribution Samples, NeurIPS; Sun et al. 2022,
Out-of-Distribution Detection with Deep Nearest Neighbors, ICML. The covariance is shrunk towards a multiple of the
identity (Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4), since features are often more than cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import InputError
from radcnn.metrics.clustered import Floats

NEIGHBOUR = 10  # which of the nearest training cases is asked
FEWEST = 8  # training cases
LEAST_SHRUNK = 1e-3  # so that a feature that never varies can be divided by


@dataclass(frozen=True, eq=False)
class Known:
    """Features of training cases, by which others are judged.

    means      (classes, K)
    precision  (K, K) inverse of the shrunk covariance within classes
    shrinkage  0 to 1
    units      (n, K) features of length 1
    """

    means: Floats
    precision: Floats
    shrinkage: float
    units: Floats

    def mahalanobis(self, features: Floats) -> Floats:
        """The least squared distance (n,) of features (n, K) from a class."""
        away = features[:, None, :] - self.means[None]
        return np.asarray(np.einsum("nck,kl,ncl->nc", away, self.precision, away, optimize=True).min(axis=1))

    def neighbours(self, features: Floats) -> Floats:
        """The distance (n,) of features (n, K) from their K-th nearest training case, all of length 1."""
        near = min(NEIGHBOUR, len(self.units)) - 1
        squared = np.maximum(2 - 2 * _of_length_1(features) @ self.units.T, 0)
        return np.asarray(np.sqrt(np.partition(squared, near, axis=1)[:, near]))


def known_features(features: Floats, labels: NDArray[np.intp] | None = None) -> Known:
    """What features (n, K) of training cases, of these classes (n,) where there are any, say of others.

    Raises InputError for fewer than 8 cases.
    """
    given = np.asarray(features, np.float64)
    if len(given) < FEWEST:
        raise InputError(f"at least {FEWEST} training cases are needed to say what lies outside them, got {len(given)}")
    classes = np.zeros(len(given), np.intp) if labels is None else np.unique(labels, return_inverse=True)[1].reshape(-1)
    means = np.stack([given[classes == k].mean(axis=0) for k in range(int(classes.max()) + 1)])
    covariance, shrinkage = shrunk_covariance(given - means[classes])
    return Known(means, np.asarray(np.linalg.inv(covariance), np.float64), shrinkage, _of_length_1(given))


def shrunk_covariance(residual: Floats) -> tuple[Floats, float]:
    """Ledoit and Wolf's covariance (K, K) of residuals (n, K), and how far it was shrunk.

    (1 - s) S + s m I, with m the mean variance; a feature that never varies gets a share of it.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage  # a second to import

    count = residual.shape[1]
    sample = residual.T @ residual / len(residual)
    mean = max(float(np.trace(sample)) / count, 1e-12)
    share = max(float(ledoit_wolf_shrinkage(residual, assume_centered=True)), LEAST_SHRUNK)
    return (1 - share) * sample + share * mean * np.eye(count), share


def _of_length_1(features: Floats) -> Floats:
    given = np.asarray(features, np.float64)
    return given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12)
