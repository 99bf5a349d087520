"""How often each number is there: voxels of a label, draws of a patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.core.cores import available_cores
from radcnn.kernels.compiled import compiled
from radcnn.kernels.threads import over_slabs

AT_ONCE, PATIENCE = 32, 16  # neighbours that mostly share a label; how many times as many are counted one by one
APART = 16  # numbers between those of two threads, which then do not wait for one line of the cache
ALONE = 1 << 18  # voxels that are counted before another thread has begun


def label_sizes(labels: NDArray[np.int32], count: int, *, threads: int | None = None) -> NDArray[np.int64]:
    """Number of voxels (count,) of labels 1..count in labels (n,); 0 is nobody's."""
    asked = available_cores() if threads is None else threads
    parts = max(1, min(asked, len(labels) // max(ALONE, count)))
    sizes = np.zeros((parts, count + 1 + APART), np.int32 if len(labels) < 1 << 31 else np.int64)
    edges = [len(labels) * part // parts for part in range(parts + 1)]

    def slab(first: int, end: int) -> None:
        for part in range(first, end):
            _count(labels[edges[part] : edges[part + 1]], sizes[part])

    over_slabs(slab, parts, parts)
    total: NDArray[np.int64] = sizes[0, 1 : count + 1].astype(np.int64)
    for part in sizes[1:]:
        total += part[1 : count + 1]
    return total


@compiled
def _count(labels, sizes):  # type: ignore[no-untyped-def]
    whole, many, most = np.uint64(len(labels)), np.uint64(AT_ONCE), np.uint64(PATIENCE)
    at, patience = np.uint64(0), np.uint64(1)
    while at < whole:
        if at + many <= whole and _alike(labels, at):
            sizes[labels[at]] += AT_ONCE
            at, patience = at + many, np.uint64(1)
        else:  # the longer nothing is alike, the more is counted before it is tried again
            end, patience = min(at + patience * many, whole), min(patience + patience, most)
            for i in range(at, end):
                if labels[i] != 0:
                    sizes[labels[i]] += 1
            at = end


@compiled
def _alike(labels, at):  # type: ignore[no-untyped-def]
    """Whether AT_ONCE labels are the same: without a branch, so that many are compared at once."""
    first, differ = labels[at], np.int32(0)
    for i in range(AT_ONCE):
        differ |= labels[at + np.uint64(i)] ^ first
    return differ == 0


@compiled
def draws_of_each(drawn: NDArray[np.integer], counts: NDArray[np.float64]) -> None:
    """Fill counts (rows, n) with how often each of 0..n-1 is among the draws of its row, drawn (rows, m)."""
    for r in range(drawn.shape[0]):
        row = counts[r]
        row[:] = 0
        for i in range(drawn.shape[1]):
            row[drawn[r, i]] += 1
