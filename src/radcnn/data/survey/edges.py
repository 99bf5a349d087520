"""The edges of an image: its borders and corners, and structures in the frame where markers are burned in.

All figures are in units of the image's own range, 0 at its 0.5th and 1 at its 99.5th percentile, so that they do not
repeat how bright the image is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BORDER = 0.04  # of the height or width: 9 of 224 pixels
CORNER = 0.125  # of the height and width
GRID = 16  # cells per axis
RING = 2  # outer cells that make the frame: one eighth on each side

BORDERS = ("top border", "bottom border", "left border", "right border")
PATCHES = (*BORDERS, *(f"{v} {h} corner" for v in ("top", "bottom") for h in ("left", "right")))
FIGURES = ("mean", "sd", "maximum", "share of one value")
EDGE_NAMES = tuple(f"{figure} of the {patch}" for patch in PATCHES for figure in FIGURES)

_rows, _columns = np.indices((GRID, GRID))
_distance = np.minimum.reduce([_rows, _columns, GRID - 1 - _rows, GRID - 1 - _columns])
IN_FRAME: NDArray[np.bool_] = _distance < RING
FRAME_CELLS = int(IN_FRAME.sum())


def edge_figures(plane: NDArray, low: float, high: float) -> NDArray[np.float32]:
    """Figures (len(EDGE_NAMES),) of the borders and corners of a plane (H, W)."""
    span = max(high - low, 1e-6)
    found = []
    for patch in _patches(plane):
        values = patch.astype(np.float32).reshape(-1)
        mean, square = values.sum() / values.size, values @ values / values.size
        same = np.count_nonzero(values == values[0]) / values.size
        found += [(mean - low) / span, max(square - mean**2, 0) ** 0.5 / span, (values.max() - low) / span, same]
    return np.array(found, dtype=np.float32)


def _patches(plane: NDArray) -> list[NDArray]:
    height, width = plane.shape
    v, h = max(1, round(BORDER * height)), max(1, round(BORDER * width))
    y, x = max(1, round(CORNER * height)), max(1, round(CORNER * width))
    borders = [plane[:v], plane[-v:], plane[:, :h], plane[:, -h:]]
    return [*borders, plane[:y, :x], plane[:y, -x:], plane[-y:, :x], plane[-y:, -x:]]


def frame_figures(plane: NDArray, low: float, high: float) -> NDArray[np.float32]:
    """How far the brightest and the darkest pixel of each outer cell stand out of its mean: (2, FRAME_CELLS)."""
    height, width = plane.shape
    rows, columns = _starts(height), _starts(width)
    bright, dark = (_reduced(op, plane, rows, columns).astype(np.float64) for op in (np.maximum, np.minimum))
    sums = _reduced(np.add, plane.astype(np.float64), rows, columns)
    mean = sums / np.outer(_lengths(rows, height), _lengths(columns, width))
    away = np.stack([bright - mean, mean - dark]) / max(high - low, 1e-6)
    return away[:, IN_FRAME].astype(np.float32)


def _starts(length: int) -> NDArray[np.intp]:
    """Where the 16 cells begin; on an axis of fewer pixels, cells share one."""
    return (np.arange(GRID) * length // GRID).astype(np.intp)


def _lengths(starts: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    return np.maximum(np.diff(np.append(starts, length)), 1)


def _reduced(op: np.ufunc, plane: NDArray, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray:
    reduced: NDArray = op.reduceat(op.reduceat(plane, rows, axis=0), columns, axis=1)
    return reduced
