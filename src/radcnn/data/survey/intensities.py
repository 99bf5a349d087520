"""Grey values of one image: moments, percentiles, the shares at both ends, a histogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radcnn.core.volume import Units

PERCENTILES = (0.5, 5.0, 25.0, 50.0, 75.0, 95.0, 99.5)
BINS = 32
COUNTED = 1 << 18  # voxels that percentiles and histogram are taken from, at even distances; all of a 512 x 512 image
HU_RANGE = (-1024.0, 3072.0)


@dataclass(frozen=True, eq=False)
class Intensities:
    """Grey values of an image, over all voxels unless said otherwise.

    percentiles  at PERCENTILES, of at most COUNTED voxels at even distances
    at_minimum, at_maximum  shares of voxels at the extremes: saturation, or an empty background
    distinct     number of distinct values among those voxels
    commonest    share of the commonest value among them
    histogram    (32,) shares: 0 to 255 for bytes, -1024 to 3071 for HU, else between the 0.5th and 99.5th percentile
    """

    mean: float
    sd: float
    minimum: float
    maximum: float
    percentiles: tuple[float, ...]
    at_minimum: float
    at_maximum: float
    distinct: int
    commonest: float
    histogram: NDArray[np.float32]

    @property
    def low(self) -> float:
        """The 0.5th percentile: black."""
        return self.percentiles[0]

    @property
    def high(self) -> float:
        """The 99.5th percentile: white."""
        return self.percentiles[-1]


def intensities_of(voxels: NDArray, units: Units) -> Intensities:
    """Grey values of voxels of any shape."""
    return _of_bytes(voxels) if voxels.dtype == np.uint8 else _of_numbers(voxels, units)


def _of_bytes(voxels: NDArray) -> Intensities:
    """Everything follows from the 256 counts."""
    counts = np.bincount(voxels.reshape(-1), minlength=256)
    n, levels = counts.sum(), np.arange(256, dtype=np.float64)
    present = np.flatnonzero(counts)
    mean = float(counts @ levels / n)
    reached = np.searchsorted(np.cumsum(counts), np.asarray(PERCENTILES) / 100 * n)
    return Intensities(
        mean=mean,
        sd=float(np.sqrt(counts @ (levels - mean) ** 2 / n)),
        minimum=float(present[0]),
        maximum=float(present[-1]),
        percentiles=tuple(float(v) for v in np.minimum(reached, 255)),
        at_minimum=float(counts[present[0]] / n),
        at_maximum=float(counts[present[-1]] / n),
        distinct=int(present.size),
        commonest=float(counts.max() / n),
        histogram=(counts.reshape(BINS, -1).sum(axis=1) / n).astype(np.float32),
    )


def _of_numbers(voxels: NDArray, units: Units) -> Intensities:
    flat = voxels.reshape(-1)
    low, high = float(flat.min()), float(flat.max())
    drawn = np.sort(flat[:: max(1, flat.size // COUNTED)])
    edges = np.flatnonzero(np.concatenate([[True], drawn[1:] != drawn[:-1], [True]]))
    percentiles = tuple(float(v) for v in drawn[(np.asarray(PERCENTILES) / 100 * (drawn.size - 1)).astype(int)])
    ends = HU_RANGE if units == "HU" else (percentiles[0], percentiles[-1])
    return Intensities(
        mean=float(flat.mean(dtype=np.float64)),
        sd=float(flat.std(dtype=np.float64)),
        minimum=low,
        maximum=high,
        percentiles=percentiles,
        at_minimum=float(np.count_nonzero(flat == flat.dtype.type(low)) / flat.size),
        at_maximum=float(np.count_nonzero(flat == flat.dtype.type(high)) / flat.size),
        distinct=int(edges.size - 1),
        commonest=float(np.diff(edges).max() / drawn.size),
        histogram=_histogram(drawn, *ends),
    )


def _histogram(drawn: NDArray, low: float, high: float) -> NDArray[np.float32]:
    """Shares of sorted values in 32 equal bins; what lies outside counts at the ends."""
    if not high > low:
        high = low + 1
    inner = np.searchsorted(drawn, np.linspace(low, high, BINS + 1)[1:-1])
    return (np.diff(np.concatenate([[0], inner, [drawn.size]])) / drawn.size).astype(np.float32)
