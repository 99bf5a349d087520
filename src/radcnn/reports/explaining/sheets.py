"""Sheets of small pictures side by side: patches of images, and patterns of either sign."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TILE, GAP = 96, 4  # pixels
ACROSS = 3  # as the paper shows nine
NOTHING = 0.5  # the grey of a pattern's zeros
PAPER = 255


def patch(plane: NDArray, low: float, high: float) -> NDArray[np.float64]:
    """Values (H, W) as 0..1 between an image's darkest and brightest."""
    return np.clip((np.asarray(plane, dtype=np.float64) - low) / max(high - low, 1e-12), 0, 1)


def pattern(plane: NDArray) -> NDArray[np.float64]:
    """Values (H, W) of either sign as 0..1, zero being the middle grey, divided by the largest without sign.

    >>> pattern(np.array([[-2.0, 0.0, 1.0]])).tolist()
    [[0.0, 0.5, 0.75]]
    """
    values = np.asarray(plane, dtype=np.float64)
    return NOTHING + values / (2 * max(float(np.abs(values).max()), 1e-12))


def sheet(tiles: Sequence[NDArray[np.float64]], *, across: int = ACROSS) -> bytes:
    """Planes of 0..1, of any size, in rows of so many, as an 8-bit PNG; each keeps its shape within its tile."""
    down = -(-len(tiles) // across)
    made = Image.new("L", (across * (TILE + GAP) - GAP, down * (TILE + GAP) - GAP), PAPER)
    for k, tile in enumerate(tiles):
        small = Image.fromarray(np.rint(255 * tile).astype(np.uint8))
        times = TILE / max(small.size)
        size = [max(1, round(n * times)) for n in small.size]
        filtered = Image.Resampling.NEAREST if times >= 2 else Image.Resampling.BILINEAR
        row, column = divmod(k, across)
        made.paste(small.resize((size[0], size[1]), filtered), (column * (TILE + GAP), row * (TILE + GAP)))
    file = io.BytesIO()
    made.save(file, "PNG", optimize=True)
    return file.getvalue()
