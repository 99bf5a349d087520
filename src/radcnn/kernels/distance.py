"""Squared Euclidean distances on an anisotropic grid, one axis after the other.

The squared distance to the nearest of some voxels is the lower envelope of parabolas along each axis in turn
(Felzenszwalb and Huttenlocher 2012, doi:10.4086/toc.2012.v008a019), exact and linear in the number of voxels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Real = NDArray[np.floating]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

COLUMNS = 16  # lines across memory that are worked on together: one cache line of float32


@compiled
def envelope(
    line: Floats, first: int, end: int, step: float, part: Floats, scale: Floats, apex: Counts, start: Floats
) -> None:
    """The lower envelope of the parabolas line[i] + (step * (x - i))^2 at x = first..end-1, in place of the line there.

    line         squared distances, infinite where there is no parabola
    part, scale  room, as long as the line; scale[k] = 1 / (2 k step^2)
    apex, start  room for the parabolas of the envelope, and for where each of them begins
    """
    last = -1
    for i in range(first, end):
        height = line[i]
        if height == np.inf:
            continue
        begin = -np.inf
        while last >= 0:
            other = apex[last]
            begin = (height - line[other]) * scale[i - other] + 0.5 * (i + other)
            if begin > start[last]:
                break
            last -= 1
            begin = -np.inf
        last += 1
        apex[last] = i
        start[last] = begin
    if last < 0:
        return
    for k in range(last + 1):
        part[k] = line[apex[k]]
    here = last
    for x in range(end - 1, first - 1, -1):
        while start[here] > x:
            here -= 1
        far = step * (x - apex[here])
        line[x] = part[here] + far * far


@compiled
def along_columns(values: Real, step: float) -> None:
    """The lower envelopes of every column of squared distances (n, m), in their place.

    A zero hides what lies behind it, so that each stretch between zeros is on its own.
    """
    n, m = values.shape
    block = np.empty(
        (COLUMNS, n + 8)
    )  # lines of one length that is a power of two would share their places in the cache
    part, start, apex, scale = np.empty(n), np.empty(n), np.empty(n, np.int64), np.empty(n)
    for k in range(1, n):
        scale[k] = 0.5 / (k * step * step)
    for left in range(0, m, COLUMNS):
        width = min(COLUMNS, m - left)
        largest = 0.0
        for y in range(n):
            for x in range(width):
                value = values[y, left + x]
                block[x, y] = value
                largest = max(largest, value)
        if largest == 0:
            continue
        for x in range(width):
            line = block[x]
            y = 0
            while y < n:
                if line[y] == 0:
                    y += 1
                    continue
                first = max(y - 1, 0)
                while y < n and line[y] != 0:
                    y += 1
                envelope(line, first, min(y + 1, n), step, part, scale, apex, start)
        for y in range(n):
            for x in range(width):
                values[y, left + x] = block[x, y]


@compiled
def within_planes(mask: NDArray[np.uint8], steps: Floats, first: int, end: int, squared: Real) -> None:
    """Squared distance to the nearest zero voxel of the same plane, for planes first..end of a mask (Z, Y, X).

    steps    (3,) mm between voxels
    squared  (Z, Y, X) is written; infinite where a plane has no zero
    """
    _, rows, columns = mask.shape
    step = steps[2]
    for z in range(first, end):
        for y in range(rows):
            row, to = mask[z, y], squared[z, y]
            x = 0
            while x < columns:
                if not row[x]:
                    to[x] = 0
                    x += 1
                    continue
                begin = x
                while x < columns and row[x]:
                    x += 1
                for i in range(begin, x):
                    left = step * (i - begin + 1) if begin > 0 else np.inf
                    right = step * (x - i) if x < columns else np.inf
                    near = min(left, right)
                    to[i] = near * near
        along_columns(squared[z], steps[1])


@compiled
def across_planes(squared: Real, step: float, first: int, end: int) -> None:
    """Turn squared distances within planes (Z, Y, X) into distances in mm, for rows first..end of every plane."""
    planes, _, columns = squared.shape
    for y in range(first, end):
        along_columns(squared[:, y], step)
        for z in range(planes):
            for x in range(columns):
                squared[z, y, x] = np.sqrt(squared[z, y, x])


@compiled
def at_places(squared: Real, step: float, places: NDArray[np.int32], first: int, end: int, distances: Floats) -> None:
    """What across_planes would give at places first..end, and there only.

    squared    (Z, Y, X) squared distances within planes
    places     (n, 3) indices (z, y, x)
    distances  (n,) is written, in mm
    """
    planes = squared.shape[0]
    for i in range(first, end):
        z, y, x = places[i, 0], places[i, 1], places[i, 2]
        best = squared[z, y, x]
        for k in range(1, planes):
            far = step * k
            apart = far * far
            if apart >= best or (k > z and z + k >= planes):
                break
            if k <= z:
                best = min(best, apart + squared[z - k, y, x])
            if z + k < planes:
                best = min(best, apart + squared[z + k, y, x])
        distances[i] = np.sqrt(best)
