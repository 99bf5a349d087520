"""Markers: small structures in the outer eighth of an image that are brighter, or darker, than all around them.

A cell of the 16 x 16 grid holds one where its brightest pixel is above the mean of each of the 9 cells about it by 0.4
of the image's range, and likewise for its darkest. The edge of the body is no marker: the body goes on in a cell
beside it. Of 40 such cells drawn from chest radiographs about 30 held letters, times or electrodes, the rest film edges
and ribs against the air; of cells whose brightest pixel is 0.5 above their own mean, less than half held any.

Means of cells come from the thumbnail, whose scale is that of nine means that are known in the image's range: its
borders, its corners and itself. On 224 x 224 radiographs the line through them has a residual of 0.001.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radcnn.data.survey.edges import FIGURES, GRID, IN_FRAME
from radcnn.data.survey.look import Look
from radcnn.data.survey.thumbnails import SIDE, areas

STANDS_OUT = 0.4  # of the range; ribs and clavicles stay below
CORNER_PIXELS = 3  # of the thumbnail: an eighth of its side, as a corner is of the image

Floats = NDArray[np.float64]


def marker_figures(looks: Sequence[Look]) -> Floats:
    """By how much each cell of the frame stands out, bright and dark: (n, 2, FRAME_CELLS), 0 where it is no marker."""
    away = np.stack([look.frame for look in looks]).astype(np.float64)
    means = _cell_means(looks)
    own = means[:, IN_FRAME]
    brightest = ndimage.maximum_filter(means, size=(1, 3, 3))[:, IN_FRAME]
    darkest = ndimage.minimum_filter(means, size=(1, 3, 3))[:, IN_FRAME]
    found = np.stack([own + away[:, 0] - brightest, darkest - own + away[:, 1]], axis=1)
    # where cells stand out everywhere it is noise, whose share of the range changes with what lies inside
    found -= np.maximum(np.median(found, axis=2, keepdims=True), 0)
    return np.where(found > STANDS_OUT, found, 0.0)


def _cell_means(looks: Sequence[Look]) -> Floats:
    """Means of all cells (n, GRID, GRID), 0 at the image's 0.5th and 1 at its 99.5th percentile."""
    small = np.stack([look.middle[0] for look in looks]).astype(np.float64)
    slope, shift = _scale(_patch_means(small), _known_means(looks))
    to_cells = areas(SIDE, GRID).astype(np.float64)
    cells: Floats = np.einsum("ij,njk,lk->nil", to_cells, small, to_cells, optimize=True)
    return slope[:, None, None] * cells + shift[:, None, None]


def _scale(given: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Slopes and shifts (n,) of the lines through points (n, 9)."""
    centre, level = given.mean(axis=1, keepdims=True), known.mean(axis=1, keepdims=True)
    spread = ((given - centre) ** 2).sum(axis=1)
    slope = ((given - centre) * (known - level)).sum(axis=1) / np.maximum(spread, 1e-9)
    return slope, level[:, 0] - slope * centre[:, 0]


def _known_means(looks: Sequence[Look]) -> Floats:
    """Means of borders, corners and whole images, in their range."""
    edges = np.stack([look.edges[:: len(FIGURES)] for look in looks]).astype(np.float64)
    grey = [look.intensities for look in looks]
    whole = np.array([(one.mean - one.low) / max(one.high - one.low, 1e-6) for one in grey])
    return np.column_stack([edges, whole])


def _patch_means(small: Floats) -> Floats:
    """The same of thumbnails, whose outer pixels are the borders: a 24th, where a border is a 25th."""
    k = CORNER_PIXELS
    patches = [small[:, :1], small[:, -1:], small[:, :, :1], small[:, :, -1:]]
    patches += [small[:, :k, :k], small[:, :k, -k:], small[:, -k:, :k], small[:, -k:, -k:], small]
    return np.stack([patch.mean(axis=(1, 2)) for patch in patches], axis=1)


def marker_names() -> list[str]:
    """Bright and dark structures by where they lie, in thirds of the image."""
    rows, columns = ("top", "middle", "bottom"), ("left", "centre", "right")
    places = [f"{rows[v * 3 // GRID]} {columns[h * 3 // GRID]}" for v, h in np.argwhere(IN_FRAME)]
    return [f"{kind} structure at the {place}" for kind in ("bright", "dark") for place in places]
