"""Pixels that can change sides without a region being split, joined, made or lost: the simple points of a plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Bytes = NDArray[np.uint8]


def simple_codes() -> Bytes:
    """Whether the middle of 3 x 3 pixels is simple, for each code of its eight neighbours (256,): 1 or 0.

    Inside has 4 neighbours a pixel, outside 8. A pixel is simple where the inside about it is one piece that touches
    it by a side and the outside about it is one piece (Kong and Rosenfeld 1989). Neighbours have a bit each, clockwise
    from the upper left one, which is the lowest.
    """
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    found = np.zeros(256, np.uint8)
    for code in range(256):
        inside = {place for bit, place in enumerate(around) if code >> bit & 1}
        outside = set(around) - inside
        found[code] = _pieces(inside, diagonal=False) == 1 and _pieces(outside, diagonal=True) == 1
    return found


def _pieces(places: set[tuple[int, int]], *, diagonal: bool) -> int:
    """Pieces that touch the middle: by a side for 4 neighbours, by any corner for 8."""
    left, count = set(places), 0
    while left:
        group, touches = [left.pop()], False
        for row, column in group:
            touches |= diagonal or 1 in (row, column)
            for other in list(left):
                down, across = abs(other[0] - row), abs(other[1] - column)
                if max(down, across) == 1 and (diagonal or down + across == 1):
                    left.remove(other)
                    group.append(other)
        count += touches
    return count


@compiled
def warp_towards(mask: Bytes, wanted: Bytes, allowed: Bytes, simple: Bytes, rounds: int) -> int:
    """Turn simple pixels of a mask (H, W), in place, that differ from what is wanted; returns how many were turned.

    allowed  1 where a pixel may be turned; those at the image's edge never are
    rounds   at most so many passes over the image, in turns from either end
    """
    rows, columns = mask.shape
    total = 0
    for turn in range(rounds):
        changed = 0
        for i in range(1, rows - 1):
            r = i if turn % 2 == 0 else rows - 1 - i
            for j in range(1, columns - 1):
                c = j if turn % 2 == 0 else columns - 1 - j
                if mask[r, c] == wanted[r, c] or allowed[r, c] == 0:
                    continue
                code = (
                    mask[r - 1, c - 1]
                    | mask[r - 1, c] << 1
                    | mask[r - 1, c + 1] << 2
                    | mask[r, c + 1] << 3
                    | mask[r + 1, c + 1] << 4
                    | mask[r + 1, c] << 5
                    | mask[r + 1, c - 1] << 6
                    | mask[r, c - 1] << 7
                )
                if simple[code] == 1:
                    mask[r, c] = wanted[r, c]
                    changed += 1
        total += changed
        if changed == 0:
            break
    return total
