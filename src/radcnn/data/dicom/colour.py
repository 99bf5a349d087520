"""Colour images as RGB, channel first: decoders turn YBR into RGB; palettes are looked up here.

pydicom's palettes are not used: it reads the tables of big endian files in the wrong order, and numbers above 255 of an
8-bit palette wrapped around.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radcnn.core.errors import ReadError
from radcnn.data.dicom.layout import EXPLICIT_BIG, PALETTE, Layout
from radcnn.data.dicom.lut import palette_dtype, palette_of


def colour_dtype(name: str, dataset: Any, layout: Layout) -> np.dtype:
    """Of the RGB values of an image; raises ReadError when its palette is missing or means nothing."""
    if layout.meaning != PALETTE:
        return layout.dtype
    try:
        return palette_dtype(dataset)
    except MemoryError:
        raise
    except Exception:
        raise _no_palette(name) from None


def rgb_into(name: str, dataset: Any, layout: Layout, stored: NDArray, out: NDArray) -> None:
    """Write stored numbers (H, W, 3), or (H, W) of a palette, as RGB into `out` (3, H, W)."""
    if layout.meaning != PALETTE:
        np.copyto(out, np.moveaxis(stored, -1, 0), casting="unsafe")
        return
    try:
        tables = palette_of(dataset, little_endian=layout.syntax != EXPLICIT_BIG)
    except MemoryError:
        raise
    except Exception:
        raise _no_palette(name) from None
    for channel, table in zip(out, tables, strict=True):
        channel[...] = table(stored)


def _no_palette(name: str) -> ReadError:
    return ReadError(f"{name} has a palette that cannot be used; export it as RGB")
