"""Errors of a segmentation into many cells, as the ISBI challenge of 2012 counts them: pixel, Rand, warping, V.

What matters of a membrane is whether it parts two cells. A hole of one pixel joins them, and costs pixels little; the
Rand error counts pairs of pixels, the warping error regions that were split, joined, lost or made, and V_Rand and
V_Info weigh splits against joins (Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142). Cells are components of
4 neighbours, membranes are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import GeometryError, InputError
from radcnn.metrics.components import components
from radcnn.metrics.distance import as_mask, distance_transform

ROUNDS = 200
FAR = math.inf


@dataclass(frozen=True)
class Partition:
    """How far one partition of pixels is from another: 1 is the same; for errors take 1 - it.

    split, joined  precision and recall: low where the prediction splits cells, and where it joins them
    """

    split: float
    joined: float

    @property
    def f(self) -> float:
        """Their harmonic mean."""
        total = self.split + self.joined
        return 2 * self.split * self.joined / total if total else 0.0


def pixel_error(cells: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float:
    """The share of pixels that are membrane in one image and cell in the other."""
    _same_size(cells, predicted)
    return float(np.mean(cells != predicted))


def rand_scores(cells: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Partition:
    """V_Rand: the shares of pairs of pixels of one cell that stay together; the Rand error is 1 - its f.

    Only pixels of the reference's cells count; each membrane pixel of the prediction is a cell of its own.

    >>> two = np.zeros((3, 5), bool)
    >>> two[:, :2] = two[:, 3:] = True
    >>> rand_scores(two, two).f, round(rand_scores(two, np.ones((3, 5), bool)).joined, 3)
    (1.0, 0.5)
    """
    both = _joint(cells, predicted)
    alone = both.alone / both.n**2
    together = float((both.shares**2).sum()) + alone
    return Partition(together / float((both.first**2).sum()), together / (float((both.second**2).sum()) + alone))


def information_scores(cells: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Partition:
    """V_Info: what both partitions tell of each other, as a share of what each tells by itself."""
    both = _joint(cells, predicted)
    singles = both.alone / both.n * math.log(both.n)
    first, second = _entropy(both.first), _entropy(both.second) + singles
    mutual = first + second - _entropy(both.shares) - singles
    return Partition(mutual / second if second > 0 else 1.0, mutual / first if first > 0 else 1.0)


def warping_error(cells: NDArray[np.bool_], predicted: NDArray[np.bool_], *, within: float = FAR) -> float:
    """The share of pixels that differ when the reference was bent to the prediction without changing its topology.

    within  pixels from a true border up to which it may be bent

    What is left are pixels where regions were split, joined, lost or made (Jain et al. 2010,
    doi:10.1109/CVPR.2010.5539950). It is the smallest difference that turning single pixels finds, not a proven one.
    """
    from radcnn.kernels.simple_points import simple_codes, warp_towards

    _same_size(cells, predicted)
    bent, wanted = as_mask(cells).copy(), as_mask(predicted)
    allowed = np.ones(bent.shape, np.uint8)
    if within < FAR:
        inside, outside = (distance_transform(mask, (1.0, 1.0)) for mask in (bent, 1 - bent))
        allowed = (np.maximum(inside, outside) <= within).astype(np.uint8)
    warp_towards(bent, wanted, allowed, simple_codes(), ROUNDS)
    return float(np.mean(bent != wanted))


@dataclass(frozen=True, eq=False)
class _Joint:
    """Shares of the reference's cell pixels: of each pair of cells, of each of the reference's and the prediction's.

    alone, n  pixels where the prediction has membrane, and all
    """

    shares: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    alone: int
    n: int


def _joint(cells: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> _Joint:
    _same_size(cells, predicted)
    ours, theirs = (components(mask, connectivity=4).labels for mask in (cells, predicted))
    counted = ours > 0
    n = int(np.count_nonzero(counted))
    if not n:
        raise InputError("the reference has no cells, so nothing can be compared")
    a, b = ours[counted].astype(np.int64), theirs[counted].astype(np.int64)
    seen = b > 0
    _, pairs = np.unique(a[seen] * (int(b.max()) + 1) + b[seen], return_counts=True)
    first, second = (np.bincount(x)[1:] for x in (a, b[seen] if seen.any() else np.zeros(1, np.int64)))
    return _Joint(pairs / n, first / n, second / n, int(np.count_nonzero(~seen)), n)


def _entropy(shares: NDArray[np.float64]) -> float:
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum())


def _same_size(cells: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> None:
    if cells.shape != predicted.shape or cells.ndim != 2:
        raise GeometryError(f"both images must be planes of one size, got {cells.shape} and {predicted.shape}")
