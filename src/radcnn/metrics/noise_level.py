"""The noise of one image, from the image alone: a robust spread of its finest diagonal details.

Donoho and Johnstone 1994 (doi:10.1093/biomet/81.3.425): in the diagonal details of the Haar wavelet an image's
structures are few and large, its noise is everywhere; the median tells the noise.

    d = (a - b - c + d) / 2 over blocks of 2 x 2 pixels in the plane        sd = median |d| / 0.6745

Blocks that hold the image's least or greatest value are left out: air and metal beyond a window are clipped there, and
have no noise left. Exact for white noise; smooth noise (soft kernels, enlarged images) is underestimated.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

FEWEST_BLOCKS = 16  # fewer say nothing
NORMAL = 0.6744897501960817  # the median of |z| of a standard normal


def noise_sd(image: ArrayLike) -> float:
    """Noise standard deviation of an image (..., rows, columns) in its own unit; NaN where too little is not clipped.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 12.0, (1, 128, 128))
    >>> bool(abs(noise_sd(noise) - 12) < 0.6)
    True
    """
    values = np.asarray(image, dtype=np.float64)
    rows, columns = (n // 2 * 2 for n in values.shape[-2:])
    even = values[..., :rows, :columns]
    corners = [even[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]
    low, high = values.min(), values.max()
    inside = np.logical_and.reduce([(one > low) & (one < high) for one in corners])
    if int(inside.sum()) < FEWEST_BLOCKS:
        return math.nan
    a, b, c, d = (one[inside] for one in corners)
    return float(np.median(np.abs(a - b - c + d)) / 2 / NORMAL)
