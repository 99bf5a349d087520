"""Groups of blocks that look alike, filtered together: the loops of BM3D (Dabov et al., IEEE TIP 2007;16:2080)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Image = NDArray[np.float32]


@compiled
def filter_groups(
    noisy: Image, guide: Image, transform: Image, window: Image, rows: NDArray[np.int64], columns: NDArray[np.int64],
    reach: int, most: int, limit: float, sd: float, threshold: float,
    above: NDArray[np.float64], below: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add filtered blocks, each with its weight, to `above` (rows, columns), and the weights to `below`.

    guide      (rows, columns) where blocks are compared
    transform  orthonormal (side, side); window (side, side) weighs the pixels of a block
    rows, columns  where reference blocks begin
    reach      pixels around a reference in which blocks like it are looked for
    most       blocks of a group, a power of 2; `limit` is the largest mean squared difference
    sd         of the noise
    threshold  coefficients below so many times it are taken away; 0: the guide's spectrum says how much of each is kept
               (Wiener's filter)
    """
    side = transform.shape[0]
    place = np.empty((most, 2), np.int64)
    group, model = np.empty((most, side, side)), np.empty((most, side, side))
    for row in rows:
        for column in columns:
            count = _alike(guide, row, column, side, reach, limit, place)
            for k in range(count):
                r, c = place[k]
                _both_sides(transform, noisy[r : r + side, c : c + side], group[k])
            _haar(group, count, False)
            if threshold == 0.0:
                for k in range(count):
                    r, c = place[k]
                    _both_sides(transform, guide[r : r + side, c : c + side], model[k])
                _haar(model, count, False)
                kept = _wiener(group, model, count, sd)
            else:
                kept = _hard(group, count, threshold * sd)
            _haar(group, count, True)
            weight = 1.0 / max(kept, 1.0)
            for k in range(count):
                r, c = place[k]
                _both_sides(transform.T, group[k], model[k])
                for y in range(side):
                    for x in range(side):
                        share = weight * window[y, x]
                        above[r + y, c + x] += share * model[k, y, x]
                        below[r + y, c + x] += share


@compiled
def _alike(guide, row, column, side, reach, limit, place):  # type: ignore[no-untyped-def]
    """Places of the blocks most like that at a place, itself first; how many they are, a power of 2."""
    most, found = len(place), 0
    far = np.empty(most)
    for r in range(max(0, row - reach), min(guide.shape[0] - side, row + reach) + 1):
        for c in range(max(0, column - reach), min(guide.shape[1] - side, column + reach) + 1):
            worst = limit if found < most else far[most - 1]
            apart = 0.0
            for y in range(side):
                for x in range(side):
                    d = guide[row + y, column + x] - guide[r + y, c + x]
                    apart += d * d
                if apart > worst * side * side:
                    break
            apart /= side * side
            if apart > worst or (found == most and apart == worst):
                continue
            k = min(found, most - 1)
            while k > 0 and far[k - 1] > apart:
                far[k], place[k] = far[k - 1], place[k - 1]
                k -= 1
            far[k], place[k, 0], place[k, 1] = apart, r, c
            found = min(found + 1, most)
    count = 1
    while 2 * count <= found:
        count *= 2
    return count


@compiled
def _wiener(group, model, count, sd):  # type: ignore[no-untyped-def]
    """Keep of each coefficient what the model's says is no noise; the sum of squared shares."""
    kept = 0.0
    for k in range(count):
        for y in range(group.shape[1]):
            for x in range(group.shape[2]):
                power = model[k, y, x] ** 2
                share = power / (power + sd * sd)
                group[k, y, x] *= share
                kept += share * share
    return kept


@compiled
def _hard(group, count, level):  # type: ignore[no-untyped-def]
    """Take coefficients below a level away; how many are left."""
    kept = 0.0
    for k in range(count):
        for y in range(group.shape[1]):
            for x in range(group.shape[2]):
                if abs(group[k, y, x]) < level:
                    group[k, y, x] = 0.0
                else:
                    kept += 1.0
    return kept


@compiled
def _both_sides(matrix, block, out):  # type: ignore[no-untyped-def]
    """matrix @ block @ matrix', into `out`."""
    side = len(matrix)
    half = np.empty((side, side))
    for u in range(side):
        for x in range(side):
            total = 0.0
            for y in range(side):
                total += matrix[u, y] * block[y, x]
            half[u, x] = total
    for u in range(side):
        for v in range(side):
            total = 0.0
            for x in range(side):
                total += half[u, x] * matrix[v, x]
            out[u, v] = total


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
            length = 2 if inverse else count
            while 1 < length <= count:
                half = length // 2
                for k in range(half):
                    if inverse:
                        made[2 * k] = (line[k] + line[half + k]) * root
                        made[2 * k + 1] = (line[k] - line[half + k]) * root
                    else:
                        made[k] = (line[2 * k] + line[2 * k + 1]) * root
                        made[half + k] = (line[2 * k] - line[2 * k + 1]) * root
                for k in range(length):
                    line[k] = made[k]
                length = 2 * length if inverse else half
            for k in range(count):
                group[k, y, x] = line[k]
