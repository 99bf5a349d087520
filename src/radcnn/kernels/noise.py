"""White Gaussian noise as a function of a seed and a voxel's number: no state, so that any order gives the same field.

A hash of 64 bits serves a pair of voxels (SplitMix64: Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195). A voxel
takes two of its 12-bit pieces; each names one of 4,096 quantiles of the normal law, and the sum of two normal numbers
is normal. Values reach 5.2 standard deviations, in steps of less than one in a thousand of it about the mean.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

BITS = 12  # of a piece of the hash
STEP, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # of SplitMix64


@cache
def half_normal_quantiles() -> NDArray[np.float32]:
    """(4096,) middle quantiles of a normal law of variance 1/2: the sum of two drawn at random has variance 1."""
    from scipy.special import ndtri

    count = 1 << BITS
    quantiles = ndtri((np.arange(count) + 0.5) / count)
    made: NDArray[np.float32] = (quantiles / (quantiles.std() * np.sqrt(2))).astype(np.float32)
    return made


def add_noise(image: NDArray[np.float32], out: NDArray[np.float32], seed: int, sd: float) -> None:
    """Fill out (n,) with image (n,) and noise of this standard deviation, the field of `seed`."""
    _add(image, out, half_normal_quantiles(), np.uint64(seed), np.float32(sd))


@compiled
def _add(image, out, quantiles, seed, sd):  # type: ignore[no-untyped-def]
    low, bits = np.uint64((1 << BITS) - 1), np.uint64(BITS)
    for pair in range((len(image) + 1) // 2):
        mixed = seed + np.uint64(pair + 1) * np.uint64(STEP)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(FIRST)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(SECOND)
        mixed ^= mixed >> np.uint64(31)
        at = 2 * pair
        out[at] = image[at] + sd * (quantiles[mixed & low] + quantiles[(mixed >> bits) & low])
        if at + 1 < len(image):
            mixed >>= np.uint64(2 * BITS)
            out[at + 1] = image[at + 1] + sd * (quantiles[mixed & low] + quantiles[(mixed >> bits) & low])
