"""Groups of blocks that look alike, filtered together: the loops of BM3D (Dabov et al., IEEE TIP 2007;16:2080)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Image = NDArray[np.float32]


@compiled
def filter_groups(
    noisy: Image, guide: Image, transform: Image, window: Image, rows: NDArray[np.int64], columns: NDArray[np.int64],
    reach: int, most: int, limit: float, sd: float, threshold: float, wiener: bool, first: int, end: int,
    above: NDArray[np.float64], below: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add filtered blocks, each with its weight, to `above`, and the weights to `below`, for reference rows first..end.

    guide      where blocks are compared, and whose spectrum says how much of the noisy one is kept where `wiener`
    transform  orthonormal (block, block); window weighs the pixels of a block
    rows, columns  where reference blocks begin
    reach      pixels around a reference in which blocks like it are looked for
    most       blocks of a group, a power of 2; `limit` is the largest mean squared difference
    sd, threshold  of the noise; coefficients below threshold times it are taken away where not `wiener`
    """
    side = transform.shape[0]
    last_row, last_column = noisy.shape[0] - side, noisy.shape[1] - side
    at_row, at_column = np.empty(most, np.int64), np.empty(most, np.int64)
    far = np.empty(most, np.float64)
    group, model = np.empty((most, side, side)), np.empty((most, side, side))
    for i in range(first, end):
        for column in columns:
            row = rows[i]
            found = 0
            for r in range(max(0, row - reach), min(last_row, row + reach) + 1):
                for c in range(max(0, column - reach), min(last_column, column + reach) + 1):
                    worst = limit if found < most else far[found - 1]
                    apart = 0.0
                    for y in range(side):
                        for x in range(side):
                            d = guide[row + y, column + x] - guide[r + y, c + x]
                            apart += d * d
                        if apart > worst * side * side:
                            break
                    apart /= side * side
                    if apart > worst or (found == most and apart >= worst):
                        continue
                    k = found if found < most else most - 1
                    while k > 0 and far[k - 1] > apart:
                        far[k], at_row[k], at_column[k] = far[k - 1], at_row[k - 1], at_column[k - 1]
                        k -= 1
                    far[k], at_row[k], at_column[k] = apart, r, c
                    found = min(found + 1, most)
            count = 1
            while 2 * count <= found:
                count *= 2
            for k in range(count):
                _spectrum(noisy, at_row[k], at_column[k], transform, group[k])
                if wiener:
                    _spectrum(guide, at_row[k], at_column[k], transform, model[k])
            _haar(group, count, False)
            weight = 0.0
            if wiener:
                _haar(model, count, False)
                for k in range(count):
                    for y in range(side):
                        for x in range(side):
                            power = model[k, y, x] ** 2
                            share = power / (power + sd * sd)
                            group[k, y, x] *= share
                            weight += share * share
            else:
                for k in range(count):
                    for y in range(side):
                        for x in range(side):
                            if abs(group[k, y, x]) < threshold * sd:
                                group[k, y, x] = 0.0
                            else:
                                weight += 1.0
            weight = 1.0 / max(weight, 1.0)
            _haar(group, count, True)
            for k in range(count):
                _add_block(group[k], at_row[k], at_column[k], transform, window, weight, above, below)


@compiled
def _spectrum(image, row, column, transform, out):  # type: ignore[no-untyped-def]
    """T block T' of the block that begins at a place."""
    side = transform.shape[0]
    half = np.empty((side, side))
    for u in range(side):
        for x in range(side):
            total = 0.0
            for y in range(side):
                total += transform[u, y] * image[row + y, column + x]
            half[u, x] = total
    for u in range(side):
        for v in range(side):
            total = 0.0
            for x in range(side):
                total += half[u, x] * transform[v, x]
            out[u, v] = total


@compiled
def _add_block(spectrum, row, column, transform, window, weight, above, below):  # type: ignore[no-untyped-def]
    """Add T' spectrum T, weighed, where it belongs."""
    side = transform.shape[0]
    half = np.empty((side, side))
    for y in range(side):
        for v in range(side):
            total = 0.0
            for u in range(side):
                total += transform[u, y] * spectrum[u, v]
            half[y, v] = total
    for y in range(side):
        for x in range(side):
            total = 0.0
            for v in range(side):
                total += half[y, v] * transform[v, x]
            share = weight * window[y, x]
            above[row + y, column + x] += share * total
            below[row + y, column + x] += share


@compiled
def _haar(group, count, inverse):  # type: ignore[no-untyped-def]
    """The orthonormal Haar transform along the first axis, of its first `count` blocks, in place."""
    side = group.shape[1]
    line, made = np.empty(count), np.empty(count)
    root = np.sqrt(0.5)
    for y in range(side):
        for x in range(side):
            for k in range(count):
                line[k] = group[k, y, x]
            if inverse:
                length = 2
                while length <= count:
                    half = length // 2
                    for k in range(half):
                        made[2 * k] = (line[k] + line[half + k]) * root
                        made[2 * k + 1] = (line[k] - line[half + k]) * root
                    for k in range(length):
                        line[k] = made[k]
                    length *= 2
            else:
                length = count
                while length > 1:
                    half = length // 2
                    for k in range(half):
                        made[k] = (line[2 * k] + line[2 * k + 1]) * root
                        made[half + k] = (line[2 * k] - line[2 * k + 1]) * root
                    for k in range(length):
                        line[k] = made[k]
                    length = half
            for k in range(count):
                group[k, y, x] = line[k]
