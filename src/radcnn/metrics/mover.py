"""Limits of a mean of figures from the limits of each: what is not known of one figure is not known of the mean.

MOVER, the method of variance estimates recovery (Zou and Donner 2008, doi:10.1002/sim.3095):

    low = mean - sqrt(sum over j, k of r_jk (p_j - low_j) (p_k - low_k)) / K,   high likewise

with r the correlation of the figures p_1 ... p_K. Each keeps the shape of its own interval, also at 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from radcnn.core.estimate import Estimate
from radcnn.metrics.clustered import Codes, Floats


def mean_with_limits(figures: Sequence[Estimate], together: Floats) -> tuple[float, float, float]:
    """The mean of figures in [0, 1] and its limits, given their correlations (K, K); NaN where a figure has none."""
    values, lows, highs = np.array([(made.value, made.low, made.high) for made in figures]).T
    down, up = (
        math.sqrt(max(float(gap @ together @ gap), 0)) / len(figures) for gap in (values - lows, highs - values)
    )
    mean = float(values.mean())
    return mean, max(mean - down, 0.0), min(mean + up, 1.0)


def correlation(influence: Floats, codes: Codes, *, unknown: float) -> Floats:
    """Correlations (K, K) of figures from their influences (n, K), summed by patient; `unknown` of one without any."""
    sums = np.zeros((int(codes.max()) + 1, influence.shape[1]))
    np.add.at(sums, codes, influence)
    product = sums.T @ sums
    spread = np.sqrt(np.outer(product.diagonal(), product.diagonal()))
    together = np.divide(product, spread, out=np.full_like(product, unknown), where=spread > 0)
    np.fill_diagonal(together, 1.0)
    return np.asarray(together)
