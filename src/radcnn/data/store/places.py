"""Where each class of a mask lies: some of its voxels, so that a patch about one is found without reading the mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.chance import generator

MOST_PLACES = 10_000  # of one class; more would not make patches more different
UNLABELLED = 255  # in masks of a store: nobody looked there, so that it is no class


def class_places(mask: NDArray, *, seed: int = 0, most: int = MOST_PLACES) -> dict[int, NDArray[np.uint32]]:
    """For each class the flat indices of its voxels, sorted; of more than `most` a random choice.

    Classes are all labels but 0 and UNLABELLED.

    mask  (Z, Y, X) or (Y, X) of whole numbers

    >>> class_places(np.array([[0, 2], [2, 1]]))
    {1: array([3], dtype=uint32), 2: array([1, 2], dtype=uint32)}
    """
    flat = np.ascontiguousarray(mask).reshape(-1)
    inside = np.flatnonzero((flat != 0) & (flat != UNLABELLED))
    labels = flat[inside]
    found: dict[int, NDArray[np.uint32]] = {}
    for label in np.unique(labels):
        places = inside[labels == label]
        if len(places) > most:
            places = np.sort(generator(seed, "places", int(label)).choice(places, most, replace=False, shuffle=False))
        found[int(label)] = places.astype(np.uint32)
    return found
