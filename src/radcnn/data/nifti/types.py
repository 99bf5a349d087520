"""What a stored voxel is, and which type its value takes: one that merges no two values."""

from __future__ import annotations

import numpy as np

from radcnn.core.errors import ReadError
from radcnn.core.volume import Units
from radcnn.data.grid.types import COLOURS, Stored, stored_type
from radcnn.data.nifti.header import Header

DATATYPES: dict[int, Stored] = {
    2: "uint8",
    4: "int16",
    8: "int32",
    16: "float32",
    64: "float64",
    128: "RGB",
    256: "int8",
    512: "uint16",
    768: "uint32",
    1024: "int64",
    1280: "uint64",
    2304: "RGBA",
}
REFUSED_TYPES = {
    0: "voxels of unknown type, so nobody knows what its bytes mean; save it with a type",
    1: "1-bit voxels, whose order of bits the standard leaves open; save it as uint8",
    32: "complex voxels, which are no grey values; save their magnitude",
    1536: "128-bit numbers, whose form depends on the machine that wrote them; save it as float64",
    1792: "complex voxels, which are no grey values; save their magnitude",
    2048: "complex voxels, which are no grey values; save their magnitude",
}
NO_GRID = {
    1008: "a set of points",
    1009: "triangles of a surface",
    2002: "indices of a surface's nodes",
    2005: "values of a surface",
}
CIFTI = range(3000, 3100)
LABEL = 1002  # intent code: the numbers are labels


def stored_of(name: str, header: Header) -> Stored:
    """The type of a stored voxel, of the header's datatype; raises ReadError for no number, or another bitpix."""
    if header.intent in NO_GRID or header.intent in CIFTI:
        what = NO_GRID.get(header.intent, "CIFTI data of surfaces and regions")
        raise ReadError(f"{name} holds {what} (intent {header.intent}), no image on a grid; give the image itself")
    if header.datatype in REFUSED_TYPES:
        raise ReadError(f"{name} holds {REFUSED_TYPES[header.datatype]}")
    if header.datatype not in DATATYPES:
        raise ReadError(f"{name} claims data type {header.datatype}, which NIfTI does not know; its header is damaged")
    stored = DATATYPES[header.datatype]
    bits = 8 * stored_type(stored, "<").itemsize
    if header.bitpix not in (bits, 0):  # some programs leave it empty
        raise ReadError(
            f"{name} contradicts itself: its voxels are {stored} ({bits} bits) and have {header.bitpix} bits; "
            "its header is damaged"
        )
    return stored


def scaling_of(name: str, header: Header) -> tuple[float, float] | None:
    """Slope and intercept; None where there is nothing to scale: a slope of 0 or of NaN means so."""
    slope, inter = header.slope, header.inter
    if slope == 0 or np.isnan(slope) or (slope, inter) == (1, 0):
        return None
    if not np.isfinite([slope, inter]).all():
        raise ReadError(f"{name} is scaled by {slope:g} and {inter:g}, no numbers; correct scl_slope and scl_inter")
    return slope, inter


def scaled_type(stored: Stored, scaling: tuple[float, float]) -> str:
    """The floating-point type that keeps scaled values apart.

    float32 keeps 24 bits: of whole numbers it is enough while two neighbours, |slope| apart, stay apart at the largest
    value the type can take; otherwise float64. Stored float32 stay float32.
    """
    slope, inter = scaling
    if stored in ("float32", "float64"):
        return stored
    limits = np.iinfo(stored)
    largest = max(abs(slope * int(limit) + inter) for limit in (limits.min, limits.max))
    if largest >= float(np.finfo(np.float32).max):
        return "float64"
    return "float32" if float(np.spacing(np.float32(largest))) <= abs(slope) else "float64"


def units_of(header: Header, stored: Stored, dtype: str) -> Units:
    if stored in COLOURS:
        return "rgb"
    return "mask" if header.intent == LABEL and np.dtype(dtype).kind in "iu" else "arbitrary"
