"""Line integrals along rays through an image, and their exact adjoint: Joseph's method, one row of the image at a time.

A ray crosses every row of an image (or, of its transpose, every column) once, between two pixels; it takes what lies
between them. It crosses row r at column `at + r * slope`, in pixels; `weight` is its length from row to row in mm. A
ray that runs along the rows has its `at` far outside. (Joseph, IEEE TMI 1982;1:192.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Floats = NDArray[np.floating]


@compiled
def integrate(images: Floats, at: Floats, slope: Floats, weight: Floats, first: int, end: int, sums: Floats) -> None:
    """Add the line integrals of views first..end through images (B, rows, columns) to sums (B, views, rays)."""
    rows, wide = images.shape[1], images.shape[2]
    taken = np.empty(at.shape[1], sums.dtype)
    for b in range(images.shape[0]):
        for v in range(first, end):
            taken[:] = 0
            for r in range(rows):
                _take(images[b, r], at[v], slope[v], r, wide, taken)
            for d in range(len(taken)):
                sums[b, v, d] += weight[v, d] * taken[d]


@compiled
def _take(row, at, slope, r, wide, taken):  # type: ignore[no-untyped-def]
    for d in range(len(at)):
        place = at[d] + r * slope[d]
        if 0 <= place < wide - 1:
            low = np.uint32(place)
            share = place - low
            taken[d] += row[low] + share * (row[low + np.uint32(1)] - row[low])
        elif -1 < place < 0:
            taken[d] += (1 + place) * row[0]
        elif wide - 1 <= place < wide:
            taken[d] += (wide - place) * row[wide - 1]


@compiled
def spread(values: Floats, at: Floats, slope: Floats, weight: Floats, first: int, end: int, images: Floats) -> None:
    """Add the adjoint of `integrate`, of values (B, views, rays), to rows first..end of images (B, rows, columns)."""
    wide = images.shape[2]
    given = np.empty(at.shape[1], images.dtype)
    for b in range(images.shape[0]):
        for v in range(at.shape[0]):
            for d in range(len(given)):
                given[d] = weight[v, d] * values[b, v, d]
            for r in range(first, end):
                _give(given, at[v], slope[v], r, wide, images[b, r])


@compiled
def _give(given, at, slope, r, wide, row):  # type: ignore[no-untyped-def]
    for d in range(len(at)):
        place = at[d] + r * slope[d]
        if 0 <= place < wide - 1:
            low = np.uint32(place)
            share = place - low
            row[low] += (1 - share) * given[d]
            row[low + np.uint32(1)] += share * given[d]
        elif -1 < place < 0:
            row[0] += (1 + place) * given[d]
        elif wide - 1 <= place < wide:
            row[wide - 1] += (wide - place) * given[d]
