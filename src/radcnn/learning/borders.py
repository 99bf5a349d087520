"""The map of weights by which a U-Net learns to part cells that touch (Ronneberger et al. 2015, equation 2)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from radcnn.metrics.components import components
from radcnn.metrics.distance import distance_transform

REACH = 4.0  # sigmas from a cell beyond which its weight is nothing


def border_weights(cells: NDArray[np.bool_], *, first: float, sigma: float) -> NDArray[np.float32]:
    """w(x) = w_c(x) + first exp(-(d1 + d2)^2 / (2 sigma^2)) of the pixels (H, W) of an image.

    cells  True inside cells, which are components of 4 neighbours
    w_c    gives both classes the same weight altogether, 1 on average
    d1, d2  pixels to the nearest cell and to the second nearest; inside cells the second term is 0

    >>> gap = np.ones((5, 9), bool)
    >>> gap[:, 4] = False
    >>> [f"{weight:.2f}" for weight in border_weights(gap, first=10.0, sigma=5.0)[2, 3:6]]
    ['0.56', '13.73', '0.56']
    """
    found = components(cells, connectivity=4)
    nearest = np.full((2, *cells.shape), np.inf, np.float32)
    reach = math.ceil(REACH * sigma)
    for number, (rows, columns) in enumerate(_boxes(found.labels, len(found.sizes)), start=1):
        box = (
            slice(max(0, rows.start - reach), rows.stop + reach),
            slice(max(0, columns.start - reach), columns.stop + reach),
        )
        apart = distance_transform(found.labels[box] != number, (1.0, 1.0), threads=1)
        here = nearest[(slice(None), *box)]
        here[1] = np.minimum(here[1], np.maximum(here[0], apart))
        here[0] = np.minimum(here[0], apart)
    share = float(np.mean(cells))
    weights = np.ones(cells.shape, np.float32)
    if 0 < share < 1:
        weights = np.where(cells, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)
    between = first * np.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * sigma**2))
    made: NDArray[np.float32] = weights + np.where(cells, np.float32(0), between.astype(np.float32))
    return made


def _boxes(labels: NDArray[np.int32], count: int) -> list[tuple[slice, slice]]:
    """The rows and columns of each component."""
    from scipy import ndimage

    return [box for box in ndimage.find_objects(labels, count) if box is not None]
