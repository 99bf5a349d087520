"""How often each number is there: voxels of a label, draws of a patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled


@compiled
def label_sizes(labels: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Number of voxels (count,) of labels 1..count in labels (n,); 0 is nobody's."""
    sizes = np.zeros(count + 1, np.int64)
    same, length = 0, 0  # neighbours mostly share a label: one entry per run
    for label in labels:
        if label != same:
            sizes[same] += length
            same, length = label, 0
        length += 1
    sizes[same] += length
    return sizes[1:]


@compiled
def draws_of_each(drawn: NDArray[np.integer], counts: NDArray[np.float64]) -> None:
    """Fill counts (rows, n) with how often each of 0..n-1 is among the draws of its row, drawn (rows, m)."""
    for r in range(drawn.shape[0]):
        row = counts[r]
        row[:] = 0
        for i in range(drawn.shape[1]):
            row[drawn[r, i]] += 1
