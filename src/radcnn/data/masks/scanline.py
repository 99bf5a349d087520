"""Which pixel centres lie inside closed outlines, by the even-odd rule, one scanline per row of pixels.

A row of pixel centres crosses the outlines at certain columns; from each crossing on, inside and outside change places.
Outlines inside others are holes, and a channel that is walked twice (a keyhole) cancels out. A centre that lies exactly
on an outline belongs to the region on its right and below, so that regions that share an edge share no pixel.

Indices are (row, column), and whole numbers are the centres of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CROSSINGS_AT_ONCE = 1 << 21  # 100 MiB of memory at most
DECIMALS = 6  # of an index: a millionth of a pixel is rounding, and a vertex drawn on a centre shall lie on it

Outline = NDArray[np.float64]


def inside(outlines: Sequence[Outline], rows: int, columns: int) -> NDArray[np.bool_]:
    """Pixels (rows, columns) whose centres lie inside an odd number of closed outlines (n, 2).

    >>> inside([np.array([(0.5, 0.5), (0.5, 2.5), (2.5, 2.5), (2.5, 0.5)])], 4, 4).sum()
    np.int64(4)
    """
    edges = _edges([np.round(outline, DECIMALS) for outline in outlines])
    top = np.clip(np.ceil(edges[:, 0]), 0, rows).astype(np.int64)
    bottom = np.clip(np.ceil(edges[:, 2]), 0, rows).astype(np.int64)
    changes = np.zeros(rows * (columns + 1), np.uint8)
    crossed = np.cumsum(bottom - top)
    for start, end in _portions(crossed):
        part = slice(start, end)
        row, column = _crossings(edges[part], top[part], bottom[part])
        at = row * (columns + 1) + np.clip(np.ceil(column), 0, columns).astype(np.int64)
        changes ^= (np.bincount(at, minlength=changes.size) & 1).astype(np.uint8)
    flags = np.bitwise_xor.accumulate(changes.reshape(rows, columns + 1), axis=1)
    return flags[:, :columns].view(np.bool_)


def window(outlines: Sequence[Outline], size: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """First row and column, and the numbers of rows and columns, that outlines can reach inside an image (H, W)."""
    lowest = np.floor(np.min([outline.min(axis=0) for outline in outlines], axis=0))
    highest = np.ceil(np.max([outline.max(axis=0) for outline in outlines], axis=0)) + 1
    (top, left), (bottom, right) = np.clip((lowest, highest), 0, size).astype(int).tolist()
    return (top, left), (bottom - top, right - left)


def crossings(outline: Outline, rows: int) -> float:
    """How many crossings an outline has at most: what it costs."""
    return float(np.clip(np.abs(np.diff(outline[:, 0], append=outline[:1, 0])) + 1, 0, rows).sum())


def _edges(outlines: Sequence[Outline]) -> NDArray[np.float64]:
    """Edges (n, 4) as row, column of the upper end and of the lower one.

    Both walks along one edge give the same numbers, so that they cross a row at exactly the same column.
    """
    starts = np.concatenate([*outlines, np.empty((0, 2))])
    ends = np.concatenate([*(np.roll(outline, -1, axis=0) for outline in outlines), np.empty((0, 2))])
    turned = (starts[:, 0] > ends[:, 0])[:, None]
    return np.hstack([np.where(turned, ends, starts), np.where(turned, starts, ends)])


def _portions(crossed: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Runs of edges with a bounded number of crossings; an edge has no more than there are rows."""
    if not len(crossed) or crossed[-1] == 0:
        return []
    bounds = np.searchsorted(crossed, np.arange(CROSSINGS_AT_ONCE, crossed[-1], CROSSINGS_AT_ONCE))
    cuts = [0, *(int(bound) for bound in bounds), len(crossed)]
    return [(a, b) for a, b in pairwise(cuts) if b > a]


def _crossings(
    edges: NDArray[np.float64], top: NDArray[np.int64], bottom: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row and column of every crossing of an edge with a row from `top` to before `bottom`."""
    n = bottom - top
    edge = np.repeat(np.arange(len(edges)), n)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(n) - n, n) + top[edge]
    r0, c0, r1, c1 = edges[edge].T
    return row, c0 + (row - r0) * ((c1 - c0) / (r1 - r0))
