"""Samples of a spectrum along lines through its origin, spread onto a Cartesian grid or taken from one: gridding.

The image is real: of each pair of conjugate samples one is given, and of the grid the half with columns 0..half.
(O'Sullivan, IEEE TMI 1985;4:200; Jackson et al., IEEE TMI 1991;10:473.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radcnn.kernels.compiled import compiled

Complex = NDArray[np.complexfloating]
Floats = NDArray[np.floating]


@compiled
def spread_lines(
    spectra: Complex, across: Floats, down: Floats, width: int, table: Floats, fine: int, first: int, end: int,
    grid: Complex,
) -> None:  # fmt: skip
    """Add lines first..end of samples (lines, samples) to a grid (2 half, half + 1), which goes on beyond its edges.

    across, down  columns and rows from one sample of a line to the next, (lines,); sample 0 lies at the origin
    table         the window's value at distances of 0, 1 / fine, 2 / fine ... columns, 0 from width / 2 on
    """
    rows, half = grid.shape[0], grid.shape[1] - 1
    beside, above = np.empty(width, table.dtype), np.empty(width, table.dtype)
    for line in range(first, end):
        for m in range(spectra.shape[1]):
            value, x, y = spectra[line, m], m * across[line], m * down[line]
            if max(abs(x), abs(y)) > half:  # beyond the image's own highest frequency it begins anew
                x, y = x - rows * np.rint(x / rows), y - rows * np.rint(y / rows)
            if x < 0:
                value, x, y = np.conj(value), -x, -y
            left, top = int(np.ceil(x - width / 2)), int(np.ceil(y - width / 2))
            for i in range(width):
                beside[i] = table[int(abs(x - (left + i)) * fine + 0.5)]
                above[i] = table[int(abs(y - (top + i)) * fine + 0.5)]
            if left > 0 and left + width <= half:
                for j in range(width):
                    row = top + j
                    row = row + rows if row < 0 else row - rows if row >= rows else row
                    share = value * above[j]
                    for i in range(width):
                        grid[row, left + i] += share * beside[i]
            else:
                _at_the_rim(grid, value, left, top, beside, above)


@compiled
def _at_the_rim(grid, value, left, top, beside, above):  # type: ignore[no-untyped-def]
    """One sample near the first or the last column, where its conjugate is near, too."""
    rows, half = grid.shape[0], grid.shape[1] - 1
    for j in range(len(above)):
        row, opposite = (top + j) % rows, -(top + j) % rows
        share = value * above[j]
        for i in range(len(beside)):
            column = left + i
            if column == 0 or column == half:
                grid[row, column] += share * beside[i]
                grid[opposite, column] += np.conj(share) * beside[i]
            elif column > half:
                grid[opposite, 2 * half - column] += np.conj(share) * beside[i]
            elif column > 0:
                grid[row, column] += share * beside[i]
            else:
                grid[opposite, -column] += np.conj(share) * beside[i]


@compiled
def take_lines(
    grid: Complex, across: Floats, down: Floats, width: int, table: Floats, fine: int, first: int, end: int,
    spectra: Complex,
) -> None:  # fmt: skip
    """The adjoint: samples of lines first..end (lines, samples) from a grid (2 half, half + 1); 0 beyond its edges."""
    rows, half = grid.shape[0], grid.shape[1] - 1
    beside, above = np.empty(width, table.dtype), np.empty(width, table.dtype)
    for line in range(first, end):
        for m in range(spectra.shape[1]):
            x, y = m * across[line], m * down[line]
            spectra[line, m] = 0
            if max(abs(x), abs(y)) > half:
                continue
            turned = x < 0
            if turned:
                x, y = -x, -y
            left, top = int(np.ceil(x - width / 2)), int(np.ceil(y - width / 2))
            for i in range(width):
                beside[i] = table[int(abs(x - (left + i)) * fine + 0.5)]
                above[i] = table[int(abs(y - (top + i)) * fine + 0.5)]
            value = spectra[line, m]
            for j in range(width):
                row = (top + j) % rows
                for i in range(width):
                    column, share = left + i, above[j] * beside[i]
                    if column < 0:
                        value += share * np.conj(grid[-row % rows, -column])
                    elif column > half:
                        value += share * np.conj(grid[-row % rows, rows - column])
                    else:
                        value += share * grid[row, column]
            spectra[line, m] = np.conj(value) if turned else value
