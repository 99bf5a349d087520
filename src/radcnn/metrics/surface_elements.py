"""How much surface, or contour, a cell of neighbouring voxels holds: marching cubes with the half-way points.

Of the corners of a cell, those of the rarer kind are cut off from the others, each group of neighbours by one polygon
through the middles of the cell's edges that lead out of the group. Where a polygon is not flat its triangles matter:
they are those of the largest area on a grid of unit steps. This gives the areas of the surface elements of Nikolov et
al. 2021 (doi:10.2196/26151), and in a plane the lengths of the contour elements.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np

from radcnn.metrics.clustered import Floats

TIE = 1e-12  # areas that differ by less are equal


def element_sizes(spacing_mm: Floats) -> Floats:
    """Area in mm^2 (three axes) or length in mm (two) of the element in a cell of every code: (256,) or (16,).

    spacing_mm  (d,) distances of the cell's corners along each axis
    A code has a bit per corner, that of the first corner being the highest and the last axis going fastest.

    >>> element_sizes(np.array([2.0, 3.0]))[0b0011].item()  # both corners of the second row: a line along the row
    3.0
    """
    sides = _sides(spacing_mm.size) * spacing_mm
    if spacing_mm.size == 3:
        sizes: Floats = np.linalg.norm(np.cross(sides[..., 0, :], sides[..., 1, :]), axis=-1).sum(axis=1) / 2
    else:
        sizes = np.linalg.norm(sides[..., 0, :], axis=-1).sum(axis=1)
    return sizes


@cache
def _sides(dims: int) -> Floats:
    """The two sides of each triangle, or the one of each segment, for every code: (codes, most, dims - 1, dims)."""
    found = [
        [sides for loop in _loops(code, dims) for sides in (_triangles(loop)[1] if dims == 3 else [loop[1:] - loop[0]])]
        for code in range(2**2**dims)
    ]
    table = np.zeros((len(found), max(map(len, found)), dims - 1, dims))
    for code, elements in enumerate(found):
        for place, sides in enumerate(elements):
            table[code, place] = sides
    table.flags.writeable = False
    return table


def _loops(code: int, dims: int) -> list[Floats]:
    """The corners (k, dims) of the polygon around each group of neighbouring corners of the rarer kind."""
    corners = list(itertools.product((0, 1), repeat=dims))
    inside = {corner for bit, corner in enumerate(reversed(corners)) if code >> bit & 1}
    left = sorted(inside if 2 * len(inside) <= len(corners) else set(corners) - inside)
    loops = []
    while left:
        group, middles = [left.pop()], []
        for corner in group:
            for axis in range(dims):
                other = (*corner[:axis], 1 - corner[axis], *corner[axis + 1 :])
                if other in left:
                    left.remove(other)
                    group.append(other)
                elif other not in group:
                    middles.append((np.array(corner) + other) / 2)
        loop = [middles.pop()]
        while middles:
            # in a volume, the next one lies on the same face of the cell; in a plane there are but two
            same_face = (i for i, middle in enumerate(middles) if np.any((middle == loop[-1]) & (middle != 0.5)))
            loop.append(middles.pop(next(same_face, 0)))
        loops.append(np.array(loop))
    return loops


def _triangles(loop: Floats) -> tuple[float, list[Floats]]:
    """The triangulation of the largest area: twice that area, and two sides (2, 3) of each triangle."""
    best: tuple[float, list[Floats]] = (0.0, [])
    for tip in range(1, len(loop) - 1):
        sides = np.array([loop[tip] - loop[0], loop[-1] - loop[0]])
        before, after = _triangles(loop[: tip + 1]), _triangles(loop[tip:])
        area = float(np.linalg.norm(np.cross(*sides))) + before[0] + after[0]
        if area > best[0] + TIE:
            best = area, [*before[1], *after[1], sides]
    return best
