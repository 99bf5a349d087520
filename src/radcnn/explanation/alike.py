"""How alike two maps of one image are: the rank correlation of their absolute values, voxel by voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from radcnn.core.errors import InputError
from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Floats, clustered_mean, patient_codes
from radcnn.metrics.ranking import midranks


def likeness(first: ArrayLike, second: ArrayLike) -> Floats:
    """Spearman's correlation of |maps| with |maps| of the same images, both (B, *size): (B,).

    NaN where one of both is constant, since nothing can be ranked then. Without their sign, as Adebayo et al. 2018
    compare them: a map that turns its sign over shows the same structure. Raises InputError where shapes differ.

    >>> likeness([[[1.0, 2.0, 3.0]]], [[[-2.0, 4.0, 5.0]]]).tolist()
    [1.0]
    """
    one, other = (np.abs(np.asarray(maps, dtype=np.float64)) for maps in (first, second))
    if one.shape != other.shape:
        raise InputError(f"maps that are compared must be of the same images, got {one.shape} and {other.shape}")
    return np.array([_spearman(a.ravel(), b.ravel()) for a, b in zip(one, other, strict=True)], dtype=np.float64)


def mean_likeness(values: Floats, patients: Sequence[str], *, level: float = 0.95) -> Estimate:
    """The mean of likenesses (n,) by patient, without those that are NaN; missing where all are."""
    known = np.isfinite(values)
    if not known.any():
        people = int(np.unique(patient_codes(patients)).size)
        return Estimate.missing("a map of each pair is constant, and has no ranks", len(values), people)
    return clustered_mean(values[known], np.asarray(patients)[known], level=level)


def _spearman(first: Floats, second: Floats) -> float:
    if not (np.ptp(first) > 0 and np.ptp(second) > 0):
        return float("nan")
    f, g = (midranks(values) for values in (first, second))
    f, g = f - f.mean(), g - g.mean()
    return float(np.clip(f @ g / np.sqrt((f @ f) * (g @ g)), -1, 1))
