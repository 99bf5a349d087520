"""Subbands and code blocks as tables of numbers (ISO/IEC 15444-1 Annex B), for an image that begins at 0, 0.

Each resolution is one precinct, so that a subband has one tag tree for inclusion and one for missing planes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.jpeg2000.codestream import Codestream

# columns of the table of subbands
LEFT, TOP, WIDTH, HEIGHT, PLANES, ACROSS, DOWN, FIRST_BLOCK, FIRST_NODE, KIND = range(10)
MOST_BLOCKS = 1 << 17  # of all subbands, times layers


def bands_of(stream: Codestream) -> NDArray[np.int64]:
    """One row per subband, in the order of packets: LL, then HL, LH and HH of each level, the coarsest first.

    LEFT, TOP      where it lies among the coefficients: LL top left, around it level for level
    PLANES         the most bit planes that its magnitudes may have
    ACROSS, DOWN   its code blocks
    FIRST_BLOCK, FIRST_NODE  the number of its first code block and node of a tag tree
    KIND           0 to 3: LL, HL, LH, HH
    """
    return _bands(
        stream.rows,
        stream.columns,
        stream.levels,
        stream.block_width,
        stream.block_height,
        stream.guard_bits,
        stream.exponents,
    )


@lru_cache(maxsize=8)
def _bands(
    rows: int, columns: int, levels: int, block_width: int, block_height: int, guard: int, exponents: tuple[int, ...]
) -> NDArray[np.int64]:
    table = np.zeros((3 * levels + 1, 10), np.int64)
    block, node = 0, 0
    for n, band in enumerate(table):
        level = levels if n == 0 else levels - (n - 1) // 3
        kind = 0 if n == 0 else (n - 1) % 3 + 1
        left, width = _extent(columns, level, high=bool(kind & 1))
        top, height = _extent(rows, level, high=bool(kind & 2))
        across, down = (-(-width >> block_width), -(-height >> block_height)) if width and height else (0, 0)
        band[:] = (left, top, width, height, guard + exponents[n] - 1, across, down, block, node, kind)
        block += across * down
        node += nodes_of(across, down)
    table.setflags(write=False)
    return table


def _extent(length: int, level: int, *, high: bool) -> tuple[int, int]:
    """Where a subband begins and how long it is, along one axis."""
    low = -(-length >> level)
    if not high:
        return 0, low
    return low, -(-length >> (level - 1)) - low


def nodes_of(across: int, down: int) -> int:
    """The nodes of a tag tree over so many leaves."""
    count = across * down
    while across * down > 1:
        across, down = (across + 1) // 2, (down + 1) // 2
        count += across * down
    return count


def blocks_in(bands: NDArray[np.int64]) -> int:
    """The number of code blocks."""
    return int(bands[-1, FIRST_BLOCK] + bands[-1, ACROSS] * bands[-1, DOWN])
