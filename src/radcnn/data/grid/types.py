"""What a stored voxel is, and numpy's type of it."""

from __future__ import annotations

from typing import Literal

import numpy as np

Order = Literal["<", ">"]  # little, big endian
Stored = Literal[
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "RGB", "RGBA"
]
COLOURS: tuple[Stored, ...] = ("RGB", "RGBA")


def stored_type(stored: Stored, order: Order) -> np.dtype:
    """numpy's type of a stored voxel; of a colour, of one of its bytes times three or four."""
    if stored in COLOURS:
        return np.dtype((np.uint8, (len(stored),)))
    return np.dtype(stored).newbyteorder(order)
