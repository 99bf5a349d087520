"""Masks of known kinds for timing: a liver-like pair as a reader and a network would draw it, and harder ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIDE = 256


def organ(seed: int, *, side: int = SIDE, roughness: float = 0.05) -> NDArray[np.bool_]:
    """An ellipsoid of 0.19, 0.24 and 0.28 of the side, with bumps of `roughness`: about a liver in its scan."""
    bumps = ndimage.zoom(np.random.default_rng(seed).normal(size=(8, 8, 8)), side / 8, order=1)
    z, y, x = (np.arange(side) - side / 2 for _ in range(3))
    radius = np.sqrt(
        (z[:, None, None] / (0.19 * side)) ** 2 + (y[:, None] / (0.24 * side)) ** 2 + (x / (0.28 * side)) ** 2
    )
    found: NDArray[np.bool_] = radius + roughness * bumps < 1
    return found


def pair(*, side: int = SIDE) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """An organ twice, with other bumps and some voxels apart."""
    return organ(0, side=side), np.roll(organ(1, side=side), (1, 2, 2), (0, 1, 2))


def lesions(seed: int, count: int = 40, *, side: int = SIDE) -> NDArray[np.bool_]:
    """Small balls all over the volume."""
    chance, mask = np.random.default_rng(seed), np.zeros((side,) * 3, bool)
    for centre in chance.integers(8, side - 8, (count, 3)):
        z, y, x = np.ogrid[-6:7, -6:7, -6:7]
        corner = tuple(slice(at - 6, at + 7) for at in centre)
        mask[corner] |= z * z + y * y + x * x <= chance.uniform(2, 6) ** 2
    return mask
